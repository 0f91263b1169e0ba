"""Pulls made by chance, merged in order and out of order: the tables are the same."""

from __future__ import annotations

import random
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
from pyspark.sql import Row, SparkSession

from nyc311_assets.pipeline.cities import NEW_YORK
from nyc311_assets.pipeline.contracts import (
    CLASSIFICATIONS,
    DAILY_COUNTS,
    DAYS,
    REJECTS,
    TableContract,
    silver_requests,
)
from nyc311_assets.pipeline.gold import aggregate
from nyc311_assets.pipeline.silver import refine
from nyc311_assets.pipeline.tables import Lakehouse, Table
from nyc311_assets_tests.pipeline.rows import PulledRow, land

pytestmark = [pytest.mark.spark, pytest.mark.long]

Order = tuple[tuple[date, ...], ...]

SEEDS = (311,)
PARTITIONS = tuple(date(2026, 3, 6) + timedelta(days=number) for number in range(4))
DAYS_PULLED = 4
REQUESTS_A_DAY = 12
TYPES = ("Noise - Residential", "Illegal Parking", "HEAT/HOT WATER")
SAME_TABLES = (silver_requests(NEW_YORK), REJECTS, DAYS, CLASSIFICATIONS, DAILY_COUNTS)
# Content that several pulls bring has the time of the one that was merged first.
OF_THE_ORDER = {"ingested_at"}


@dataclass(frozen=True)
class Pull:
    """One pull of a partition, and the days of it that cannot be used."""

    partition: date
    at: datetime
    unreconciled: tuple[date, ...]
    held_back: tuple[date, ...]

    @property
    def batch_id(self) -> str:
        return f"{self.partition} at {self.at:%d-%H%M}"

    def covers(self, day: date) -> bool:
        return self.partition - timedelta(days=DAYS_PULLED) < day <= self.partition


@dataclass
class Request:
    """A request as the source has it from pull to pull. No version returns to an earlier one."""

    key: str
    day: date
    arrives_at: datetime
    version: int = 1
    updated_at: datetime = datetime(2026, 3, 1, tzinfo=UTC)
    complaint_type: str = TYPES[0]
    is_deleted: bool = False
    before: list[PulledRow] = field(default_factory=list)

    def live(self, chance: random.Random, at: datetime) -> None:
        if chance.random() < 0.4:
            self.before.append(self.row())
            self.version += 1
            self.updated_at = at - timedelta(hours=1)
            if chance.random() < 0.3:
                self.complaint_type = chance.choice(TYPES)
        if chance.random() < 0.15:
            self.is_deleted = not self.is_deleted

    def rows(self, chance: random.Random) -> Iterator[PulledRow]:
        if self.is_deleted:
            return
        if chance.random() < 0.1:
            yield self.row(agency=" ")
            return
        yield self.row()
        if self.before and chance.random() < 0.3:
            yield chance.choice(self.before)

    def row(self, **broken: str) -> PulledRow:
        fields = {"descriptor": f"version {self.version}", "complaint_type": self.complaint_type}
        if self.version % 2 == 0:
            closed = {
                "status": "Closed",
                "closed_date": f"{self.day}T2{self.version % 4}:00:00.000",
            }
            fields |= closed
        return PulledRow(
            self.key,
            f"{self.day}T{10 + int(self.key[-1])}:00:00.000",
            self.updated_at,
            fields | broken,
            row_id=f"{self.key} {self.version}",
        )


def pulls_by(chance: random.Random) -> list[Pull]:
    """Each partition is pulled the morning after, and some again later."""
    pulls = []
    for partition in PARTITIONS:
        morning = datetime.combine(partition + timedelta(days=1), datetime.min.time(), UTC)
        for number in range(chance.choice((1, 2, 2))):
            days = [partition - timedelta(days=age) for age in range(DAYS_PULLED)]
            unusable = [day for day in days if number and chance.random() < 0.25]
            at = morning + timedelta(hours=8, minutes=chance.randrange(60))
            at += number * timedelta(hours=chance.randrange(1, 72))
            half = len(unusable) // 2
            pulls.append(Pull(partition, at, tuple(unusable[:half]), tuple(unusable[half:])))
    return sorted(pulls, key=lambda pull: pull.at)


