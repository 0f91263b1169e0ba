"""What silver would hold of the synthetic city: arrivals, nulls and values per day, without Spark."""

from __future__ import annotations

from collections import Counter
from datetime import date, timedelta

import numpy as np
import pyarrow as pa

from nyc311_assets.local.feed.synthetic.calendar import day_number, day_of
from nyc311_assets.local.feed.synthetic.source import SyntheticSource
from nyc311_assets.pipeline.checks.composition import DayValues
from nyc311_assets.pipeline.checks.lateness import LATEST_DAYS, Arrivals
from nyc311_assets.pipeline.checks.nulls import DayNulls, NullCounts
from nyc311_assets.pipeline.cities import NEW_YORK
from nyc311_assets.pipeline.profiles.silver import VOCABULARY_COLUMNS, nullable_columns

Arrived = dict[date, dict[date, int]]


def arrived(source: SyntheticSource, first: date, count: int) -> Arrived:
    """Request date -> ingestion date of the nightly run that first has them -> requests.

    The night after an ingestion date, the publication of that date is the newest.
    """
    days: Arrived = {}
    for ahead in range(count):
        day = first + timedelta(days=ahead)
        seen, rows = np.unique(source.requests(day).first_publication, return_counts=True)
        days[day] = {
            day_of(int(number)): int(many) for number, many in zip(seen, rows, strict=True)
        }
    return days


def without_publication(days: Arrived, missing: date) -> Arrived:
    """The same, had one publication not come: its rows come with the next."""
    following = missing + timedelta(days=1)
    moved: Arrived = {}
    for day, seen in days.items():
        moved[day] = {at: rows for at, rows in seen.items() if at != missing}
        if missing in seen:
            moved[day][following] = seen.get(following, 0) + seen[missing]
    return moved


def nightly_pulls(days: Arrived) -> dict[date, Arrivals]:
    """What each nightly pull was the first to bring."""
    pulls = {}
    for ingestion_date in sorted(days)[LATEST_DAYS:]:
        ages = {age: ingestion_date - timedelta(days=age) for age in range(LATEST_DAYS + 1)}
        pulls[ingestion_date] = Arrivals(
            new={age: days[day].get(ingestion_date, 0) for age, day in ages.items()},
            known={
                age: sum(rows for seen, rows in days[day].items() if seen <= ingestion_date)
                for age, day in ages.items()
            },
            is_lived=True,
        )
    return pulls


def contents(source: SyntheticSource, day: date) -> tuple[DayNulls, DayValues]:
    """Null counts per type and values per column of one day, a week after it."""
    rows = source.rows(day_number(day) + 7, day)
    kinds = rows.column("complaint_type").to_pylist()
    sizes = Counter(kinds)
    nulls: dict[str, dict[str, int]] = {kind: {} for kind in sizes}
    for name in nullable_columns(NEW_YORK):
        empty = Counter(
            kind for kind, is_null in zip(kinds, _nulls(rows.column(name)), strict=True) if is_null
        )
        for kind in sizes:
            nulls[kind][name] = empty[kind]
    values = {
        name: {
            str(value): count
            for value, count in Counter(rows.column(name).to_pylist()).items()
            if value is not None
        }
        for name in VOCABULARY_COLUMNS
    }
    return {kind: NullCounts(sizes[kind], nulls[kind]) for kind in sizes}, values


def _nulls(column: pa.Array) -> list[bool]:
    found: list[bool] = column.is_null().to_pylist()
    return found
