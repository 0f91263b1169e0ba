"""Two pulls that bring a request with one update time and different content: the newer one stands."""

from __future__ import annotations

import shutil
from datetime import UTC, date, datetime
from pathlib import Path

import pytest
from pyspark.sql import SparkSession
from pyspark.sql import functions as F

from nyc311_assets.pipeline.cities import NEW_YORK
from nyc311_assets.pipeline.silver import refine
from nyc311_assets.pipeline.tables import Lakehouse
from nyc311_assets_tests.pipeline.rows import PulledRow, land

pytestmark = pytest.mark.spark

FIRST, SECOND = date(2026, 2, 9), date(2026, 2, 10)
UPDATED = datetime(2026, 2, 10, 12, tzinfo=UTC)
ORDERS = {
    "older partition first": ((FIRST,), (SECOND,)),
    "newer partition first, and both again": ((SECOND,), (FIRST,), (FIRST, SECOND)),
    "in one range": ((FIRST, SECOND),),
}


def tied(day: date, content: str, row_id: str) -> PulledRow:
    fields = {"status": "Closed", "descriptor": content}
    return PulledRow(f"{day}", f"{day}T10:00:00.000", UPDATED, fields, row_id)


@pytest.fixture(scope="module")
def landed(spark: SparkSession, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Bronze in which the newer pull of FIRST is SECOND's, and that of SECOND is FIRST's.

    The older row has the greater id, so that its id would put it first.
    """
    folder = tmp_path_factory.mktemp("ties") / "landed"
    lakehouse = Lakehouse(str(folder))
    early, late, latest = (datetime(2026, 2, 11, hour, tzinfo=UTC) for hour in (3, 6, 9))
    rows = [tied(FIRST, "older", "z")]
    land(spark, lakehouse, "a", FIRST, rows, ingested_at=early)
    rows = [tied(FIRST, "newer", "y"), tied(SECOND, "older", "x")]
    land(spark, lakehouse, "b", SECOND, rows, ingested_at=late)
    rows = [tied(SECOND, "newer", "w")]
    land(spark, lakehouse, "c", FIRST, rows, ingested_at=latest)
    return folder


@pytest.mark.parametrize("order", ORDERS.values(), ids=ORDERS.keys())
def test_of_two_contents_with_one_update_time_that_of_the_newer_pull_stands_in_any_order(
    spark: SparkSession, landed: Path, tmp_path: Path, order: tuple[tuple[date, ...], ...]
) -> None:
    lakehouse = Lakehouse(str(shutil.copytree(landed, tmp_path / "lakehouse")))
    accounts = [
        account
        for partitions in order
        for account in refine(spark, lakehouse, NEW_YORK, ingestion_dates=partitions).accounts
    ]
    columns = ("descriptor", "source_row_id", "first_seen", "last_changed", "is_current")
    rows = spark.table(lakehouse.sql_name("silver.requests")).select(
        "request_date", *columns, F.date_format("ingested_at", "H").alias("hour")
    )
    assert sorted(rows.collect()) == [
        (FIRST, "newer", "y", FIRST, SECOND, True, "6"),
        (SECOND, "newer", "w", FIRST, FIRST, True, "9"),
    ]
    assert accounts
    assert [account for account in accounts if not account.adds_up] == []
