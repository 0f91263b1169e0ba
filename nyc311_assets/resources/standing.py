"""How an episode stands with people: what was said of it, and whether that still holds."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import Literal

from nyc311_assets.resources import episode_messages as messages
from nyc311_assets.resources.episode_messages import Links
from nyc311_assets.resources.ledger import Ledger
from nyc311_assets.resources.ledger_episodes import KnownEpisode
from nyc311_assets.resources.ledger_rows import Alert, alert_id

# Excess of the peak over that when somebody said something, at which it is worse. That of all days
# would grow by half as soon as a second day comes, and a storm that goes on is no news.
WORSE_RATIO = 1.5
# Fewer requests more are no worse, however small the excess was.
LEAST_WORSE_REQUESTS = 10.0

Response = Literal["acknowledge", "mark_false"]


@dataclass(frozen=True, slots=True)
class Said:
    """What people said of an episode, as its newest alert has it.

    Attributes:
        acknowledged_by: Who is at it.
        acknowledged_at: Since when.
        marked_false_by: Who said that it is a false alarm.
        marked_false_at: When.
        noted_excess: The excess of the episode's peak then.
        note: What they said.
    """

    acknowledged_by: str | None = None
    acknowledged_at: datetime | None = None
    marked_false_by: str | None = None
    marked_false_at: datetime | None = None
    noted_excess: float | None = None
    note: str | None = None


class ChangedMeanwhile(RuntimeError):
    """Somebody said something of the episode since it was looked at.

    Attributes:
        said: What stands now.
    """

    def __init__(self, said: Said) -> None:
        super().__init__("Somebody changed this alert. Nothing was overwritten.")
        self.said = said


def is_quiet(alert: Alert, today: date) -> bool:
    """Whether somebody acknowledged, muted or marked it."""
    return bool(alert.acknowledged_at or alert.marked_false_at or alert.is_muted(today))


def has_grown(episode: KnownEpisode, noted_excess: float | None) -> bool:
    """Whether an episode is so much worse than when somebody noted it that they hear of it again.

    Args:
        episode: The episode as it is now.
        noted_excess: The excess of its peak then, requests.
    """
    excess = episode.peak_excess
    if noted_excess is None or excess is None:
        return False
    grown = abs(excess) - abs(noted_excess)
    return grown >= max((WORSE_RATIO - 1) * abs(noted_excess), LEAST_WORSE_REQUESTS)


def said_of(subject: str, alerts: Iterable[Alert]) -> Said:
    """What was said of an episode: its newest alert counts, for a new one calls anew.

    Args:
        subject: The episode's id.
        alerts: Alerts, oldest first.
    """
    mine = [each for each in alerts if each.subject == subject]
    newest = next((each for each in reversed(mine) if each.was_heard), mine[-1] if mine else None)
    if newest is None:
        return Said()
    return Said(
        newest.acknowledged_by,
        newest.acknowledged_at,
        newest.marked_false_by,
        newest.marked_false_at,
        newest.noted_excess,
        newest.note,
    )


def respond(
    ledger: Ledger,
    episode: KnownEpisode,
    response: Response,
    *,
    by: str,
    now: datetime,
    seen: Said,
    links: Links,
    note: str | None = None,
) -> None:
    """Acknowledge an episode or mark it as a false alarm, if nobody has meanwhile.

    One that was never told of gets the alert of its opening, which is then known and not sent.

    Args:
        ledger: The alerts.
        episode: The episode.
        response: What is said.
        by: Who.
        now: The present time, aware.
        seen: What had been said when they looked.
        links: Where an alert leads.
        note: What they add.

    Raises:
        ChangedMeanwhile: Something else has been said since; nothing is written.
    """

    def change(alerts: Sequence[Alert]) -> Iterable[Alert]:
        said = said_of(episode.id, alerts)
        if said != seen:
            raise ChangedMeanwhile(said)
        mine = [each for each in alerts if each.subject == episode.id]
        for each in mine or [_unheard(episode, now, links)]:
            noted = replace(each, noted_excess=episode.peak_excess, note=note or each.note)
            yield (
                replace(noted, acknowledged_by=by, acknowledged_at=now)
                if response == "acknowledge"
                else replace(noted, marked_false_by=by, marked_false_at=now)
            )

    ledger.transact(change)


def _unheard(episode: KnownEpisode, now: datetime, links: Links) -> Alert:
    return Alert(
        alert_id=alert_id(episode.id, "opened"),
        kind="opened",
        subject=episode.id,
        severity=messages.severity("opened"),
        title=messages.title("opened", episode),
        body=messages.body("opened", episode, links, None),
        attributes=messages.attributes("opened", episode),
        created_at=now,
        outcome="quiet",
    )
