"""Requests by borough and by community board on a day, beside what is usual there."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from typing import Any

from nyc311_assets.dashboard.queries.source import Source, rows

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
        spread: Standard deviation of requests less usual; None where fewer than two weeks tell.
    """

    place: str
    requests: int
    usual: float | None
    alerts: int | None = None
    spread: float | None = None

    @property
    def excess(self) -> float | None:
        """Requests above the usual; None if that is unknown."""
        return None if self.usual is None else self.requests - self.usual

    @property
    def ratio(self) -> float | None:
        """Requests over the usual; None if that is unknown or nothing."""
        return self.requests / self.usual if self.usual else None

    @property
    def severity(self) -> float | None:
        """Standard deviations above the usual; None if that is unknown."""
        return None if self.excess is None or not self.spread else self.excess / self.spread

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


def read_types_and_agencies(source: Source, day: date) -> tuple[list[str], list[str]]:
    """The complaint types of a day and its agencies, of each the most requested first."""
    found = source.query(
        """SELECT complaint_type, agency, sum(requests) AS requests FROM counts
        WHERE request_date = :day AND requests > 0 GROUP BY 1, 2""",
        {"counts": _COUNTS},
        {"day": day},
    )
    types, agencies = Counter[str](), Counter[str]()
    for each in rows(found):
        types[each["complaint_type"]] += int(each["requests"])
        agencies[each["agency"]] += int(each["requests"])
    return _most_first(types), _most_first(agencies)


def _most_first(requests: Counter[str]) -> list[str]:
    return sorted(requests, key=lambda name: (-requests[name], name))


def read_boroughs(
    source: Source, day: date, *, complaint_type: str | None, agency: str | None = None
) -> list[PlaceDay]:
    """The boroughs on a day, the most requested first; also those that are unspecified.

    Args:
        source: The tables.
        day: The day.
        complaint_type: Only this one; None for all.
        agency: Only this one; None for all.
    """
    weeks = _complete_before(source, day)
    found = source.query(
        """SELECT borough AS place, request_date AS day, sum(requests) AS requests
        FROM counts WHERE request_date IN :days
        AND (:kind IS NULL OR complaint_type = :kind) AND (:agency IS NULL OR agency = :agency)
        GROUP BY 1, 2""",
        {"counts": _COUNTS},
        {"days": [day, *weeks], "kind": complaint_type, "agency": agency},
    )
    alerts = _alerts(source, complaint_type, agency)
    return [
        replace(each, alerts=alerts.get(each.place, 0))
        for each in _compared(rows(found), day, weeks)
    ]


def read_boards(
    source: Source, day: date, *, complaint_type: str | None, agency: str | None = None
) -> list[PlaceDay]:
    """The community boards on a day, the most requested first; also parks and airports.

    Reads four columns of five days of silver.requests.

    Args:
        source: The tables.
        day: The day.
        complaint_type: Only this one; None for all.
        agency: Only this one; None for all.
    """
    weeks = _complete_before(source, day)
    found = source.query(
        """SELECT upper(coalesce(community_board, 'Unspecified')) AS place, request_date AS day,
        count(*) AS requests FROM requests WHERE request_date IN :days AND is_current
        AND (:kind IS NULL OR complaint_type = :kind) AND (:agency IS NULL OR agency = :agency)
        GROUP BY 1, 2""",
        {"requests": _REQUESTS},
        {"days": [day, *weeks], "kind": complaint_type, "agency": agency},
    )
    return _compared(rows(found), day, weeks)


def _compared(
    counted: Sequence[Mapping[str, Any]], day: date, weeks: Sequence[date]
) -> list[PlaceDay]:
    """Each place's day beside its weeks before.

    Counts are taken as quasi-Poisson with one dispersion for all places, Pearson's estimate from
    the weeks before (McCullagh and Nelder, Generalized Linear Models, 2nd ed., section 6.2.3), at
    least that of Poisson; the mean of n weeks adds one nth to the variance of the day.
    """
    by_place: dict[str, dict[date, int]] = {}
    for each in counted:
        by_place.setdefault(each["place"], {})[each["day"]] = int(each["requests"])
    before = {place: [days.get(week, 0) for week in weeks] for place, days in by_place.items()}
    usual = {place: sum(each) / len(weeks) if weeks else None for place, each in before.items()}
    freedom, pearson = 0, 0.0
    for place, mean in usual.items():
        if mean:
            freedom += len(weeks) - 1
            pearson += sum((each - mean) ** 2 / mean for each in before[place])
    dispersion = max(pearson / freedom, 1.0) if freedom else None
    places = [
        PlaceDay(
            place,
            days.get(day, 0),
            mean := usual[place],
            spread=(
                math.sqrt(dispersion * mean * (1 + 1 / len(weeks))) if dispersion and mean else None
            ),
        )
        for place, days in by_place.items()
    ]
    return sorted(places, key=lambda each: (-each.requests, each.place))


def _complete_before(source: Source, day: date) -> list[date]:
    """The same weekdays of the four weeks before that are complete."""
    found = source.query(
        """SELECT DISTINCT request_date AS day FROM counts
        WHERE request_date IN :days AND is_complete""",
        {"counts": _COUNTS},
        {"days": [day - timedelta(weeks=each + 1) for each in range(USUAL_WEEKS)]},
    )
    return sorted(each["day"] for each in rows(found))


def _alerts(source: Source, complaint_type: str | None, agency: str | None) -> dict[str, int]:
    """Borough -> its open episodes, of a complaint type and an agency."""
    if not source.exists(_EPISODES) or not source.exists("gold.series"):
        return {}
    found = source.query(
        """SELECT s.borough AS place, count(*) AS alerts FROM episodes e
        JOIN names s ON s.series = e.series WHERE e.state = 'open' AND s.borough IS NOT NULL
        AND (:kind IS NULL OR s.complaint_type = :kind) AND (:agency IS NULL OR s.agency = :agency)
        GROUP BY 1""",
        {"episodes": _EPISODES, "names": "gold.series"},
        {"kind": complaint_type, "agency": agency},
    )
    return {each["place"]: each["alerts"] for each in rows(found)}
