"""The features of gold.daily_counts, by the calendar: plain numpy over series and days.

Counting is Spark's work; what is counted is small (some thousand series), so that the features of
half a year are made faster here than Spark would plan them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from functools import cached_property

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from nyc311_assets.pipeline.cities import City
from nyc311_assets.pipeline.days import DayState, days_between

SERIES = ("complaint_type", "borough", "agency")
# A series is zero-filled for this many days after its last request.
ACTIVE_DAYS = 90
# Requests older than this are not pulled again, so that nobody knows of their closing.
BACKLOG_DAYS = 7
# No lag or rolling mean looks back further.
FEATURE_DAYS = 28
_LAGS = (1, 7, 14, 28)
_ROLLING = (7, 28)
_SATURDAY = 6

Matrix = NDArray[np.float64]
Flags = NDArray[np.bool_]
Places = NDArray[np.intp]


@dataclass(frozen=True)
class Scope:
    """Which days' rows are made, and which days of silver have changed since gold was written.

    Attributes:
        first: First request date of silver.
        last: Its last one.
        changed: Days to count anew; the others are as gold has them.
        affected: Days whose rows are made anew, oldest first.
    """

    first: date
    last: date
    changed: frozenset[date]
    affected: tuple[date, ...]

    @cached_property
    def since(self) -> date:
        """First day that a row of an affected day depends on."""
        return max(self.first, self.affected[0] - timedelta(days=ACTIVE_DAYS + FEATURE_DAYS))

    @cached_property
    def days(self) -> tuple[date, ...]:
        """All days from `since` to the last affected one."""
        return tuple(days_between(self.since, self.affected[-1]))

    @cached_property
    def backlog_days(self) -> frozenset[date]:
        """Days whose open backlog may have changed."""
        return self._within(
            day + timedelta(days=age) for day in self.changed for age in range(BACKLOG_DAYS + 1)
        )

    @cached_property
    def counted_days(self) -> frozenset[date]:
        """Days that are counted from silver: those that changed, and what their backlog needs."""
        return self._within(
            day - timedelta(days=age)
            for day in self.backlog_days
            for age in range(BACKLOG_DAYS + 1)
        )

    def _within(self, days: Iterable[date]) -> frozenset[date]:
        """Those that silver may have, as far as an affected day's rows or backlog see them."""
        earliest = max(self.first, self.since - timedelta(days=BACKLOG_DAYS))
        return frozenset(day for day in days if earliest <= day <= self.affected[-1])


def daily_counts(
    city: City,
    fresh: pd.DataFrame,
    gold: pd.DataFrame,
    scope: Scope,
    states: Mapping[date, DayState],
) -> pd.DataFrame:
    """Rows of gold.daily_counts for the affected days.

    Features go by the calendar, never by the row, and never include the day itself. A day that is
    not complete counts as unknown: a lag onto it is null, and a rolling mean leaves it out.

    Args:
        city: Gives the public holidays.
        fresh: The scope's counted_days: request_date, SERIES, requests, closed,
            median_hours_to_close, and open_at: how many were open at the end of the day itself
            and of each of the BACKLOG_DAYS after it.
        gold: gold.daily_counts, right on all days that have not changed: request_date, SERIES,
            requests, closed, median_hours_to_close, open_backlog.
        scope: The days.
        states: Completeness of each day. A day without one is unknown, not zero: it has no row.

    Returns:
        The columns of gold.daily_counts in any order; what is unknown is NaN or None.
    """
    panel = _Panel.of(fresh, gold, scope)
    calendar = _calendar(city, scope, states)
    # A series without a request on a day, also before its first one, has zero on it.
    known = np.where(calendar["is_complete"].to_numpy(), panel.requests, np.nan)
    columns: dict[str, Matrix] = {
        "requests": panel.requests,
        "closed": panel.closed,
        "median_hours_to_close": panel.median_hours,
        "open_backlog": panel.backlog,
        **looking_back(known),
    }
    wanted = panel.is_active() & calendar["is_wanted"].to_numpy()
    series, day = np.nonzero(wanted)
    facts = calendar.drop(columns="is_wanted").iloc[day].reset_index(drop=True)
    values = pd.DataFrame({name: matrix[series, day] for name, matrix in columns.items()})
    return pd.concat([panel.series.iloc[series].reset_index(drop=True), facts, values], axis=1)


def looking_back(known: Matrix) -> dict[str, Matrix]:
    """The features of each day that come of the days before it.

    Args:
        known: Requests, series x days; NaN on days that are not complete.

    Returns:
        lag_1, lag_7, lag_14, lag_28, rolling_mean_7, rolling_mean_28; NaN where unknown.
    """
    lags = {f"lag_{lag}": _lagged(known, lag) for lag in _LAGS}
    return lags | {f"rolling_mean_{days}": _mean_before(known, days) for days in _ROLLING}


