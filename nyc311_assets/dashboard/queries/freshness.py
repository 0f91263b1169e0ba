"""How new the data is: what the source has published, what gold holds, which days are settled."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from nyc311_assets.dashboard.queries.source import Source, rows

_COUNTS, _BATCHES = "gold.daily_counts", "bronze.batches"
_LOOK_BACK = timedelta(days=21)


@dataclass(frozen=True, slots=True)
class DayState:
    """One request day of gold.

    Attributes:
        day: The day.
        requests: All requests.
        is_complete: The source reached past its end.
        is_final: It has settled.
        holiday: Name of the public holiday, if it is one.
    """

    day: date
    requests: int
    is_complete: bool
    is_final: bool
    holiday: str | None


@dataclass(frozen=True, slots=True)
class Freshness:
    """How new the data is.

    Attributes:
        published_at: When the source was last published of what has been pulled; None if nothing
            tells.
        gold_at: When gold was last written.
        days: The newest days of gold, newest first.
    """

    published_at: datetime | None
    gold_at: datetime
    days: Sequence[DayState]

    @property
    def lag(self) -> timedelta | None:
        """From published to gold; None if unknown."""
        return self.gold_at - self.published_at if self.published_at else None

    @property
    def newest_complete(self) -> date | None:
        """The newest complete day."""
        return next((each.day for each in self.days if each.is_complete), None)

    @property
    def incomplete(self) -> list[date]:
        """Days that are not complete, oldest first."""
        return [each.day for each in reversed(self.days) if not each.is_complete]

    @property
    def provisional(self) -> list[date]:
        """Complete days that may still change, oldest first."""
        return [each.day for each in reversed(self.days) if each.is_complete and not each.is_final]


def read_freshness(source: Source) -> Freshness:
    """How new the data is; reads the newest three weeks of counts and the newest pulls only.

    Raises:
        TableMissing: There are no counts.
        TableUnreadable: They cannot be read.
    """
    newest = rows(source.query("SELECT max(request_date) AS day FROM counts", {"counts": _COUNTS}))
    day = newest[0]["day"]
    days = () if day is None else read_days(source, day - _LOOK_BACK, day)
    return Freshness(
        _published_at(source), source.version(_COUNTS).written_at, tuple(reversed(days))
    )


def read_days(source: Source, first: date, last: date) -> Sequence[DayState]:
    """The days of a span, oldest first."""
    found = source.query(
        """SELECT request_date AS day, sum(requests) AS requests, bool_and(is_complete) AS complete,
        bool_and(is_final) AS final, max(holiday) AS holiday
        FROM counts WHERE request_date BETWEEN :first AND :last GROUP BY 1 ORDER BY 1""",
        {"counts": _COUNTS},
        {"first": first, "last": last},
    )
    return tuple(
        DayState(
            each["day"], int(each["requests"]), each["complete"], each["final"], each["holiday"]
        )
        for each in rows(found)
    )


def _published_at(source: Source) -> datetime | None:
    if not source.exists(_BATCHES):
        return None
    found = rows(
        source.query("SELECT max(dataset_version) AS at FROM batches", {"batches": _BATCHES})
    )
    at: datetime | None = found[0]["at"]
    return at
