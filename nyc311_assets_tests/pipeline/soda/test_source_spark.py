"""The data source inside Spark, over Spark Connect and into Delta."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path

import pytest
from pyspark.errors import PySparkException
from pyspark.sql import SparkSession
from pyspark.sql import functions as F

from nyc311_assets.pipeline.cities import NEW_YORK
from nyc311_assets.pipeline.soda import SodaClient, fetched_days, is_source_moved, soda_options
from nyc311_assets.pipeline.soda.source import SodaDataSource
from nyc311_assets_tests.pipeline.soda.portal import Portal, Reply, requests_of

pytestmark = pytest.mark.spark

DATASET = "erm2-nwe9"
DAYS = [date(2026, 2, 16) + timedelta(days=n) for n in range(3)]
ROWS_PER_DAY = [4, 0, 3]
TOKEN = "s3cr3t-app-token"


@pytest.fixture
def options(
    spark: SparkSession, portal: Portal, connect: Callable[..., SodaClient], tmp_path: Path
) -> dict[str, str]:
    for number, (day, rows) in enumerate(zip(DAYS, ROWS_PER_DAY, strict=True)):
        portal.datasets[DATASET].rows += requests_of(
            day, ["02:30:00.000"] * rows, first_key=100 * number
        )
    spark.dataSource.register(SodaDataSource)
    return soda_options(
        NEW_YORK,
        url=portal.url,
        app_token=TOKEN,
        request_dates=DAYS,
        versions={DATASET: connect().dataset_version(DATASET)},
        page_size=2,
        parallel_requests=2,
        cache_path=tmp_path / "cache",
        progress_path=tmp_path / "progress",
        rows_per_day=dict(zip(DAYS, ROWS_PER_DAY, strict=True)),
    )


def test_a_pull_lands_in_delta_with_every_row_once(
    spark: SparkSession, portal: Portal, options: dict[str, str], tmp_path: Path
) -> None:
    table = str(tmp_path / "raw")

    spark.read.format("soda").options(**options).load().write.format("delta").save(table)

    landed = spark.read.format("delta").load(table)
    assert dict(landed.dtypes) == {
        "request_date": "date",
        "dataset_id": "string",
        "source_row_id": "string",
        "source_updated_at": "timestamp",
        "payload": "string",
        "page_sha256": "string",
    }
    rows = landed.select(
        "*",
        F.unix_millis("source_updated_at").alias("updated_ms"),
        F.get_json_object("payload", "$.descriptor").alias("descriptor"),
    ).collect()
    expected = {(row["created_date"][:10], row[":id"]) for row in portal.datasets[DATASET].rows}
    assert len(rows) == 7
    assert {(str(row.request_date), row.source_row_id) for row in rows} == expected
    assert {row.updated_ms for row in rows} == {1_771_468_776_123}
    assert {row.descriptor for row in rows} == {"Señal dañada: «Ñandú» 信号"}
    assert fetched_days(tmp_path / "progress") == 3


def test_a_second_pull_of_the_same_version_asks_for_no_page(
    spark: SparkSession, portal: Portal, options: dict[str, str]
) -> None:
    first = spark.read.format("soda").options(**options).load().count()
    asked = len(portal.page_requests)

    again = spark.read.format("soda").options(**options).load()

    assert again.count() == first == 7
    assert again.select(F.spark_partition_id().alias("task")).distinct().count() <= 2
    assert len(portal.page_requests) == asked


def test_a_dataset_published_again_leaves_nothing_behind(
    spark: SparkSession, portal: Portal, options: dict[str, str], tmp_path: Path
) -> None:
    portal.datasets[DATASET].published_at += 1
    table = tmp_path / "raw"

    with pytest.raises(PySparkException, match="was published again") as caught:
        spark.read.format("soda").options(**options).load().write.format("delta").save(str(table))

    assert is_source_moved(caught.value)
    assert not list(table.glob("_delta_log/*.json"))


def test_a_refusal_reaches_the_driver_by_name_and_without_the_token(
    spark: SparkSession,
    portal: Portal,
    options: dict[str, str],
    capsys: pytest.CaptureFixture[str],
) -> None:
    echo = f'{{"code":"permission_denied","message":"Invalid app_token {TOKEN}"}}'.encode()
    portal.misbehave(*[Reply(echo, 403, {"content-type": "application/json"})] * 8)
    frame = spark.read.format("soda").options(**options).load()

    with pytest.raises(PySparkException, match="RequestRefusedError") as caught:
        frame.count()

    assert "Check that NYC311_SODA_APP_TOKEN" in str(caught.value)
    assert not is_source_moved(caught.value)
    assert TOKEN not in str(caught.value)
    frame.explain(extended=True)
    assert TOKEN not in capsys.readouterr().out
