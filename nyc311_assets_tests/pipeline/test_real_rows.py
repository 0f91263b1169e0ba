"""The five real weekly snapshots, from the feed to gold, against an independent count."""

from __future__ import annotations

import csv
from collections import Counter
from datetime import date
from pathlib import Path

import pytest
from pyspark.sql import SparkSession

from nyc311_assets.pipeline.cities import NEW_YORK
from nyc311_assets.pipeline.gold import aggregate
from nyc311_assets.pipeline.silver import refine
from nyc311_assets.pipeline.tables import Lakehouse
from nyc311_assets_tests.pipeline.road import pull, serving

pytestmark = [pytest.mark.spark, pytest.mark.long]

GRAINS = ("request_date", "complaint_type", "borough", "agency")
Request = dict[str, str]


@pytest.fixture
def snapshots(real_data: Path) -> list[Path]:
    return sorted((real_data / "rows" / "weekly_snapshots_2026").glob("snapshot_*.csv"))


def independent_rows(snapshots: list[Path]) -> dict[str, Request]:
    """Each request in the state of the last snapshot that has it."""
    rows: dict[str, Request] = {}
    for path in snapshots:
        with path.open(newline="", encoding="utf-8") as file:
            rows.update({row["unique_key"]: row for row in csv.DictReader(file)})
    return rows


def grain_of(row: Request, grain: str) -> object:
    if grain == "request_date":
        return date.fromisoformat(row["created_date"][:10])
    value = " ".join(row[grain].split())
    return (value.upper() or "UNSPECIFIED") if grain == "borough" else value


def test_the_real_snapshots_reach_gold_in_exactly_their_numbers(
    spark: SparkSession, tmp_path: Path, snapshots: list[Path]
) -> None:
    expected = independent_rows(snapshots)
    days = sorted({date.fromisoformat(row["created_date"][:10]) for row in expected.values()})
    lakehouse = Lakehouse(str(tmp_path / "lakehouse"))
    with serving(*snapshots) as url:
        batch = pull(spark, lakehouse, tmp_path, url, days, "snapshots")
    assert sum(day.landed_rows for day in batch.days) == len(expected)

    refined = refine(spark, lakehouse, NEW_YORK, ingestion_dates=days)
    rejected = sum(counts.rows_rejected for counts in refined.partitions.values())
    assert refined.inserted + rejected == len(expected)
    assert rejected == 0

    result = aggregate(spark, lakehouse, NEW_YORK, request_dates=refined.request_dates)
    assert all(day.requests == day.silver_requests for day in result.days)
    gold = spark.table(lakehouse.sql_name("gold.daily_counts"))
    for grain in GRAINS:
        counted = {
            row[grain]: row["requests"]
            for row in gold.groupBy(grain).sum("requests").toDF(grain, "requests").collect()
            if row["requests"]
        }
        assert counted == Counter(grain_of(row, grain) for row in expected.values()), grain
    closed = gold.selectExpr("sum(closed) AS closed").first()
    assert closed is not None
    assert closed["closed"] == sum(bool(row["closed_date"]) for row in expected.values())
