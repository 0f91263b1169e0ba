"""Days that repeat or double their requests, from the source to gold."""

from __future__ import annotations

import logging
import random
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta
from pathlib import Path
from types import ModuleType
from typing import Any, cast

import pytest
from dagster_pipes import PipesContext
from pyspark.sql import SparkSession
from pyspark.sql import functions as F

from nyc311_assets.jobs import gold_daily_counts, raw_311, silver_requests
from nyc311_assets.jobs.protocol import JobConfig
from nyc311_assets.jobs.session import Job
from nyc311_assets.pipeline import contracts
from nyc311_assets.pipeline.batches import read_batch
from nyc311_assets.pipeline.checks import GOLD_CHECKS, RAW_CHECKS, SILVER_CHECKS
from nyc311_assets.pipeline.cities import NEW_YORK
from nyc311_assets.pipeline.contracts import BATCHES, DAILY_COUNTS
from nyc311_assets.pipeline.profiles.silver import arrivals, day_values, pulls_with_history
from nyc311_assets.pipeline.pulls import Batch
from nyc311_assets.pipeline.tables import Lakehouse, Table
from nyc311_assets_tests.pipeline.checks.daily import Days
from nyc311_assets_tests.pipeline.road import request, serving, write_rows

pytestmark = [pytest.mark.spark, pytest.mark.long]

JOBS = (raw_311, silver_requests, gold_daily_counts)
DAYS = [date(2026, 3, 1) + timedelta(days=index) for index in range(12)]
EARLIER, PARTITION = DAYS[7], DAYS[10]
# Of the days that PARTITION pulls, EARLIER has brought the first of these, and not the others.
KNOWN, REPEATED, DOUBLED = DAYS[6], DAYS[8], DAYS[9]
SUSPECT = {KNOWN, REPEATED, DOUBLED}
SILVER = contracts.silver_requests(NEW_YORK)
TYPES = sorted(NEW_YORK.known_types)[:22]


def sound_days() -> Days:
    """Days with 10 to 15 requests of each type."""
    chance = random.Random(311)
    return {day: {kind: chance.randint(10, 15) for kind in TYPES} for day in DAYS}


def spoiled_days() -> Days:
    """The same: one day repeats the one before it, one an earlier one, and one has all twice."""
    days = sound_days()
    return {
        **days,
        KNOWN: days[DAYS[5]],
        REPEATED: days[DAYS[4]],
        DOUBLED: {kind: 2 * count for kind, count in days[DOUBLED].items()},
    }


def feed(path: Path, days: Days, until: date) -> Path:
    """The requests of some days; the last one is only partly published."""
    return write_rows(
        path,
        [
            request(
                10_000 * day.day + 100 * number + each,
                f"{day}T0{number % 10}:{number // 10}0:{each:02}.000",
                complaint_type=kind,
            )
            for day, counts in days.items()
            if day <= until
            for number, (kind, count) in enumerate(counts.items())
            for each in range(count if day < until else 1)
        ],
    )


@dataclass
class Reports:
    """Stands where Pipes is: keeps what a job reports."""

    log: logging.Logger = field(default_factory=lambda: logging.getLogger(__name__))
    checks: dict[str, Mapping[str, Any]] = field(default_factory=dict)

    def report_custom_message(self, message: Mapping[str, Any]) -> None:
        if message["kind"] == "check":
            self.checks[message["name"]] = message

    def report_asset_materialization(self, metadata: Mapping[str, Any]) -> None:
        assert metadata["work_seconds"] >= 0


@dataclass(frozen=True)
class State:
    """What the jobs said of a pull, and what the tables hold after it."""

    batch: Batch
    checks: Mapping[str, Mapping[str, Any]]
    silver: Mapping[date, int]
    gold: Mapping[date, int]
    complete: frozenset[date]
    lag_1: Mapping[date, int | None]

    @property
    def held_back(self) -> dict[date, str]:
        return {day.request_date: day.held_back for day in self.batch.days if day.held_back}

    @property
    def failed(self) -> set[str]:
        return {name for name, check in self.checks.items() if not check["passed"]}


