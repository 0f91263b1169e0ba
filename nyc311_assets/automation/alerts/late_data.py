"""The sensor that tells of late data."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime

import dagster as dg

from nyc311_assets.automation.alerts.ticks import AlertDesk, Decide
from nyc311_assets.resources.ledger_rows import Alert, alert_id

LATE, OVER = "data_late", "data_late_over"
GOLD_ASSET = "gold_daily_counts"
INTERVAL_SECONDS = 600


@dataclass(frozen=True, slots=True)
class Deadline:
    """When a day should be there.

    Attributes:
        after_days: Most days between the newest complete day and the present one, from `by_hour`
            on; before it one more.
        by_hour: Hour of New York.
    """

    after_days: int
    by_hour: int

    def is_missed(self, last_complete_day: date, now: datetime) -> bool:
        """Whether data is late.

        Args:
            last_complete_day: The newest complete day.
            now: The present time in New York. Days are counted by the calendar, so that those of
                23 and 25 hours count as one.
        """
        allowed = self.after_days + (0 if now.hour >= self.by_hour else 1)
        return (now.date() - last_complete_day).days > allowed


def late_data_sensor(status: dg.DefaultSensorStatus) -> dg.SensorDefinition:
    """Tells once that data is late, and once that it no longer is.

    Args:
        status: Whether the sensor runs without being switched on.
    """

    @dg.sensor(
        name="late_data",
        minimum_interval_seconds=INTERVAL_SECONDS,
        default_status=status,
        description="Tells when no new complete day has come in time, and when one has.",
    )
    def late_data(
        context: dg.SensorEvaluationContext, alert_desk: dg.ResourceParam[AlertDesk]
    ) -> dg.SensorResult:
        day = last_complete_day(context.instance)
        return alert_desk.tick(context, decide_lateness(alert_desk, day) if day else None, None)

    return late_data


def last_complete_day(instance: dg.DagsterInstance) -> date | None:
    """The newest complete day, as the newest materialization of gold names it."""
    event = instance.get_latest_materialization_event(dg.AssetKey(GOLD_ASSET))
    found = event.asset_materialization if event else None
    value = found.metadata.get("last_complete_day") if found else None
    if value is None or value.value in {None, "None"}:
        return None
    return date.fromisoformat(str(value.value))


def decide_lateness(desk: AlertDesk, day: date) -> Decide:
    """Whether data has become late, or is no longer.

    A lateness begins with the day after which nothing came, and ends when data is in time again:
    days that come meanwhile, and are late themselves, are the same lateness.
    """
    deadline = Deadline(desk.settings.late_after_days, desk.settings.late_by_hour)
    now = desk.local_now
    is_late = deadline.is_missed(day, now)

    def decide(alerts: Sequence[Alert]) -> Sequence[Alert]:
        over = {each.subject for each in alerts if each.kind == OVER}
        going_on = [each for each in alerts if each.kind == LATE and each.subject not in over]
        if is_late and not going_on:
            return [_late(desk, day, now)]
        return [] if is_late else [_over(desk, each.subject, day) for each in going_on]

    return decide


def _late(desk: AlertDesk, day: date, now: datetime) -> Alert:
    days = (now.date() - day).days
    return Alert(
        alert_id=alert_id(LATE, day.isoformat()),
        kind=LATE,
        subject=f"{LATE}:{day.isoformat()}",
        severity="warning",
        title=f"Data is late: nothing complete after {day.isoformat()}",
        body=(
            f"The newest complete day is {day.isoformat()}, {days} days ago; at "
            f"{desk.settings.late_by_hour:02d}:00 New York it should be at most "
            f"{desk.settings.late_after_days}. Until newer days come nothing new is forecast or "
            "judged.\n"
            "Either the source has not published, or the daily run has not succeeded.\n"
            "What to do: docs/runbook.md#the-source-published-and-gold-is-late\n"
            f"Runs: {desk.links.dagster_url.rstrip('/')}/runs"
        ),
        attributes={"kind": LATE, "last_complete_day": day.isoformat()},
        created_at=desk.clock(),
    )


def _over(desk: AlertDesk, subject: str, day: date) -> Alert:
    return Alert(
        alert_id=alert_id(OVER, subject),
        kind=OVER,
        subject=subject,
        severity="info",
        title=f"Data is in time again: complete through {day.isoformat()}",
        body=f"The newest complete day is {day.isoformat()}.",
        attributes={"kind": OVER, "last_complete_day": day.isoformat()},
        created_at=desk.clock(),
    )
