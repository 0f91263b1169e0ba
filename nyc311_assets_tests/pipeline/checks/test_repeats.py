from __future__ import annotations

import math
from datetime import date, timedelta
from pathlib import Path

import numpy as np
import pytest

from nyc311_assets.pipeline.checks.repeats import (
    REPEATED_BY_CHANCE,
    chance_of_equal,
    chance_of_run,
    check_not_flat_lined,
    compare,
)
from nyc311_assets_tests.pipeline.checks.daily import bad_feed

FIRST_FLAT_DAY, LAST_FLAT_DAY = date(2021, 9, 8), date(2021, 9, 20)
DAY, BEFORE = date(2026, 3, 2), date(2026, 3, 1)


def test_the_real_broken_feed_is_stopped_on_its_first_flat_day_and_until_it_is_mended(
    real_data: Path,
) -> None:
    days = bad_feed(real_data)
    failed = [
        day
        for day in sorted(days)
        if not check_not_flat_lined({d: c for d, c in days.items() if d <= day}, [day]).passed
    ]
    flat = (LAST_FLAT_DAY - FIRST_FLAT_DAY).days + 1
    assert failed == [FIRST_FLAT_DAY + timedelta(days=ahead) for ahead in range(flat)]
    verdict = check_not_flat_lined(days, [FIRST_FLAT_DAY])
    assert verdict.figures["days_repeated"] == "2021-09-08 of 2021-09-07"
    assert verdict.figures["types_equal"] == 61


def test_a_pull_fails_as_long_as_a_flat_day_is_in_it(real_data: Path) -> None:
    days = bad_feed(real_data)
    pull = [LAST_FLAT_DAY + timedelta(days=ahead) for ahead in range(2)]
    verdict = check_not_flat_lined(days, pull)
    assert not verdict.passed
    assert "2021-09-20" in str(verdict.figures["days_repeated"])
    assert "2021-09-21" not in str(verdict.figures["days_repeated"])


@pytest.mark.parametrize("mean", [10.0, 40.0, 1000.0])
def test_the_chance_of_equal_counts_is_that_of_the_poisson_distribution(mean: float) -> None:
    highest = int(mean + 12 * math.sqrt(mean)) + 10
    chances = [
        math.exp(count * math.log(mean) - mean - math.lgamma(count + 1)) for count in range(highest)
    ]
    exact = sum(chance * chance for chance in chances)
    assert exact <= chance_of_equal(mean) <= exact * 1.02


def test_the_bound_is_seldom_undercut_by_independent_days() -> None:
    chance = np.random.default_rng(7)
    means = chance.uniform(12, 60, 40)
    names = [str(number) for number in range(40)]
    bounds = [
        compare(
            DAY,
            dict(zip(names, map(int, chance.poisson(means)), strict=True)),
            BEFORE,
            dict(zip(names, map(int, chance.poisson(means)), strict=True)),
        ).probability
        for _ in range(2000)
    ]
    for limit in (0.1, 0.01, 0.001):
        assert sum(bound <= limit for bound in bounds) <= max(limit * 2000, 2)


def test_equal_totals_are_impossible_after_three_repeats_and_possible_before() -> None:
    assert chance_of_run([9_500, 9_500, 9_100]) > REPEATED_BY_CHANCE
    assert chance_of_run([9_500] * 3 + [9_100]) > REPEATED_BY_CHANCE
    assert chance_of_run([9_500] * 4 + [9_100]) < REPEATED_BY_CHANCE
    assert chance_of_run([9_500]) == 1.0


def test_a_stuck_total_fails_where_the_types_are_not_known() -> None:
    days = {DAY - timedelta(days=age): {"all": 9_500} for age in range(4)}
    assert check_not_flat_lined(days, [DAY - timedelta(days=1)]).passed
    verdict = check_not_flat_lined(days, [DAY])
    assert not verdict.passed
    assert verdict.figures["days_with_a_stuck_total"] == "2026-03-02"


def test_a_first_day_has_nothing_to_repeat() -> None:
    assert check_not_flat_lined({DAY: {"Noise": 40}}, [DAY]).passed
    assert check_not_flat_lined({}, [DAY]).figures["days_judged"] == 0
