"""Requests by borough and by community board on a day, beside what is usual there."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from nyc311_assets.dashboard.queries.source import Parameter, Source, rows

_COUNTS, _REQUESTS, _EPISODES = "gold.daily_counts", "silver.requests", "ml.episodes"
USUAL_WEEKS = 4
# U.S. Census Bureau, 2020 Census Redistricting Data (Public Law 94-171), table P1.
RESIDENTS: Mapping[str, int] = {
    "BRONX": 1_472_654,
    "BROOKLYN": 2_736_074,
    "MANHATTAN": 1_694_251,
    "QUEENS": 2_405_464,
    "STATEN ISLAND": 495_747,
}


@dataclass(frozen=True, slots=True)
class PlaceDay:
    """One place on one day.

    Attributes:
        place: A borough, or a community board such as "03 BROOKLYN".
        requests: Requests of the day.
        usual: Mean of the same weekday of the four weeks before; None without a complete one.
        alerts: Open episodes of the place; None for a community board, which has no series.
    """

    place: str
    requests: int
    usual: float | None
    alerts: int | None = None

    @property
    def excess(self) -> float | None:
        """Requests above the usual; None if that is unknown."""
        return None if self.usual is None else self.requests - self.usual

    @property
    def ratio(self) -> float | None:
        """Requests over the usual; None if that is unknown or nothing."""
        return self.requests / self.usual if self.usual else None

    @property
    def per_10_000(self) -> float | None:
        """Requests per 10,000 residents of a borough; None elsewhere."""
        residents = RESIDENTS.get(self.place)
        return None if residents is None else 10_000 * self.requests / residents


def read_complete_days(source: Source, *, most: int) -> list[date]:
    """The newest complete days, newest first."""
    found = source.query(
        """SELECT DISTINCT request_date AS day FROM counts WHERE is_complete
        ORDER BY day DESC LIMIT :most""",
        {"counts": _COUNTS},
        {"most": most},
    )
    return [each["day"] for each in rows(found)]


def read_complaint_types(source: Source, day: date) -> list[str]:
    """The complaint types of a day, the most requested first."""
    found = source.query(
        """SELECT complaint_type AS kind FROM counts WHERE request_date = :day AND requests > 0
        GROUP BY 1 ORDER BY sum(requests) DESC, 1""",
        {"counts": _COUNTS},
        {"day": day},
    )
    return [each["kind"] for each in rows(found)]


def read_boroughs(source: Source, day: date, *, complaint_type: str | None) -> list[PlaceDay]:
    """The boroughs on a day, the most requested first; also those that are unspecified.

    Args:
        source: The tables.
        day: The day.
        complaint_type: Only this one; None for all.
    """
    found = rows(
        source.query(
            """SELECT borough AS place,
            sum(CASE WHEN request_date = :day THEN requests ELSE 0 END) AS requests,
            sum(CASE WHEN request_date < :day AND is_complete THEN requests ELSE 0 END) AS before
            FROM counts WHERE request_date IN :days
            AND (:kind IS NULL OR complaint_type = :kind) GROUP BY 1 ORDER BY 2 DESC, 1""",
            {"counts": _COUNTS},
            _days(day) | {"kind": complaint_type},
        )
    )
    weeks = len(_complete_before(source, day))
    alerts = _alerts(source, complaint_type)
    return [
        PlaceDay(
            each["place"],
            int(each["requests"]),
            each["before"] / weeks if weeks else None,
            alerts.get(each["place"], 0),
        )
        for each in found
    ]


def read_boards(source: Source, day: date, *, complaint_type: str | None) -> list[PlaceDay]:
    """The community boards on a day, the most requested first; also parks and airports.

    Reads three columns of five days of silver.requests.

    Args:
        source: The tables.
        day: The day.
        complaint_type: Only this one; None for all.
    """
    weeks = _complete_before(source, day)
    found = rows(
        source.query(
            """SELECT upper(coalesce(community_board, 'Unspecified')) AS place,
            count(CASE WHEN request_date = :day THEN 1 END) AS requests,
            count(CASE WHEN request_date < :day THEN 1 END) AS before
            FROM requests WHERE request_date IN :days AND is_current
            AND (:kind IS NULL OR complaint_type = :kind) GROUP BY 1 ORDER BY 2 DESC, 1""",
            {"requests": _REQUESTS},
            {"day": day, "days": [day, *weeks], "kind": complaint_type},
        )
    )
    return [
        PlaceDay(each["place"], each["requests"], each["before"] / len(weeks) if weeks else None)
        for each in found
    ]


def _complete_before(source: Source, day: date) -> list[date]:
    """The same weekdays of the four weeks before that are complete."""
    found = source.query(
        """SELECT DISTINCT request_date AS day FROM counts
        WHERE request_date IN :days AND request_date < :day AND is_complete""",
        {"counts": _COUNTS},
        _days(day),
    )
    return sorted(each["day"] for each in rows(found))


def _days(day: date) -> dict[str, Parameter]:
    before: Sequence[date] = [day - timedelta(weeks=each) for each in range(USUAL_WEEKS + 1)]
    return {"day": day, "days": before}


def _alerts(source: Source, complaint_type: str | None) -> dict[str, int]:
    """Borough -> its open episodes, of a complaint type."""
    if not source.exists(_EPISODES) or not source.exists("gold.series"):
        return {}
    found = source.query(
        """SELECT s.borough AS place, count(*) AS alerts FROM episodes e
        JOIN names s ON s.series = e.series WHERE e.state = 'open' AND s.borough IS NOT NULL
        AND (:kind IS NULL OR s.complaint_type = :kind) GROUP BY 1""",
        {"episodes": _EPISODES, "names": "gold.series"},
        {"kind": complaint_type},
    )
    return {each["place"]: each["alerts"] for each in rows(found)}
