"""A partition's verdicts, as the jobs ask for them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import date, datetime, timedelta
from pathlib import Path

import pytest

from nyc311_assets.pipeline.checks import Verdict
from nyc311_assets.pipeline.checks.history import (
    SilverProfile,
    check_gold_history,
    check_raw_history,
    check_silver_history,
    known_types,
    suspect_days,
)
from nyc311_assets.pipeline.cities import NEW_YORK
from nyc311_assets.pipeline.pulls import Batch, PulledDay
from nyc311_assets_tests.pipeline.checks.daily import Days, bad_feed, doubled, synthetic_days

PARTITION = date(2025, 5, 14)
REACH = datetime(2025, 5, 14, 2, 20)
PULLED_AT = datetime(2025, 5, 15, 3, tzinfo=NEW_YORK.time_zone)


def pull(
    partition: date,
    reach: datetime,
    unreconciled: date | None = None,
    at: datetime = PULLED_AT,
) -> Batch:
    days = tuple(
        PulledDay(day, 100, 99 if day == unreconciled else 100, partition, reach)
        for day in NEW_YORK.pulled_by(partition)
    )
    return Batch("b", "synthetic", True, at, reach, at, days)


def passed(verdicts: tuple[Verdict, ...]) -> Mapping[str, bool]:
    return {verdict.spec.name: verdict.passed for verdict in verdicts}


@pytest.fixture(scope="module")
def city() -> Days:
    return synthetic_days(date(2025, 3, 1), 75)


def test_a_pull_of_good_days_passes_and_its_newest_complete_day_is_judged(city: Days) -> None:
    days = known_types(city, city, pull(PARTITION, REACH).days)
    verdicts = check_raw_history(NEW_YORK, pull(PARTITION, REACH), PARTITION, days)
    assert set(passed(verdicts).values()) == {True}
    assert verdicts[0].figures["judged_day"] == "2025-05-13"


def test_a_partly_published_day_is_not_taken_for_half_a_feed(city: Days) -> None:
    stub = {name: count // 10 for name, count in city[PARTITION].items()}
    days = known_types(city, {**city, PARTITION: stub}, pull(PARTITION, REACH).days)
    assert PARTITION not in days
    verdicts = check_raw_history(NEW_YORK, pull(PARTITION, REACH), PARTITION, days)
    assert set(passed(verdicts).values()) == {True}


def test_an_older_day_of_the_pull_that_came_twice_fails(city: Days) -> None:
    older = PARTITION - timedelta(days=5)
    days = known_types(city, {**city, older: doubled(city, older)}, pull(PARTITION, REACH).days)
    verdicts = check_raw_history(NEW_YORK, pull(PARTITION, REACH), PARTITION, days)
    assert passed(verdicts) == {
        "volume_as_usual": True,
        "not_stale": True,
        "not_flat_lined": True,
        "not_doubled": False,
    }


def test_a_day_that_did_not_reconcile_is_not_known(city: Days) -> None:
    older = PARTITION - timedelta(days=5)
    pulled = pull(PARTITION, REACH, unreconciled=older)
    assert older not in known_types(city, {older: doubled(city, older)}, pulled.days)


def test_the_first_flat_day_of_the_broken_feed_stops_the_pull_that_brings_it(
    real_data: Path,
) -> None:
    feed = bad_feed(real_data)
    outcomes, suspects = [], []
    for partition in (date(2021, 9, 8), date(2021, 9, 9)):
        reach = datetime.combine(partition, datetime.min.time()) + timedelta(hours=2)
        pulled = pull(partition, reach)
        days = known_types({}, feed, pulled.days)
        verdicts = check_raw_history(NEW_YORK, pulled, partition, days)
        outcomes.append(passed(verdicts)["not_flat_lined"])
        suspects.append(suspect_days(verdicts))
    assert outcomes == [True, False]
    reason = suspects[1].pop(date(2021, 9, 8))
    assert reason.startswith("not_flat_lined: ")
    assert reason.endswith(" types as on 2021-09-07")
    assert suspects == [{}, {}]


def test_silver_judges_the_newest_complete_day_that_is_not_held_back() -> None:
    days = NEW_YORK.pulled_by(PARTITION)
    values = {day: {"agency": {"NYPD": 9}} for day in (*NEW_YORK.pulled_by(days[0]), *days)}
    profile = SilverProfile(values, {}, {}, {})
    pulled = pull(PARTITION, REACH).days
    judged = []
    for held_back in (None, "not_doubled: a test"):
        newest = replace(pulled[-2], held_back=held_back)
        verdicts = check_silver_history(NEW_YORK, profile, PARTITION, [*pulled[:-2], newest])
        judged.append(verdicts[0].figures["judged_day"])
    assert judged == ["2025-05-13", "2025-05-12"]


def test_gold_judges_the_newest_complete_day_of_the_partition(city: Days) -> None:
    pulled = NEW_YORK.pulled_by(PARTITION)
    (verdict,) = check_gold_history(city, pulled)
    assert verdict.figures["judged_day"] == "2025-05-14"
    without = {day: counts for day, counts in city.items() if day != PARTITION}
    (verdict,) = check_gold_history(without, pulled)
    assert verdict.figures["judged_day"] == "2025-05-13"
    assert verdict.passed
