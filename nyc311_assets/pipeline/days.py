"""Days: spans of them, which ones a pull asks for, and which are complete and final."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from nyc311_assets.pipeline.cities import City

WEEK = 7


def days_between(first: date, last: date) -> list[date]:
    """All days from one to another, both included."""
    return [first + timedelta(days=ahead) for ahead in range((last - first).days + 1)]


def unbroken(days: Iterable[date]) -> list[tuple[date, date]]:
    """First and last of each unbroken run of days, oldest first."""
    runs: list[tuple[date, date]] = []
    for day in sorted(set(days)):
        if runs and day - runs[-1][1] == timedelta(days=1):
            runs[-1] = (runs[-1][0], day)
        else:
            runs.append((day, day))
    return runs


def plan_pull(city: City, ingestion_dates: Iterable[date]) -> Mapping[date, date]:
    """Assign every request date of a range of partitions to one of them.

    Each request date is pulled once, however many partitions of the range overlap it, and its
    rows go to the first partition that would have pulled it.

    Returns:
        request date -> ingestion date, in the order of the request dates.
    """
    plan: dict[date, date] = {}
    for ingestion_date in sorted(set(ingestion_dates)):
        for request_date in city.pulled_by(ingestion_date):
            if request_date >= city.datasets[0].first_date:
                plan.setdefault(request_date, ingestion_date)
    return dict(sorted(plan.items()))


def is_past(request_date: date, source_reach: datetime | None) -> bool:
    """Whether a source that reaches to a moment, naive local time, has all of a day."""
    end = datetime.combine(request_date + timedelta(days=1), datetime.min.time())
    return source_reach is not None and source_reach >= end


@dataclass(frozen=True, slots=True)
class DayState:
    """How far a request date has come at the source.

    Attributes:
        request_date: The local day.
        is_complete: The source reached past its end when it was last pulled whole.
        is_final: Complete, and pulled when the settling time was over, as the last partition that
            asks for the day does.
    """

    request_date: date
    is_complete: bool
    is_final: bool


def day_state(
    city: City, request_date: date, source_reach: datetime | None, dataset_version: datetime
) -> DayState:
    """Judge a request date by the newest whole pull of it.

    Args:
        city: Gives the time zone and the settling time.
        request_date: The local day.
        source_reach: Newest created_date at the source, naive local time; None if it had no row.
        dataset_version: The dataset's rowsUpdatedAt, aware.
    """
    is_complete = is_past(request_date, source_reach)
    published_on = dataset_version.astimezone(city.time_zone).date()
    settled = (published_on - request_date).days >= city.settling_days
    return DayState(request_date, is_complete, is_complete and settled)
