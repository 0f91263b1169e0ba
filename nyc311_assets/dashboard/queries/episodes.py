"""Episodes of abnormal days, what people said of them, and what has changed."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import date, timedelta
from typing import Any

from nyc311_assets.dashboard.queries.source import Source, rows
from nyc311_assets.resources.ledger_episodes import KnownEpisode
from nyc311_assets.resources.ledger_rows import Alert, from_row
from nyc311_assets.resources.standing import Said, has_grown, said_of

_EPISODES, _ANOMALIES, _ALERTS = "ml.episodes", "ml.anomalies", "ops.alerts"
_KNOWN = tuple(each.name for each in fields(KnownEpisode))
# An episode closes when so many days have passed since its last flagged day.
CLOSING_DAYS = 7


@dataclass(frozen=True, slots=True)
class Entry:
    """One episode as the queue shows it.

    Attributes:
        episode: The episode.
        reasons: Rules that held.
        longest_run: Most days in a row outside the band.
        said: What people said of it.
    """

    episode: KnownEpisode
    reasons: Sequence[str]
    longest_run: int
    said: Said

    @property
    def ratio(self) -> float | None:
        """Requests over what was expected on its days; None where nothing was."""
        expected, excess = self.episode.expected, self.episode.excess
        if not expected or excess is None:
            return None
        return (expected + excess) / expected

    @property
    def span_days(self) -> int:
        """Days from its first to its last flagged day."""
        return (self.episode.end - self.episode.start).days + 1

    @property
    def contributors(self) -> list[dict[str, Any]]:
        """What makes the excess of its peak: kind, name, excess, share."""
        return list(json.loads(self.episode.contributors or "[]"))

    @property
    def is_acknowledged(self) -> bool:
        """Whether somebody is at it, and it is not much worse since."""
        return bool(self.said.acknowledged_by) and not self.is_worse

    @property
    def is_false(self) -> bool:
        """Whether it was marked as a false alarm, and is not much worse since."""
        return bool(self.said.marked_false_by) and not self.is_worse

    @property
    def is_worse(self) -> bool:
        """Whether it has grown so much since it was noted that the note no longer holds."""
        return has_grown(self.episode, self.said.noted_excess)


@dataclass(frozen=True, slots=True)
class Changes:
    """What has changed since the day before.

    Attributes:
        new: Episodes that began on the day.
        escalated: Those confirmed on the day and on watch before.
        closed: Those that have ended.
        corrected: Those of which later rows left nothing.
    """

    new: Sequence[str]
    escalated: Sequence[str]
    closed: Sequence[str]
    corrected: Sequence[str]


def read_queue(source: Source, *, since: date) -> list[Entry]:
    """Open episodes, and those that ended on a day or later; the most severe first.

    Args:
        source: The tables.
        since: How far back ended ones are shown.
    """
    found = source.query(
        """SELECT * FROM episodes
        WHERE state = 'open' OR (state = 'closed' AND "end" >= :since)
        ORDER BY state DESC, severity DESC, id""",
        {"episodes": _EPISODES},
        {"since": since},
    )
    alerts = read_alerts(source)
    return [_entry(row, alerts) for row in rows(found)]


def read_episode(source: Source, name: str) -> Entry | None:
    """The episode of an id; of one that became part of another, that one. None if there is none."""
    for _ in range(10):
        found = rows(
            source.query(
                "SELECT * FROM episodes WHERE id = :id",
                {"episodes": _EPISODES},
                {"id": name},
            )
        )
        if not found:
            return None
        if not found[0]["merged_into"]:
            return _entry(found[0], read_alerts(source))
        name = found[0]["merged_into"]
    return None


def read_alerts(source: Source) -> list[Alert]:
    """All alerts, oldest first; none while no alert has ever been recorded."""
    if not source.exists(_ALERTS):
        return []
    found = rows(source.query("SELECT * FROM alerts", {"alerts": _ALERTS}))
    return sorted(map(from_row, found), key=lambda each: (each.created_at, each.alert_id))


def read_changes(source: Source, day: date) -> Changes:
    """What has changed with a day that was judged; by days, not by when somebody looked.

    Args:
        source: The tables.
        day: The newest complete day.
    """
    found = rows(
        source.query(
            """SELECT id, series, start, "end", state, judged_through FROM episodes
            WHERE (start = :day AND state = 'open') OR (state = 'closed' AND "end" = :ended)
            OR (state = 'withdrawn' AND merged_into IS NULL AND judged_through = :day)""",
            {"episodes": _EPISODES},
            {"day": day, "ended": day - timedelta(days=CLOSING_DAYS)},
        )
    )
    return Changes(
        new=[each["id"] for each in found if each["state"] == "open"],
        escalated=_escalated(source, day),
        closed=[each["id"] for each in found if each["state"] == "closed"],
        corrected=[each["id"] for each in found if each["state"] == "withdrawn"],
    )


def _escalated(source: Source, day: date) -> list[str]:
    found = source.query(
        """SELECT e.id FROM episodes e JOIN days d ON d.series = e.series
        WHERE e.state = 'open' AND e.tier = 'confirmed' AND e.start < :day
        AND d.ds BETWEEN :first AND :day AND d.ds >= e.start AND d.confirmed
        GROUP BY e.id HAVING min(d.ds) = :day ORDER BY e.id""",
        {"episodes": _EPISODES, "days": _ANOMALIES},
        {"day": day, "first": day - timedelta(days=60)},
    )
    return [str(each["id"]) for each in rows(found)]


def _entry(row: Mapping[str, Any], alerts: Sequence[Alert]) -> Entry:
    episode = KnownEpisode(**{name: row[name] for name in _KNOWN})
    return Entry(
        episode,
        tuple(row["reasons"].split("+")),
        row["longest_run"],
        said_of(episode.id, alerts),
    )
