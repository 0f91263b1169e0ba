"""A partition's verdicts, as the jobs ask for them."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime, timedelta
from pathlib import Path

import pytest

from nyc311_assets.pipeline.batches import PulledDay
from nyc311_assets.pipeline.checks import Verdict
from nyc311_assets.pipeline.checks.history import (
    check_gold_history,
    check_raw_history,
    known_types,
)
from nyc311_assets.pipeline.cities import NEW_YORK
from nyc311_assets_tests.pipeline.checks.daily import Days, bad_feed, doubled, synthetic_days

PARTITION = date(2025, 5, 14)
REACH = datetime(2025, 5, 14, 2, 20)
PULLED_AT = datetime(2025, 5, 15, 3, tzinfo=NEW_YORK.time_zone)


def pull(partition: date, reach: datetime, unreconciled: date | None = None) -> list[PulledDay]:
    return [
        PulledDay(day, 100, 99 if day == unreconciled else 100, partition, reach)
        for day in NEW_YORK.pulled_by(partition)
    ]


def passed(verdicts: tuple[Verdict, ...]) -> Mapping[str, bool]:
    return {verdict.spec.name: verdict.passed for verdict in verdicts}


@pytest.fixture(scope="module")
def city() -> Days:
    return synthetic_days(date(2025, 3, 1), 75)


def test_a_pull_of_good_days_passes_and_its_newest_complete_day_is_judged(city: Days) -> None:
    days = known_types(city, city, pull(PARTITION, REACH))
    verdicts = check_raw_history(NEW_YORK, pull(PARTITION, REACH), days, PULLED_AT)
    assert set(passed(verdicts).values()) == {True}
    assert verdicts[0].figures["judged_day"] == "2025-05-13"


def test_a_partly_published_day_is_not_taken_for_half_a_feed(city: Days) -> None:
    stub = {name: count // 10 for name, count in city[PARTITION].items()}
    days = known_types(city, {**city, PARTITION: stub}, pull(PARTITION, REACH))
    assert PARTITION not in days
    verdicts = check_raw_history(NEW_YORK, pull(PARTITION, REACH), days, PULLED_AT)
    assert set(passed(verdicts).values()) == {True}


def test_an_older_day_of_the_pull_that_came_twice_fails(city: Days) -> None:
    older = PARTITION - timedelta(days=5)
    days = known_types(city, {**city, older: doubled(city, older)}, pull(PARTITION, REACH))
    verdicts = check_raw_history(NEW_YORK, pull(PARTITION, REACH), days, PULLED_AT)
    assert passed(verdicts) == {
        "volume_as_usual": True,
        "not_stale": True,
        "not_flat_lined": True,
        "not_doubled": False,
    }


def test_a_day_that_did_not_reconcile_is_not_known(city: Days) -> None:
    older = PARTITION - timedelta(days=5)
    pulled = pull(PARTITION, REACH, unreconciled=older)
    assert older not in known_types(city, {older: doubled(city, older)}, pulled)


def test_the_first_flat_day_of_the_broken_feed_stops_the_pull_that_brings_it(
    real_data: Path,
) -> None:
    feed = bad_feed(real_data)
    outcomes = []
    for partition in (date(2021, 9, 8), date(2021, 9, 9)):
        reach = datetime.combine(partition, datetime.min.time()) + timedelta(hours=2)
        pulled = pull(partition, reach)
        days = known_types({}, feed, pulled)
        at = datetime.combine(
            partition + timedelta(days=1), datetime.min.time(), NEW_YORK.time_zone
        ) + timedelta(hours=3)
        outcomes.append(passed(check_raw_history(NEW_YORK, pulled, days, at))["not_flat_lined"])
    assert outcomes == [True, False]


def test_gold_judges_the_newest_complete_day_of_the_partition(city: Days) -> None:
    pulled = NEW_YORK.pulled_by(PARTITION)
    (verdict,) = check_gold_history(city, pulled)
    assert verdict.figures["judged_day"] == "2025-05-14"
    without = {day: counts for day, counts in city.items() if day != PARTITION}
    (verdict,) = check_gold_history(without, pulled)
    assert verdict.figures["judged_day"] == "2025-05-13"
    assert verdict.passed
