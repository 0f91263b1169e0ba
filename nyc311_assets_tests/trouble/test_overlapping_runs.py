"""Two runs over the same days at once, as when nothing keeps them apart: one may fail, none lies."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
from pyspark.sql import SparkSession

from nyc311_assets.pipeline.cities import NEW_YORK
from nyc311_assets.pipeline.contracts import DAILY_COUNTS, DAYS, silver_requests
from nyc311_assets.pipeline.gold import aggregate
from nyc311_assets.pipeline.silver import refine
from nyc311_assets.pipeline.tables import Lakehouse, Table
from nyc311_assets_tests.pipeline.rows import PulledRow, land
from nyc311_assets_tests.shared_spark import SharedSpark

pytestmark = [pytest.mark.spark, pytest.mark.long]

FIRST = date(2026, 3, 10)
PARTITIONS = tuple(FIRST + timedelta(days=number) for number in range(3))
RANGES = (PARTITIONS[:2], PARTITIONS[1:])


@pytest.fixture
def sessions(spark_server: SharedSpark) -> Iterator[tuple[SparkSession, SparkSession]]:
    """Two clients of one Spark."""
    both = tuple(SparkSession.builder.remote(spark_server.remote).create() for _ in range(2))
    for session in both:
        session.conf.set("spark.sql.session.timeZone", "UTC")
    yield both[0], both[1]
    for session in both:
        session.stop()


def land_all(spark: SparkSession, lakehouse: Lakehouse) -> None:
    """Each partition pulls its day and the two before; requests are closed as they grow older."""
    for partition in PARTITIONS:
        rows = [
            PulledRow(
                f"{day}-{number}",
                f"{day}T10:00:00.000",
                datetime.combine(partition, datetime.min.time(), UTC),
                {"status": "Closed"} if number < (partition - day).days else {},
            )
            for day in (partition - timedelta(days=age) for age in range(3))
            for number in range(3)
        ]
        land(spark, lakehouse, f"b{partition}", partition, rows)


def build(spark: SparkSession, lakehouse: Lakehouse, partitions: tuple[date, ...]) -> str | None:
    """Silver and gold of some partitions; returns what went wrong."""
    try:
        refined = refine(spark, lakehouse, NEW_YORK, ingestion_dates=partitions)
        aggregate(spark, lakehouse, NEW_YORK, request_dates=refined.request_dates)
    except Exception as error:  # noqa: BLE001 - whatever it is, it must name the conflict
        return str(error)
    return None


def rows(spark: SparkSession, lakehouse: Lakehouse) -> dict[str, list[str]]:
    tables = (silver_requests(NEW_YORK), DAYS, DAILY_COUNTS)
    return {
        contract.name: sorted(map(repr, Table(spark, lakehouse, contract).read().collect()))
        for contract in tables
    }


def test_overlapping_runs_at_once_fail_by_name_or_succeed_and_end_in_the_same_tables(
    spark: SparkSession, sessions: tuple[SparkSession, SparkSession], tmp_path: Path
) -> None:
    one_by_one, at_once = (Lakehouse(str(tmp_path / name)) for name in ("one by one", "at once"))
    for lakehouse in (one_by_one, at_once):
        land_all(spark, lakehouse)
    for partitions in RANGES:
        assert build(spark, one_by_one, partitions) is None
    with ThreadPoolExecutor(2) as pool:
        lakehouses = (at_once, at_once)
        errors = list(pool.map(build, sessions, lakehouses, RANGES))
    # Delta lets one of two conflicting commits through; silver says so of a write in between.
    for message in filter(None, errors):
        is_named = any(word in message for word in ("CONCURRENT", "Concurrent", "by another run"))
        assert is_named, message[:500]
    for partitions, error in zip(RANGES, errors, strict=True):
        if error is not None:
            assert build(spark, at_once, partitions) is None
    assert rows(spark, at_once) == rows(spark, one_by_one)
