from __future__ import annotations

from datetime import UTC, date, datetime
from pathlib import Path

import pytest
from pyspark.sql import DataFrame, SparkSession

from nyc311_assets.pipeline.cities import NEW_YORK
from nyc311_assets.pipeline.silver import NothingToRefine, PartitionCounts, Refinement, refine
from nyc311_assets.pipeline.tables import Lakehouse
from nyc311_assets_tests.pipeline.rows import PulledRow, land

pytestmark = pytest.mark.spark

DAY = date(2026, 3, 10)
NEXT = date(2026, 3, 11)
THIRD = date(2026, 3, 12)


@pytest.fixture
def lakehouse(tmp_path: Path) -> Lakehouse:
    return Lakehouse(str(tmp_path))


def at(day: int, hour: int = 0) -> datetime:
    return datetime(2026, 3, day, hour, tzinfo=UTC)


def row(key: str, updated: datetime, **fields: str) -> PulledRow:
    return PulledRow(key, "2026-03-10T10:00:00.000", updated, fields)


def requests(spark: SparkSession, lakehouse: Lakehouse) -> DataFrame:
    return spark.table(lakehouse.sql_name("silver.requests"))


def content(spark: SparkSession, lakehouse: Lakehouse) -> set[tuple[object, ...]]:
    columns = ("unique_key", "status", "source_updated_at", "first_seen", "last_changed")
    return {tuple(row) for row in requests(spark, lakehouse).select(*columns).collect()}


def refine_days(spark: SparkSession, lakehouse: Lakehouse, *days: date) -> Refinement:
    return refine(spark, lakehouse, NEW_YORK, ingestion_dates=days)


def test_rows_are_typed_with_new_york_and_utc_times(
    spark: SparkSession, lakehouse: Lakehouse
) -> None:
    spark.conf.set("spark.sql.session.timeZone", "UTC")
    fields = {
        "closed_date": "2026-03-11T09:30:00.000",
        "latitude": "40.7",
        "complaint_type": " Noise  -  Residential ",
        "borough": "Bronx",
    }
    land(spark, lakehouse, "b", DAY, [row("1", at(11), **fields)])
    refine_days(spark, lakehouse, DAY)
    typed = (
        requests(spark, lakehouse)
        .selectExpr(
            "string(created_local)",
            "string(created_at)",
            "string(closed_at)",
            "latitude",
            "complaint_type",
            "complaint_type_raw",
            "borough",
            "string(request_date)",
        )
        .first()
    )
    assert typed is not None
    assert tuple(typed) == (
        "2026-03-10 10:00:00",
        "2026-03-10 14:00:00",
        "2026-03-11 13:30:00",
        40.7,
        "Noise - Residential",
        " Noise  -  Residential ",
        "BRONX",
        "2026-03-10",
    )


@pytest.mark.parametrize(
    ("created", "utc", "why"),
    [
        ("2025-11-02T01:30:00.000", "2025-11-02 05:30:00", "the repeated hour: its first pass"),
        ("2026-03-08T02:30:00.000", "2026-03-08 07:30:00", "the skipped hour: moved forward"),
        ("2026-01-10T23:59:59.000", "2026-01-11 04:59:59", "standard time"),
    ],
)
def test_utc_follows_one_rule_where_the_clocks_change(
    spark: SparkSession, lakehouse: Lakehouse, created: str, utc: str, why: str
) -> None:
    day = date.fromisoformat(created[:10])
    land(spark, lakehouse, "b", day, [PulledRow("1", created, at(11))])
    refine_days(spark, lakehouse, day)
    found = requests(spark, lakehouse).selectExpr("string(created_at)", "request_date").first()
    assert found is not None
    assert tuple(found) == (utc, day), why


def test_a_newer_version_replaces_and_a_second_run_changes_nothing(
    spark: SparkSession, lakehouse: Lakehouse
) -> None:
    land(spark, lakehouse, "b1", DAY, [row("1", at(11)), row("2", at(11))])
    land(spark, lakehouse, "b2", NEXT, [row("1", at(12), status="Closed"), row("2", at(11))])
    assert refine_days(spark, lakehouse, DAY).inserted == 2
    second = refine_days(spark, lakehouse, NEXT)
    assert (second.inserted, second.updated) == (0, 1)
    expected = content(spark, lakehouse)
    again = refine_days(spark, lakehouse, NEXT)
    assert (again.inserted, again.updated) == (0, 0)
    assert again.table_version == second.table_version
    assert content(spark, lakehouse) == expected
    assert {(key, status, first, last) for key, status, _, first, last in expected} == {
        ("1", "Closed", DAY, NEXT),
        ("2", "Open", DAY, DAY),
    }


