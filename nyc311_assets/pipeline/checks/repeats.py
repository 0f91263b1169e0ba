"""A feed that repeats itself: the same counts on another day."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, timedelta
from math import exp, log, pi
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from nyc311_assets.pipeline.checks.levels import DailyTypes, TypeCounts
from nyc311_assets.pipeline.checks.spec import SOURCE_STEWARD, CheckSpec, Verdict

Mean = TypeVar("Mean", float, NDArray[np.float64])

NOT_FLAT_LINED = CheckSpec(
    "not_flat_lined",
    "ERROR",
    "No complete day of the pull repeats the counts of one of the 28 days before. A day that does "
    "is kept out of silver; the source must publish it anew.",
    owner=SOURCE_STEWARD,
    holds_back=True,
)

# A copy of yesterday, of last week or of last month's same weekday.
REPEAT_HISTORY_DAYS = 28
# Of rarer types a repeated count says little.
LEAST_COUNT = 10
# Among 24,150 pairs of good days the least probability was 0.03; the first flat day of the real
# broken feed has 1e-56. At this limit, with 28 pairs a day, a sound feed is stopped once in 1,000
# years.
REPEATED_BY_CHANCE = 1e-7


@dataclass(frozen=True, slots=True)
class Repeat:
    """One day beside an earlier one.

    Attributes:
        day: The day.
        earlier: The day it is compared with.
        types: Types with LEAST_COUNT or more on average of the two.
        equal: Those of them with the same count on both.
        probability: Upper bound of the probability that so many are equal by chance.
    """

    day: date
    earlier: date
    types: int
    equal: int
    probability: float


def chance_of_equal(mean: Mean) -> Mean:
    """Upper bound of the probability that two independent Poisson counts are equal.

    With means a and b it is exp(-a - b) * I0(2 * sqrt(a * b)) (Skellam, Journal of the Royal
    Statistical Society 109, 1946, p. 296, at difference zero). As I0 rises and sqrt(a * b) is at
    most the mean m of the two, it is at most exp(-2m) * I0(2m), which is 1 / (2 * sqrt(pi * m))
    and less than 1 % more from m = 10 on (Abramowitz and Stegun, 9.7.1).

    Args:
        mean: Mean of the two counts, or of many such pairs; 10 or more.
    """
    root: Mean = (pi * mean) ** 0.5
    return 1.01 / (2 * root)


def log_chance_of_equals(equal: int, by_chance: float) -> float:
    """Upper bound of the log probability that so many pairs of counts are equal by chance.

    The number of equal pairs is a sum of independent trials with a mean of at most `mu`, and by
    Chernoff's bound it reaches k > mu with a probability of at most exp(k - mu) * (mu / k) ** k
    (Mitzenmacher and Upfal, Probability and Computing, 2005, theorem 4.4).

    Args:
        equal: Pairs that are equal.
        by_chance: How many to expect: the sum of their `chance_of_equal`.

    Returns:
        0, which is certainty, for no more than to expect.
    """
    if equal <= by_chance:
        return 0.0
    return equal - by_chance + equal * log(by_chance / equal)


def compare(day: date, counts: TypeCounts, earlier: date, before: TypeCounts) -> Repeat:
    """How probable it is that two days have so many equal counts by chance.

    Given the means of the two days, which storms and seasons may move as they like, the counts of
    the types are independent. `chance_of_equal` bounds each type's probability whatever its two
    means are, so also when they vary by themselves, as in a negative binomial count, and
    `log_chance_of_equals` their number.
    """
    means = {
        name: (counts.get(name, 0) + before.get(name, 0)) / 2 for name in counts.keys() | before
    }
    compared = {name: mean for name, mean in means.items() if mean >= LEAST_COUNT}
    equal = sum(counts.get(name, 0) == before.get(name, 0) for name in compared)
    by_chance = sum(chance_of_equal(mean) for mean in compared.values())
    probability = exp(log_chance_of_equals(equal, by_chance))
    return Repeat(day, earlier, len(compared), equal, probability)


def chance_of_run(totals: Iterable[int]) -> float:
    """Probability that a total is followed by its equals, day after day.

    Args:
        totals: Daily totals, newest first. Only the run of equal ones at its head counts.
    """
    newest, *earlier = totals
    probability = 1.0
    for total in earlier:
        if total != newest:
            break
        probability *= chance_of_equal(max(newest, LEAST_COUNT))
    return probability


def closest_repeat(days: DailyTypes, day: date) -> Repeat | None:
    """The earlier day that one day repeats most improbably; None without an earlier day."""
    before = (day - timedelta(days=age) for age in range(1, REPEAT_HISTORY_DAYS + 1))
    return min(
        (compare(day, days[day], earlier, days[earlier]) for earlier in before if earlier in days),
        key=lambda repeat: repeat.probability,
        default=None,
    )


def check_not_flat_lined(days: DailyTypes, judged: Iterable[date]) -> Verdict:
    """Judge complete days by their counts per type, and by a run of equal totals.

    Counts per type betray a repeated day at once, totals alone after three repeats. The real
    broken feed is stopped on its first flat day and on all 12 after it. Yesterday's or last
    week's counts, injected into each day of files with 9 types or more, are found on every one;
    none of 880 good days of the real files fails, nor of 724 synthetic ones.
    """
    candidates = sorted(day for day in judged if day in days)
    repeats = [found for day in candidates if (found := closest_repeat(days, day)) is not None]
    flat = [found for found in repeats if found.probability < REPEATED_BY_CHANCE]
    stuck = [day for day in candidates if chance_of_run(_totals(days, day)) < REPEATED_BY_CHANCE]
    closest = min(repeats, key=lambda repeat: repeat.probability, default=None)
    suspect = dict.fromkeys(stuck, "its total stands still") | {
        found.day: f"{found.equal} of {found.types} types as on {found.earlier}" for found in flat
    }
    return Verdict(
        NOT_FLAT_LINED,
        not flat and not stuck,
        {
            "days_judged": len(candidates),
            "days_repeated": ", ".join(f"{found.day} of {found.earlier}" for found in flat),
            "days_with_a_stuck_total": ", ".join(str(day) for day in stuck),
            "types_equal": closest.equal if closest else 0,
            "types_compared": closest.types if closest else 0,
            "least_probability": closest.probability if closest else 1.0,
            "limit_of_probability": REPEATED_BY_CHANCE,
        },
        suspect_days=suspect,
    )


def _totals(days: DailyTypes, day: date) -> list[int]:
    totals = [sum(days[day].values())]
    while (day := day - timedelta(days=1)) in days:
        totals.append(sum(days[day].values()))
        if totals[-1] != totals[0]:
            break
    return totals