class Road:
    """Runs the jobs for one partition at a time, in one lakehouse."""

    def __init__(self, spark: SparkSession, folder: Path) -> None:
        self.spark = spark
        self.folder = folder
        self.lakehouse = Lakehouse(str(folder / "lakehouse"))

    def take(
        self,
        days: Days,
        partition: date,
        batch_id: str,
        *,
        hold_back: bool = True,
        until: ModuleType = gold_daily_counts,
    ) -> State:
        reports = Reports()
        rows = feed(self.folder / f"{batch_id}.csv", days, partition + timedelta(days=1))
        with serving(rows) as url:
            config = JobConfig(
                [partition.isoformat()],
                batch_id,
                self.lakehouse.root,
                lakehouse_is_catalog=False,
                volume_path=str(self.folder),
                soda_url=url,
                soda_parallel_requests=2,
                hold_back=hold_back,
            )
            job = Job(cast("PipesContext", reports), self.spark, NEW_YORK, config)
            for each in JOBS[: JOBS.index(until) + 1]:
                each.run(job)
        return self.state(batch_id, reports)

    def state(self, batch_id: str, reports: Reports) -> State:
        batch = read_batch(Table(self.spark, self.lakehouse, BATCHES), batch_id)
        assert batch is not None
        silver = Table(self.spark, self.lakehouse, SILVER).read()
        counted = silver.where("is_current").groupBy("request_date").count().collect()
        gold = (
            Table(self.spark, self.lakehouse, DAILY_COUNTS)
            .read()
            .groupBy("request_date")
            .agg(F.sum("requests"), F.bool_and("is_complete"), F.sum("lag_1"))
            .collect()
        )
        return State(
            batch,
            reports.checks,
            silver={row[0]: row[1] for row in counted},
            gold={row[0]: row[1] for row in gold},
            complete=frozenset(row[0] for row in gold if row[2]),
            lag_1={row[0]: row[3] for row in gold},
        )


def totals(days: Days, first: int, last: int) -> dict[date, int]:
    return {day: sum(days[day].values()) for day in DAYS[first : last + 1]}


@pytest.fixture(scope="module")
def road(spark: SparkSession, tmp_path_factory: pytest.TempPathFactory) -> Road:
    return Road(spark, tmp_path_factory.mktemp("held_back"))


@pytest.fixture(scope="module")
def sound(road: Road) -> State:
    return road.take(sound_days(), EARLIER, "sound")


@pytest.fixture(scope="module")
def spoiled(road: Road, sound: State) -> State:
    assert not sound.held_back
    return road.take(spoiled_days(), PARTITION, "spoiled")


@pytest.fixture(scope="module")
def retried(road: Road, spoiled: State) -> State:
    return road.take(spoiled_days(), PARTITION, spoiled.batch.batch_id, until=raw_311)


@pytest.fixture(scope="module")
def taken(road: Road, retried: State) -> State:
    assert retried.held_back
    return road.take(spoiled_days(), PARTITION, "taken", hold_back=False)


def test_the_jobs_report_every_check_that_their_assets_declare(sound: State) -> None:
    declared = {check.name for check in (*RAW_CHECKS, *SILVER_CHECKS, *GOLD_CHECKS)}
    assert sound.checks.keys() == declared
    assert not sound.failed


def test_days_that_repeat_or_double_are_held_back_and_their_checks_fail_without_blocking(
    spoiled: State,
) -> None:
    assert spoiled.held_back == {
        KNOWN: f"not_flat_lined: 22 of 22 types as on {DAYS[5]}",
        REPEATED: f"not_flat_lined: 22 of 22 types as on {DAYS[4]}",
        DOUBLED: "not_doubled: its requests are there twice",
    }
    # That two days are not there in gold is shown, too.
    assert spoiled.failed == {"not_flat_lined", "not_doubled", "complete_days_present"}
    for name in ("not_flat_lined", "not_doubled"):
        assert spoiled.checks[name]["severity"] == "ERROR"
        assert not spoiled.checks[name]["blocks_run"]
    assert spoiled.checks["not_doubled"]["figures"]["days_doubled"] == str(DOUBLED)


