"""Walks forward through days: how often a check fails on good ones, and on troubled ones."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from functools import partial
from pathlib import Path

from nyc311_assets.pipeline.checks.levels import LEVEL_HISTORY_DAYS, DailyTypes
from nyc311_assets.pipeline.checks.repeats import check_not_flat_lined
from nyc311_assets.pipeline.checks.spec import Verdict
from nyc311_assets.pipeline.checks.volume import check_not_doubled, check_types, check_volume
from nyc311_assets.pipeline.cities import NEW_YORK
from nyc311_assets_tests.pipeline.checks.daily import (
    Days,
    Trouble,
    all_categories,
    doubled,
    fifteen_types,
    half,
    nearly_doubled,
    repeated,
    synthetic_days,
    three_types,
    without_busiest,
)

Check = Callable[[DailyTypes, date], Verdict]

CHECKS: Mapping[str, Check] = {
    "volume_as_usual": partial(check_volume, NEW_YORK),
    "not_flat_lined": lambda days, day: check_not_flat_lined(days, [day]),
    "not_doubled": lambda days, day: check_not_doubled(days, [day]),
    "types_as_usual": check_types,
}
TROUBLES: Mapping[str, tuple[tuple[str, Trouble], ...]] = {
    "volume_as_usual": (("half a feed", half), ("doubled", doubled)),
    "not_flat_lined": (("yesterday again", repeated(1)), ("last week again", repeated(7))),
    "not_doubled": (("doubled", doubled), ("19 of 20 doubled", nearly_doubled)),
    "types_as_usual": (("busiest type gone", without_busiest),),
}

_LEAST_HISTORY = 7


@dataclass(frozen=True)
class Walk:
    """What a check made of the days of one file.

    Attributes:
        days: Days that it could judge.
        alarms: Good days on which it failed.
        found: Trouble -> days on which it failed once the trouble was there.
    """

    days: int
    alarms: tuple[date, ...]
    found: Mapping[str, int]


def real_series(real_data: Path) -> dict[str, Days]:
    return {
        "15 types of 2020": fifteen_types(real_data),
        "3 types of 2023-2025": three_types(real_data),
        "10 categories of 2025": all_categories(real_data),
    }


def synthetic_series() -> dict[str, Days]:
    return {"synthetic, all types, 2 years": synthetic_days(date(2024, 1, 1), 731)}


def walk(name: str, days: Days) -> Walk:
    """Judge each day with nothing but the days before it."""
    check = CHECKS[name]
    judged = 0
    alarms: list[date] = []
    found = dict.fromkeys((trouble for trouble, _ in TROUBLES[name]), 0)
    for day in sorted(days):
        first = day - timedelta(days=LEVEL_HISTORY_DAYS)
        known: dict[date, Mapping[str, int]] = {
            each: counts for each, counts in days.items() if first <= each <= day
        }
        verdict = check(known, day)
        if "not_judged" in verdict.figures or len(known) <= _LEAST_HISTORY:
            continue
        judged += 1
        if not verdict.passed:
            alarms.append(day)
        for trouble, spoil in TROUBLES[name]:
            found[trouble] += not check({**known, day: spoil(known, day)}, day).passed
    return Walk(judged, tuple(alarms), found)
