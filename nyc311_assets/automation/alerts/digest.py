"""The sensor that sends the watch list, once a day."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import dagster as dg

from nyc311_assets.automation.alerts.ticks import AlertDesk, Decide
from nyc311_assets.resources.episode_messages import MOST_LINES, by_severity, digest_line
from nyc311_assets.resources.ledger_episodes import KnownEpisode, read_episodes
from nyc311_assets.resources.ledger_rows import Alert, alert_id

DIGEST = "watch_digest"
# After the nightly run. The hour that is skipped or comes twice when the clocks change is earlier.
DIGEST_HOUR = 7
INTERVAL_SECONDS = 300


def digest_sensor(status: dg.DefaultSensorStatus) -> dg.SensorDefinition:
    """One message a day, from 07:00 New York on, if an episode is on watch that none told before.

    Args:
        status: Whether the sensor runs without being switched on.
    """

    @dg.sensor(
        name=DIGEST,
        minimum_interval_seconds=INTERVAL_SECONDS,
        default_status=status,
        description="Sends the list of episodes on watch once a day, when there is a new one.",
    )
    def watch_digest(
        context: dg.SensorEvaluationContext, alert_desk: dg.ResourceParam[AlertDesk]
    ) -> dg.SensorResult:
        return alert_desk.tick(context, decide_digest(alert_desk), None)

    return watch_digest


def decide_digest(desk: AlertDesk) -> Decide | None:
    """Today's digest; None before its hour and while there is no table."""
    if desk.local_now.hour < DIGEST_HOUR:
        return None
    desk.ledger.compact()
    episodes = read_episodes(desk.settings.tables_url)
    if episodes is None:
        return None
    today, limit = desk.today, desk.settings.alert_max_age_days
    listed = [
        each
        for each in episodes.rows
        if each.state == "open" and each.tier == "watch" and (today - each.end).days <= limit
    ]

    def decide(alerts: Sequence[Alert]) -> Sequence[Alert]:
        silent = {
            each.subject
            for each in alerts
            if each.acknowledged_at or each.marked_false_at or each.is_muted(today)
        }
        shown = [each for each in listed if each.id not in silent]
        told = {
            name
            for each in alerts
            if each.kind == DIGEST
            for name in each.attributes["episodes"].split(",")
        }
        if all(each.id in told for each in shown):
            return []
        return [_digest(desk, shown, told, desk.clock())]

    return decide


def _digest(desk: AlertDesk, shown: Sequence[KnownEpisode], told: set[str], now: datetime) -> Alert:
    today = desk.today.isoformat()
    ranked = by_severity(shown)
    lines = [
        f"{place}. {digest_line(each, is_new=each.id not in told)}"
        for place, each in enumerate(ranked[:MOST_LINES], start=1)
    ]
    more = len(ranked) - len(lines)
    link = f"Look: {desk.links.dashboard_url}"
    count = "1 series" if len(ranked) == 1 else f"{len(ranked):,} series"
    return Alert(
        alert_id=alert_id(DIGEST, today),
        kind=DIGEST,
        subject=f"{DIGEST}:{today}",
        severity="info",
        title=f"On watch {today}: {count}",
        body="\n".join([*lines, f"{link} ({more:,} more)" if more else link]),
        # Those that had no line, too: tomorrow they are not new.
        attributes={
            "kind": DIGEST,
            "day": today,
            "episodes": ",".join(each.id for each in ranked),
        },
        created_at=now,
    )