def test_a_held_back_day_stays_as_an_earlier_pull_brought_it_or_is_unknown(
    sound: State, spoiled: State
) -> None:
    good = totals(sound_days(), 0, 10)
    assert sound.gold == totals(sound_days(), 0, 7)
    del good[REPEATED], good[DOUBLED]
    assert spoiled.silver == spoiled.gold == good
    assert spoiled.complete == good.keys()


def test_the_other_days_of_the_pull_go_on_and_know_nothing_of_those_held_back(
    spoiled: State,
) -> None:
    assert spoiled.gold[PARTITION] == totals(sound_days(), 10, 10)[PARTITION]
    assert spoiled.lag_1[PARTITION] is None
    assert spoiled.lag_1[EARLIER] == totals(sound_days(), 6, 6)[KNOWN]


def test_a_retry_reports_the_same_verdicts_and_leaves_record_and_rows(
    spoiled: State, retried: State
) -> None:
    assert (retried.batch, retried.silver) == (spoiled.batch, spoiled.silver)
    assert retried.checks.keys() == {check.name for check in RAW_CHECKS}
    assert retried.checks.items() <= spoiled.checks.items()


def test_days_held_back_say_nothing_of_how_late_requests_arrive(road: Road, retried: State) -> None:
    assert retried.held_back.keys() == SUSPECT
    pulled = pulls_with_history(road.spark, road.lakehouse, [PARTITION])
    values = day_values(road.spark, road.lakehouse, NEW_YORK, DAYS[0], PARTITION)
    found = arrivals(NEW_YORK, values, pulled)[PARTITION]
    known = {PARTITION - timedelta(days=age) for age, rows in found.known.items() if rows}
    assert known == set(DAYS[3:11]) - SUSPECT


def test_an_operator_can_take_such_days_in_and_their_checks_fail_all_the_same(
    taken: State,
) -> None:
    assert not taken.held_back
    assert taken.failed == {"not_flat_lined", "not_doubled"}
    expected = totals(sound_days(), 0, 2) | totals(spoiled_days(), 3, 10)
    assert taken.silver == taken.gold == expected


def test_a_later_pull_that_holds_them_back_leaves_what_was_taken_and_a_sound_one_mends_it(
    road: Road, taken: State
) -> None:
    again = road.take(spoiled_days(), PARTITION, "held again", until=silver_requests)
    assert again.held_back.keys() == SUSPECT
    assert again.silver == taken.silver
    mended = road.take(sound_days(), PARTITION, "mended")
    assert not mended.held_back
    assert not mended.failed
    assert mended.silver == mended.gold == totals(sound_days(), 0, 10)
    assert mended.lag_1[PARTITION] == totals(sound_days(), 9, 9)[DOUBLED]


def test_a_pull_of_which_every_day_is_held_back_ends_well_and_publishes_nothing(
    spark: SparkSession, tmp_path: Path
) -> None:
    road = Road(spark, tmp_path)
    twice = {
        day: {kind: 2 * count for kind, count in counts.items()}
        for day, counts in sound_days().items()
    }
    state = road.take(twice, PARTITION, "twice")
    whole = set(NEW_YORK.pulled_by(PARTITION))
    assert state.held_back == dict.fromkeys(whole, "not_doubled: its requests are there twice")
    assert state.failed == {"not_doubled"}
    assert state.silver == state.gold == {}
    assert state.checks["every_row_accounted_for"]["figures"]["days_held_back"] == ", ".join(
        str(day) for day in sorted(whole)
    )