@dataclass(frozen=True)
class _Panel:
    """Counts of every series (rows) on every day of a scope (columns)."""

    series: pd.DataFrame
    requests: Matrix
    closed: Matrix
    median_hours: Matrix
    backlog: Matrix

    @classmethod
    def of(cls, fresh: pd.DataFrame, gold: pd.DataFrame, scope: Scope) -> _Panel:
        kept = gold[~gold["request_date"].isin(scope.counted_days) & (gold["requests"] > 0)]
        open_before = gold[~gold["request_date"].isin(scope.backlog_days)]
        counted = pd.concat([kept, fresh], ignore_index=True)
        keys = pd.concat([counted, open_before], ignore_index=True)[list(SERIES)]
        series = keys.drop_duplicates().sort_values(list(SERIES), ignore_index=True)
        places = pd.MultiIndex.from_frame(series)
        shape = (len(series), len(scope.days))

        def at(rows: pd.DataFrame, age: int = 0) -> tuple[Flags, Places, Places]:
            since = pd.to_datetime(rows["request_date"]) - pd.Timestamp(scope.since)
            day = np.asarray(since.dt.days + age, dtype=np.intp)
            inside = (day >= 0) & (day < shape[1])
            place = places.get_indexer(pd.MultiIndex.from_frame(rows[list(SERIES)]))
            return inside, np.asarray(place)[inside], day[inside]

        def filled(rows: pd.DataFrame, column: str, empty: float) -> Matrix:
            matrix = np.full(shape, empty)
            inside, place, day = at(rows)
            matrix[place, day] = rows[column].to_numpy(dtype=float)[inside]
            return matrix

        backlog = filled(open_before, "open_backlog", 0.0)
        is_new = np.array([day in scope.backlog_days for day in scope.days])
        still_open = np.array(fresh["open_at"].tolist(), dtype=float)
        for age in range(BACKLOG_DAYS + 1 if len(fresh) else 0):
            inside, place, day = at(fresh, age)
            np.add.at(backlog, (place, day), np.where(is_new[day], still_open[inside, age], 0.0))
        return cls(
            series,
            filled(counted, "requests", 0.0),
            filled(counted, "closed", 0.0),
            filled(counted, "median_hours_to_close", np.nan),
            backlog,
        )

    def is_active(self) -> Flags:
        """Whether a series had a request on the day or within the ACTIVE_DAYS before."""
        ordinal = np.arange(self.requests.shape[1])
        seen = np.where(self.requests > 0, ordinal, -ACTIVE_DAYS)
        return np.asarray(ordinal - np.maximum.accumulate(seen, axis=1) < ACTIVE_DAYS)


def _calendar(city: City, scope: Scope, states: Mapping[date, DayState]) -> pd.DataFrame:
    """One row per day of the scope: its place in the calendar and its state."""
    days: Sequence[date] = scope.days
    holidays = city.holidays(days[0], days[-1])
    affected = frozenset(scope.affected)
    weekday = [day.isoweekday() for day in days]
    return pd.DataFrame(
        {
            "request_date": days,
            "day_of_week": weekday,
            "is_weekend": [number >= _SATURDAY for number in weekday],
            "holiday": pd.Series([holidays.get(day) for day in days], dtype=object),
            "is_complete": [day in states and states[day].is_complete for day in days],
            "is_final": [day in states and states[day].is_final for day in days],
            "is_wanted": [day in affected and day in states for day in days],
        }
    )


def _lagged(known: Matrix, lag: int) -> Matrix:
    lagged = np.full_like(known, np.nan)
    lagged[:, lag:] = known[:, :-lag]
    return lagged


def _mean_before(known: Matrix, days: int) -> Matrix:
    """Mean of the known ones among the days before each day; NaN if none is."""
    total = _sum_before(np.nan_to_num(known), days)
    count = _sum_before(np.isfinite(known).astype(float), days)
    return np.where(count > 0, total / np.maximum(count, 1), np.nan)


def _sum_before(values: Matrix, days: int) -> Matrix:
    # Counts are whole numbers, so that differences of running sums are exact.
    running = np.cumsum(values, axis=1)
    until_before = np.concatenate([np.zeros((len(values), 1)), running[:, :-1]], axis=1)
    left_out = np.zeros_like(values)
    left_out[:, days:] = until_before[:, :-days]
    return np.asarray(until_before - left_out)
