"""What a day's counts per complaint type should be, by the same weekday of the weeks before."""

from __future__ import annotations

from collections.abc import Callable, Container, Iterable, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from statistics import median, quantiles

from nyc311_assets.pipeline.days import is_past
from nyc311_assets.pipeline.pulls import PulledDay

TypeCounts = Mapping[str, int]
"""Complaint type -> requests of one day; a type without requests may be left out."""

DailyTypes = Mapping[date, TypeCounts]
"""Complete request dates -> their counts. A day that is not known whole is left out."""

Beside = Callable[[DailyTypes, date], list[TypeCounts]]
"""Given counts and a day: the earlier days that it is compared with, newest first."""

# Eight weeks: long enough that one holiday or storm cannot move a median, short enough to follow
# the seasons.
WEEKS = 8
LEAST_WEEKS = 4
# The typical ratio of the fortnight before tells a season from a break.
RECENT_DAYS = 14
LEAST_RECENT_DAYS = 5
# Request dates before a judged day that its level looks back on.
LEVEL_HISTORY_DAYS = 7 * WEEKS + RECENT_DAYS
# Below 20 a day, chance alone moves a count by a quarter (1 / sqrt(20)).
LEAST_EXPECTED = 20.0
# Of fewer types than this, one storm could be the typical one.
LEAST_TYPES = 8


@dataclass(frozen=True, slots=True)
class Level:
    """One day beside the same weekday, or the Sundays, of the weeks before.

    A ratio is a type's requests over the median of those days, of types with at least
    LEAST_EXPECTED a day. The typical ratio is their median over types: a storm or a street feast
    multiplies a few types, a broken feed all of them, so it stays near 1 on the one and not on
    the other.

    Attributes:
        requests: Requests of the day.
        expected: Median of the totals of those days.
        weeks: How many of them are known.
        types: Types that were compared.
        typical_ratio: Median of the ratios.
        lower_quartile: Three types in four have a higher ratio.
        recent_ratio: Median of the typical ratios of the fortnight before, each beside its own
            weekday; 1.0 where that is not known.
    """

    requests: int
    expected: float
    weeks: int
    types: int
    typical_ratio: float
    lower_quartile: float
    recent_ratio: float

    @property
    def total_ratio(self) -> float:
        """Requests over those expected."""
        return self.requests / self.expected if self.expected else 1.0

    @property
    def step(self) -> float:
        """The typical ratio over that of the fortnight before."""
        return self.typical_ratio / self.recent_ratio if self.recent_ratio else 1.0


def same_weekdays(days: DailyTypes, day: date) -> list[TypeCounts]:
    """The known counts of the same weekday in the weeks before, newest first."""
    before = (day - timedelta(weeks=week) for week in range(1, WEEKS + 1))
    return [days[each] for each in before if each in days]


def sundays(days: DailyTypes, day: date) -> list[TypeCounts]:
    """The known counts of the Sundays of the weeks before, newest first."""
    return same_weekdays(days, day + timedelta(days=7 - day.isoweekday()))


def expected_types(days: DailyTypes, day: date, beside: Beside = same_weekdays) -> dict[str, float]:
    """Median of each type over the days to compare with; empty with fewer than LEAST_WEEKS."""
    before = beside(days, day)
    if len(before) < LEAST_WEEKS:
        return {}
    types = {complaint_type for counts in before for complaint_type in counts}
    return {
        complaint_type: float(median(counts.get(complaint_type, 0) for counts in before))
        for complaint_type in types
    }


def level(days: DailyTypes, day: date, beside: Beside = same_weekdays) -> Level | None:
    """Compare one day with its history; None if too little of it, or of the day, is known."""
    ratios = _ratios(days, day, beside)
    if len(ratios) < LEAST_TYPES:
        return None
    before = beside(days, day)
    recent = [
        median(found)
        for age in range(1, RECENT_DAYS + 1)
        if len(found := _ratios(days, day - timedelta(days=age))) >= LEAST_TYPES
    ]
    return Level(
        requests=sum(days[day].values()),
        expected=float(median(sum(counts.values()) for counts in before)),
        weeks=len(before),
        types=len(ratios),
        typical_ratio=median(ratios),
        lower_quartile=quantiles(ratios, n=4, method="inclusive")[0],
        recent_ratio=median(recent) if len(recent) >= LEAST_RECENT_DAYS else 1.0,
    )


def _ratios(days: DailyTypes, day: date, beside: Beside = same_weekdays) -> list[float]:
    if day not in days:
        return []
    counts = days[day]
    return [
        counts.get(complaint_type, 0) / expected
        for complaint_type, expected in expected_types(days, day, beside).items()
        if expected >= LEAST_EXPECTED
    ]


def complete_days(pulled: Iterable[PulledDay]) -> tuple[date, ...]:
    """The pulled request dates whose end the source had reached, oldest first."""
    return tuple(
        sorted(
            day.request_date
            for day in pulled
            if day.is_reconciled and is_past(day.request_date, day.source_reach)
        )
    )


def newest(days: Iterable[date], known: Container[date]) -> date | None:
    """The newest of some days that is known; None if none is."""
    return max((day for day in days if day in known), default=None)
