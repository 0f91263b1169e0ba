from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import date, timedelta
from functools import partial
from pathlib import Path

import pytest

from nyc311_assets.pipeline.checks.levels import level
from nyc311_assets.pipeline.checks.volume import (
    chance_of_even,
    check_not_doubled,
    check_types,
    check_volume,
    type_moves,
)
from nyc311_assets.pipeline.cities import NEW_YORK
from nyc311_assets_tests.pipeline.checks.daily import (
    Days,
    bad_feed,
    doubled,
    fifteen_types,
    half,
    nearly_doubled,
    synthetic_days,
)

ISAIAS = date(2020, 8, 4)


@pytest.fixture(scope="module")
def storm(real_data: Path) -> Days:
    return fifteen_types(real_data)


@pytest.fixture(scope="module")
def city() -> Days:
    return synthetic_days(date(2025, 3, 1), 75)


def with_day(days: Days, day: date, counts: Mapping[str, int]) -> dict[date, Mapping[str, int]]:
    return {**days, day: counts}


def test_isaias_is_neither_doubled_nor_an_unusual_volume_nor_a_broken_feed(storm: Days) -> None:
    found = level(storm, ISAIAS)
    assert found is not None
    assert storm[ISAIAS]["Damaged Tree"] == 13_908
    assert found.total_ratio > 4
    assert 0.9 < found.typical_ratio < 1.1
    assert check_not_doubled(storm, [ISAIAS]).passed
    assert check_volume(NEW_YORK, storm, ISAIAS).passed
    assert check_types(storm, ISAIAS).passed
    assert "Damaged Tree" in type_moves(storm, ISAIAS).risen


def test_a_doubled_day_is_found_by_parity_alone(real_data: Path) -> None:
    days = bad_feed(real_data)
    day = date(2021, 9, 3)
    assert check_not_doubled({day: days[day]}, [day]).passed
    verdict = check_not_doubled({day: doubled(days, day)}, [day])
    assert not verdict.passed
    assert verdict.figures["days_doubled"] == "2021-09-03"
    assert chance_of_even(doubled(days, day)) < 1e-15


def test_no_day_of_the_broken_feed_is_called_doubled(real_data: Path) -> None:
    """Its flat days are counts of a real day, and its last whole day is the source's own."""
    days = bad_feed(real_data)
    verdict = check_not_doubled(days, days)
    assert verdict.passed
    assert verdict.figures["days_judged"] == 21


def test_a_day_doubled_but_for_one_row_in_twenty_is_found_by_its_level(city: Days) -> None:
    day = max(city)
    spoiled = nearly_doubled(city, day)
    assert chance_of_even(spoiled) > 1e-6
    assert not check_not_doubled(with_day(city, day, spoiled), [day]).passed
    assert check_not_doubled(city, [day]).passed


def test_half_a_feed_is_named_in_figures(city: Days) -> None:
    day = max(city)
    assert check_volume(NEW_YORK, city, day).passed
    verdict = check_volume(NEW_YORK, with_day(city, day, half(city, day)), day)
    assert not verdict.passed
    assert verdict.spec.severity == "WARN"
    ratio = verdict.figures["typical_ratio"]
    assert isinstance(ratio, float)
    assert 0.4 < ratio < 0.57
    assert verdict.figures["weeks_of_history"] == 8


def test_a_feed_without_half_of_its_types_is_found_by_its_total(city: Days) -> None:
    day = max(city)
    by_size = sorted(city[day], key=lambda name: city[day][name])
    kept = {name: city[day][name] for name in by_size[: len(by_size) * 9 // 10]}
    assert sum(kept.values()) < sum(city[day].values()) / 2
    assert not check_volume(NEW_YORK, with_day(city, day, kept), day).passed


@pytest.mark.parametrize(
    "day", [date(2020, 7, 3), date(2020, 9, 7), date(2020, 10, 12), date(2020, 11, 11)]
)
def test_a_real_holiday_passes_and_half_of_it_does_not(storm: Days, day: date) -> None:
    verdict = check_volume(NEW_YORK, storm, day)
    assert verdict.passed
    assert verdict.figures["holiday"] == NEW_YORK.holidays(day, day)[day]
    assert not check_volume(NEW_YORK, with_day(storm, day, half(storm, day)), day).passed


def test_only_where_a_day_is_a_holiday_is_it_compared_with_sundays(storm: Days) -> None:
    columbus_day = date(2020, 10, 12)
    elsewhere = replace(NEW_YORK, country="GB")
    verdict = check_volume(elsewhere, storm, columbus_day)
    assert not verdict.passed
    assert "holiday" not in verdict.figures


def test_veterans_day_of_the_synthetic_city_is_no_broken_feed_and_half_of_it_is() -> None:
    veterans_day = date(2026, 11, 11)
    days = synthetic_days(date(2026, 9, 1), 72)
    verdict = check_volume(NEW_YORK, days, veterans_day)
    assert verdict.passed
    names = ("typical_ratio", "lowest_ratio", "typical_ratio_as_a_sunday")
    ratio, lowest, as_a_sunday = (float(verdict.figures[name]) for name in names)
    assert ratio < lowest < as_a_sunday
    spoiled = with_day(days, veterans_day, half(days, veterans_day))
    assert not check_volume(NEW_YORK, spoiled, veterans_day).passed


def test_a_storm_moves_few_types_and_a_broken_feed_many(city: Days) -> None:
    day = max(city)
    busiest = sorted(city[day], key=lambda name: -city[day][name])
    two_up = {**city[day], **{name: city[day][name] * 9 for name in busiest[:2]}}
    many_down = {**city[day], **{name: city[day][name] // 9 for name in busiest[:20]}}
    assert check_types(with_day(city, day, two_up), day).passed
    verdict = check_types(with_day(city, day, many_down), day)
    assert not verdict.passed
    assert busiest[3] in str(verdict.figures["types_fallen"])


def test_a_busy_type_that_is_gone_is_named(city: Days) -> None:
    day = max(city)
    without = {name: count for name, count in city[day].items() if name != "Illegal Parking"}
    assert check_types(city, day).passed
    verdict = check_types(with_day(city, day, without), day)
    assert not verdict.passed
    assert verdict.figures["types_gone"] == "Illegal Parking"


def test_without_enough_history_a_day_passes_and_the_verdict_says_that_it_was_not_judged(
    city: Days,
) -> None:
    day = min(city) + timedelta(days=20)
    young = {each: counts for each, counts in city.items() if each <= day}
    for check in (partial(check_volume, NEW_YORK), check_types):
        verdict = check(young, day)
        assert verdict.passed
        assert verdict.figures["not_judged"] == "too little history"
        assert check(young, None).figures["not_judged"] == "no complete day"
