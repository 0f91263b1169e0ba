from __future__ import annotations

from datetime import UTC, date, datetime
from pathlib import Path

import pytest
from pyspark.sql import SparkSession

from nyc311_assets.pipeline.cities import NEW_YORK
from nyc311_assets.pipeline.rejects import (
    RejectsMissing,
    Wanted,
    standing_rejects,
    summarize,
)
from nyc311_assets.pipeline.silver import refine
from nyc311_assets.pipeline.tables import Lakehouse
from nyc311_assets_tests.pipeline.rows import PulledRow, land

pytestmark = pytest.mark.spark

DAY = date(2026, 3, 10)
NEXT = date(2026, 3, 11)
UPDATED = datetime(2026, 3, 12, tzinfo=UTC)


def row(key: str, day: date = DAY, **fields: str) -> PulledRow:
    return PulledRow(key, f"{day}T10:00:00.000", UPDATED, fields)


def test_what_stands_are_the_rejects_of_each_days_newest_merged_pull(
    spark: SparkSession, tmp_path: Path
) -> None:
    lakehouse = Lakehouse(str(tmp_path))
    with pytest.raises(RejectsMissing, match="materialize silver_requests first"):
        standing_rejects(spark, lakehouse, Wanted())
    earlier_day = date(2026, 3, 9)
    land(
        spark,
        lakehouse,
        "b1",
        DAY,
        [
            row("1"),
            row("mended", borough="ATLANTIS"),
            row("unmended", borough="ATLANTIS"),
            row("old", earlier_day, agency="", complaint_type=""),
        ],
    )
    # The next night's pull brings DAY again, and no longer the earlier day.
    land(
        spark,
        lakehouse,
        "b2",
        NEXT,
        [row("mended"), row("unmended", borough="ATLANTIS"), row("", NEXT)],
    )
    refine(spark, lakehouse, NEW_YORK, ingestion_dates=[DAY, NEXT])

    standing = standing_rejects(spark, lakehouse, Wanted())
    assert {tuple(row) for row in standing.select("source_row_id", "unique_key").collect()} == {
        ("row-old", "old"),
        ("row-unmended", "unmended"),
        ("row-", None),
    }
    found = summarize(standing)
    assert found.rows == 3
    assert found.reasons == {
        "agency is missing": 1,
        "complaint_type is missing": 1,
        "borough is unknown": 1,
        "unique_key is missing": 1,
    }
    assert found.partitions == {DAY: 1, NEXT: 2}

    def keys(wanted: Wanted) -> set[str]:
        rows = standing_rejects(spark, lakehouse, wanted).select("source_row_id").collect()
        return {row["source_row_id"] for row in rows}

    assert keys(Wanted(day=DAY)) == {"row-unmended"}
    assert keys(Wanted(last_partition=DAY)) == {"row-old"}
    assert keys(Wanted(first_partition=NEXT, reason="UNIQUE_key")) == {"row-"}
