"""Days that a broken feed made: repeated, doubled or half-published counts, over many series.

The probabilities and limits are those of the data-quality checks, which say where they come from;
here they read a table of counts instead of a pull, and many days at once.
"""

from __future__ import annotations

from collections.abc import Container
from dataclasses import dataclass
from datetime import date
from math import log

import numpy as np

from nyc311_assets.pipeline.checks.levels import (
    LEAST_EXPECTED,
    LEAST_RECENT_DAYS,
    LEAST_TYPES,
    LEAST_WEEKS,
    RECENT_DAYS,
    WEEKS,
)
from nyc311_assets.pipeline.checks.repeats import (
    LEAST_COUNT,
    REPEAT_HISTORY_DAYS,
    REPEATED_BY_CHANCE,
    chance_of_equal,
    log_chance_of_equals,
)
from nyc311_assets.pipeline.checks.volume import (
    DOUBLED_QUARTILE,
    DOUBLED_RATIO,
    EVEN_BY_CHANCE,
    LEAST_FOR_PARITY,
    LOWEST_RATIO,
)
from nyc311_assets.pipeline.forecasting.arrays import Floats, Integers
from nyc311_assets.pipeline.forecasting.panel import Panel
from nyc311_assets.pipeline.forecasting.windows import row_median

# Fewer equal series are never improbable enough.
_LEAST_EQUAL = 5
_MOST_EVEN_DAYS = 0.25

REPEATED, DOUBLED, HALF, STUCK = "repeated", "doubled", "half_published", "stuck"


@dataclass(frozen=True, slots=True)
class BadDay:
    """A day, of all series or of one, whose counts are not to be trusted.

    Attributes:
        day: The day.
        what: `REPEATED`, `DOUBLED`, `HALF` or `STUCK`.
        series: The one series that is stuck; None for all.
    """

    day: date
    what: str
    series: str | None = None


def without_bad_days(panel: Panel, holidays: Container[date]) -> tuple[Panel, tuple[BadDay, ...]]:
    """Make the days that a broken feed made unknown, and name them.

    A single series that is stuck is named, and judged all the same: some are capped at the source.
    A day is judged by itself and those before it, except that only the panel's last day can be
    half-published: any other has come whole by then, and a low one is news.

    Args:
        panel: Daily counts.
        holidays: The public holidays; the last day may have as little as a Sunday if it is one.
    """
    bad = [
        *(BadDay(panel.day(day), REPEATED) for day in repeated_days(panel.values)),
        *(BadDay(panel.day(day), DOUBLED) for day in doubled_days(panel.values)),
    ]
    values = panel.values.copy()
    values[:, [panel.column(each.day) for each in bad]] = np.nan
    to_sunday = 7 - panel.last_day.isoweekday() if panel.last_day in holidays else 0
    if is_half_published(values, to_sunday):
        bad.append(BadDay(panel.last_day, HALF))
        values[:, -1] = np.nan
    for row, day in stuck_days(values):
        bad.append(BadDay(panel.day(day), STUCK, panel.series[row]))
    unique = {(each.day, each.series): each for each in reversed(bad)}
    ordered = sorted(unique.values(), key=lambda each: (each.day, each.series or ""))
    return Panel(panel.series, panel.first_day, values), tuple(ordered)


