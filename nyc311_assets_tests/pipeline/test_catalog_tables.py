"""The layers in a catalog instead of a folder: Spark's own one, with Delta behind it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, date, datetime
from pathlib import Path

import pyarrow as pa
import pytest
from deltalake import DeltaTable, QueryBuilder
from pyspark.sql import SparkSession

from nyc311_assets.jobs.upkeep import run
from nyc311_assets.pipeline.cities import NEW_YORK
from nyc311_assets.pipeline.contracts import DAILY_COUNTS, silver_requests
from nyc311_assets.pipeline.gold import aggregate
from nyc311_assets.pipeline.silver import refine
from nyc311_assets.pipeline.tables import Lakehouse, Table
from nyc311_assets_tests.pipeline.rows import PulledRow, land
from nyc311_assets_tests.shared_spark import SharedSpark

pytestmark = [pytest.mark.spark, pytest.mark.long]

DAYS = [date(2026, 3, 10), date(2026, 3, 11)]
SCHEMAS = ("bronze", "silver", "gold")


def row(key: str) -> PulledRow:
    return PulledRow(key, f"{DAYS[0]}T10:00:00.000", datetime(2026, 3, 11, 6, tzinfo=UTC))


@pytest.fixture
def catalog(spark: SparkSession, spark_server: SharedSpark, tmp_path: Path) -> Iterator[Lakehouse]:
    with spark_server.catalog_to_oneself():
        yield Lakehouse("spark_catalog", is_catalog=True, location=str(tmp_path / "lakehouse"))
        for schema in SCHEMAS:
            spark.sql(f"DROP SCHEMA IF EXISTS spark_catalog.{schema} CASCADE")


def test_all_three_layers_work_in_a_catalog_and_their_files_are_where_they_are_read(
    spark: SparkSession, catalog: Lakehouse, tmp_path: Path
) -> None:
    first, second = DAYS
    rows = [row(f"{first}-{number}") for number in range(3)]
    land(spark, catalog, "one", first, rows)
    refine(spark, catalog, NEW_YORK, ingestion_dates=[first])
    aggregate(spark, catalog, NEW_YORK, request_dates=[first])
    land(spark, catalog, "two", second, [*rows[:2], row("late")])
    # The second pull merges, after the first has been written.
    refined = refine(spark, catalog, NEW_YORK, ingestion_dates=[second])
    aggregate(spark, catalog, NEW_YORK, request_dates=refined.request_dates)
    counts = Table(spark, catalog, DAILY_COUNTS).read()
    assert counts.selectExpr("sum(requests)").collect()[0][0] == 3
    assert Table(spark, catalog, silver_requests(NEW_YORK)).read().count() == 4
    on_disk = DeltaTable(str(tmp_path / "lakehouse" / "gold" / "daily_counts"))
    total = QueryBuilder().register("counts", on_disk).execute("SELECT sum(requests) FROM counts")
    assert pa.table(total.read_all()).column(0).to_pylist() == [3]
    told = run(spark, catalog, datetime(2026, 3, 12, tzinfo=UTC))
    assert any(
        re.fullmatch(r"gold\.daily_counts: \d files before, \d after", each) for each in told
    )
    assert "ml.forecasts: not written yet" in told


def test_without_a_location_the_catalog_chooses_the_place(
    spark: SparkSession, catalog: Lakehouse, tmp_path: Path
) -> None:
    own = Lakehouse(catalog.root, is_catalog=True)
    Table(spark, own, DAILY_COUNTS).create()
    [place] = (
        spark.sql("DESCRIBE DETAIL spark_catalog.gold.daily_counts").select("location").collect()
    )
    assert not place[0].endswith(f"{tmp_path}/lakehouse/gold/daily_counts")