def requests_by(chance: random.Random) -> list[Request]:
    first = PARTITIONS[0] - timedelta(days=DAYS_PULLED - 1)
    days = [first + timedelta(days=ahead) for ahead in range((PARTITIONS[-1] - first).days + 1)]
    requests = []
    for day in days:
        midnight = datetime.combine(day + timedelta(days=1), datetime.min.time(), UTC)
        for number in range(REQUESTS_A_DAY):
            late = timedelta(days=chance.choice((0, 0, 0, 1, 2)))
            kind = chance.choice(TYPES)
            request = Request(f"{day} {number}", day, midnight + late, complaint_type=kind)
            requests.append(request)
    return requests


@pytest.fixture(scope="module", params=SEEDS)
def landed(
    request: pytest.FixtureRequest, spark: SparkSession, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    chance = random.Random(request.param)
    folder = tmp_path_factory.mktemp("landed") / "lakehouse"
    requests = requests_by(chance)
    for pull in pulls_by(chance):
        rows: list[PulledRow] = []
        for each in requests:
            if each.arrives_at <= pull.at:
                each.live(chance, pull.at)
                rows += each.rows(chance) if pull.covers(each.day) else ()
        land(
            spark,
            Lakehouse(str(folder)),
            pull.batch_id,
            pull.partition,
            rows,
            ingested_at=pull.at,
            unreconciled=pull.unreconciled,
            held_back=pull.held_back,
        )
    return folder


def merge(
    spark: SparkSession, lakehouse: Lakehouse, order: Order, *, counted_each: bool
) -> dict[str, list[Row]]:
    """Merge the partitions step by step, and count after each step or once at the end."""
    pulled: set[date] = set()
    for partitions in order:
        refined = refine(spark, lakehouse, NEW_YORK, ingestion_dates=partitions)
        assert [each for each in refined.accounts if not each.adds_up] == []
        pulled |= set(refined.request_dates)
        if counted_each or partitions == order[-1]:
            counted = aggregate(spark, lakehouse, NEW_YORK, request_dates=pulled)
            assert [day for day in counted.days if day.differing or day.negative] == []
            pulled.clear()
    return {contract.name: rows_of(spark, lakehouse, contract) for contract in SAME_TABLES}


def rows_of(spark: SparkSession, lakehouse: Lakehouse, contract: TableContract) -> list[Row]:
    is_requests = contract.name == "silver.requests"
    left_out = OF_THE_ORDER if is_requests else set()
    columns = [name for name in contract.column_names if name not in left_out]
    rows = Table(spark, lakehouse, contract).read().select(*columns).collect()
    return sorted(rows, key=lambda row: [str(row[name]) for name in contract.key])


def shuffled(chance: random.Random) -> Order:
    """Every partition, two of them twice, two in a step, and not in their order."""
    order = [*PARTITIONS, *chance.sample(PARTITIONS, 2)]
    while len(set(order[:2])) < 2 or order[:4] == sorted(order[:4]):
        chance.shuffle(order)
    return tuple((order[number], order[number + 1]) for number in (0, 2, 4))


def test_random_pulls_merged_in_order_or_shuffled_with_repeats_leave_the_same_tables(
    spark: SparkSession, landed: Path, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    chance = random.Random(request.node.callspec.params["landed"])
    in_order = tuple((partition,) for partition in PARTITIONS)
    tables = {}
    for name, order in {"in order": in_order, "shuffled": shuffled(chance)}.items():
        lakehouse = Lakehouse(str(shutil.copytree(landed, tmp_path / name)))
        tables[name] = merge(spark, lakehouse, order, counted_each=name == "shuffled")
    found = tables["in order"]
    requests = found["silver.requests"]
    assert {row["is_current"] for row in requests} == {True, False}
    assert any(row["last_changed"] > row["first_seen"] for row in requests)
    assert any(row["classified_since"] > row["first_seen"] for row in requests)
    assert found["silver.rejects"]
    assert found["silver.classifications"]
    assert any(row["duplicates"] for row in found["silver.days"])
    assert found["gold.daily_counts"]
    for name, rows in found.items():
        assert tables["shuffled"][name] == rows, name