def repeated_days(values: Floats) -> list[int]:
    """Days whose counts are those of one of the 28 days before in more series than by chance.

    Series that have the same pair of counts count once: a total and its only part, or copies of one
    series, say nothing twice. The earlier
    day must not repeat a day as far before it: counts that always come again, as those of a made-up
    file do, are no broken feed.

    Args:
        values: series x days, NaN where unknown.
    """
    return [
        day
        for day in range(2, values.shape[1])
        if any(
            _repeats(values[:, day], values[:, day - age])
            and not _repeats(values[:, day - age], values[:, day - 2 * age])
            for age in range(1, min(REPEAT_HISTORY_DAYS, day // 2) + 1)
        )
    ]


def _repeats(now: Floats, before: Floats) -> bool:
    busy = now + before >= 2 * LEAST_COUNT
    equal = np.unique(now[busy & (now == before)]).size
    return equal >= _LEAST_EQUAL and _is_improbable(now[busy], before[busy], equal)


def _is_improbable(now: Floats, before: Floats, equal: int) -> bool:
    # One complex number a pair: to sort those is many times faster than to sort columns.
    pairs = np.unique(now + 1j * before)
    by_chance = float(chance_of_equal((pairs.real + pairs.imag) / 2).sum())
    return log_chance_of_equals(equal, by_chance) < log(REPEATED_BY_CHANCE)


def doubled_days(values: Floats) -> list[int]:
    """Days that hold their requests twice: even counts only, or nearly all series far too high.

    Args:
        values: series x days, NaN where unknown.
    """
    even = np.array([_is_even(counts) for counts in values.T])
    # Counts that are even on many days are so by themselves.
    found = {
        int(day)
        for day in np.flatnonzero(even)
        if day and even[max(day - RECENT_DAYS, 0) : day].mean() < _MOST_EVEN_DAYS
    }
    typical, quartile = _typical_ratios(values)
    step = typical / _recent(typical)
    high = (np.minimum(typical, step) >= DOUBLED_RATIO) & (quartile >= DOUBLED_QUARTILE)
    return sorted(found | set(np.flatnonzero(high).tolist()))


def _is_even(counts: Floats) -> bool:
    sizes = np.unique(counts[counts >= LEAST_FOR_PARITY])
    return bool(0.5**sizes.size < EVEN_BY_CHANCE and (sizes % 2 == 0).all())


def is_half_published(values: Floats, to_sunday: int = 0) -> bool:
    """Whether the last day has so little in nearly all series that it has not come whole.

    Args:
        values: series x days, NaN where unknown.
        to_sunday: How many days after the last one the next Sunday comes, if the last one is a
            public holiday: then it is compared with the Sundays, too.
    """
    typical, _ = _typical_ratios(values)
    recent = float(_recent(typical)[-1])
    last = values.shape[1] - 1
    known = [float(typical[-1])]
    if to_sunday and (ratios := _ratios(values, last, last + to_sunday)).size:
        known.append(float(np.median(ratios)))
    return max(max(ratio, ratio / recent) for ratio in known) < LOWEST_RATIO


def stuck_days(values: Floats) -> list[tuple[int, int]]:
    """Days on which one series shows the same count again, more often than by chance.

    From the first repeat on, once the run of equal counts is improbable
    (`checks.repeats.chance_of_run`): the days before that could not be known.

    Args:
        values: series x days, NaN where unknown.

    Returns:
        Row and day.
    """
    log_chance = np.zeros(len(values))
    found: list[tuple[int, int]] = []
    for day in range(1, values.shape[1]):
        same = (values[:, day] == values[:, day - 1]) & (values[:, day] >= LEAST_COUNT)
        chance = np.log(chance_of_equal(np.maximum(values[:, day], LEAST_COUNT)))
        log_chance = np.where(same, log_chance + np.nan_to_num(chance), 0.0)
        limit = np.log(REPEATED_BY_CHANCE / len(values))
        found += [(int(row), day) for row in np.flatnonzero(log_chance < limit)]
    return found


def _typical_ratios(values: Floats) -> tuple[Floats, Floats]:
    """Median and lower quartile, over series, of each day's ratio to the same weekday before."""
    days = values.shape[1]
    median, quartile = np.full(days, np.nan), np.full(days, np.nan)
    for day in range(7 * LEAST_WEEKS, days):
        ratios = _ratios(values, day, day)
        if ratios.size:
            median[day], quartile[day] = np.median(ratios), np.quantile(ratios, 0.25)
    return median, quartile


def _ratios(values: Floats, day: int, like: int) -> Floats:
    """Each series' ratio to the weeks before a like day; empty where too few have one."""
    weeks: Integers = like - 7 * np.arange(1, WEEKS + 1)
    before = values[:, weeks[weeks >= 0]]
    expected = row_median(before)
    enough = ((~np.isnan(before)).sum(axis=1) >= LEAST_WEEKS) & (expected >= LEAST_EXPECTED)
    ratios = values[enough, day] / expected[enough]
    ratios = np.asarray(ratios[~np.isnan(ratios)])
    return ratios if ratios.size >= LEAST_TYPES else ratios[:0]


def _recent(typical: Floats) -> Floats:
    """Median of the fortnight before each day; 1 where that is not known."""
    result = np.ones_like(typical)
    for day in range(1, typical.size):
        before = typical[max(day - RECENT_DAYS, 0) : day]
        before = before[~np.isnan(before)]
        if before.size >= LEAST_RECENT_DAYS:
            result[day] = np.median(before)
    return result