@pytest.mark.long
def test_partitions_in_any_order_or_in_one_range_give_the_same_table(
    spark: SparkSession, tmp_path: Path
) -> None:
    def outcome(name: str, order: list[tuple[date, ...]]) -> set[tuple[object, ...]]:
        lakehouse = Lakehouse(str(tmp_path / name))
        land(spark, lakehouse, "b1", DAY, [row("1", at(11)), row("2", at(11))])
        land(spark, lakehouse, "b2", NEXT, [row("1", at(12), status="Closed"), row("3", at(12))])
        land(spark, lakehouse, "b3", THIRD, [row("1", at(13), status="Closed"), row("2", at(10))])
        for days in order:
            refine_days(spark, lakehouse, *days)
        return content(spark, lakehouse)

    expected = outcome("range", [(DAY, NEXT, THIRD)])
    assert len(expected) == 3
    assert outcome("backward", [(THIRD,), (NEXT,), (DAY,)]) == expected
    assert outcome("repeated", [(NEXT,), (DAY,), (NEXT, THIRD)]) == expected


def test_only_the_newest_batch_of_a_partition_is_read(
    spark: SparkSession, lakehouse: Lakehouse
) -> None:
    land(spark, lakehouse, "old", DAY, [row("1", at(11)), row("gone", at(11))], ingested_at=at(11))
    land(spark, lakehouse, "new", DAY, [row("1", at(12))], ingested_at=at(12))
    result = refine_days(spark, lakehouse, DAY)
    assert result.partitions[DAY].rows_read == 1
    assert {key for key, *_ in content(spark, lakehouse)} == {"1"}


def test_a_day_that_did_not_reconcile_stays_out_and_the_others_go_on(
    spark: SparkSession, lakehouse: Lakehouse
) -> None:
    rows = [row("1", at(11)), PulledRow("2", "2026-03-09T10:00:00.000", at(11))]
    land(spark, lakehouse, "b", DAY, rows, unreconciled=[date(2026, 3, 9)])
    result = refine_days(spark, lakehouse, DAY)
    assert result.request_dates == (DAY,)
    assert {key for key, *_ in content(spark, lakehouse)} == {"1"}


def test_broken_rows_are_kept_apart_with_every_reason(
    spark: SparkSession, lakehouse: Lakehouse
) -> None:
    broken = [
        row("2", at(11), complaint_type=" ", agency=""),
        row("3", at(11), borough="ATLANTIS"),
        PulledRow("4", "not a time", at(11), pulled_date=DAY),
        PulledRow("5", "2026-03-09T10:00:00.000", at(11), pulled_date=DAY),
    ]
    land(spark, lakehouse, "b", DAY, [row("1", at(11)), *broken])
    for _ in range(2):
        result = refine_days(spark, lakehouse, DAY)
    assert result.partitions[DAY] == PartitionCounts(5, 1, 0, 4)
    rejects = spark.table(lakehouse.sql_name("silver.rejects")).collect()
    assert {reject["source_row_id"]: reject["reasons"] for reject in rejects} == {
        "row-2": ["agency is missing", "complaint_type is missing"],
        "row-3": ["borough is unknown"],
        "row-4": ["created_date is missing or not a time"],
        "row-5": ["created_date is not in the day that was asked for"],
    }
    assert len(rejects) == 4
    assert all(reject["payload"] for reject in rejects)


def test_two_copies_of_a_request_in_one_pull_leave_the_newer(
    spark: SparkSession, lakehouse: Lakehouse
) -> None:
    older = PulledRow("1", "2026-03-10T10:00:00.000", at(11), row_id="a")
    newer = PulledRow("1", "2026-03-10T10:00:00.000", at(12), {"status": "Closed"}, row_id="b")
    land(spark, lakehouse, "b", DAY, [newer, older])
    result = refine_days(spark, lakehouse, DAY)
    assert result.partitions[DAY] == PartitionCounts(2, 1, 1, 0)
    assert (result.audit.rows, result.audit.distinct_keys) == (1, 1)
    assert [status for _, status, *_ in content(spark, lakehouse)] == ["Closed"]


def test_silver_without_bronze_says_what_to_do(spark: SparkSession, lakehouse: Lakehouse) -> None:
    with pytest.raises(NothingToRefine, match="materialize raw_311 for these partitions first"):
        refine_days(spark, lakehouse, DAY)
