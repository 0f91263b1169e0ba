"""Which requests are current: deleted, moved, broken and back again."""

from __future__ import annotations

from datetime import UTC, date, datetime
from pathlib import Path

import pytest
from pyspark.sql import SparkSession

from nyc311_assets.pipeline.cities import NEW_YORK
from nyc311_assets.pipeline.gold import aggregate
from nyc311_assets.pipeline.silver import Refinement, refine
from nyc311_assets.pipeline.tables import Lakehouse
from nyc311_assets_tests.pipeline.rows import PulledRow, land

pytestmark = pytest.mark.spark

DAY = date(2026, 3, 10)
NEXT = date(2026, 3, 11)
CREATED = "2026-03-10T10:00:00.000"


@pytest.fixture
def lakehouse(tmp_path: Path) -> Lakehouse:
    return Lakehouse(str(tmp_path))


def at(day: int) -> datetime:
    return datetime(2026, 3, day, tzinfo=UTC)


def refined(spark: SparkSession, lakehouse: Lakehouse, day: date) -> Refinement:
    return refine(spark, lakehouse, NEW_YORK, ingestion_dates=[day])


def found(
    spark: SparkSession, lakehouse: Lakehouse, *columns: str
) -> dict[str, tuple[object, ...]]:
    rows = spark.table(lakehouse.sql_name("silver.requests")).select("unique_key", *columns)
    return {row[0]: tuple(row)[1:] for row in rows.collect()}


@pytest.mark.parametrize("order", [(DAY, NEXT), (NEXT, DAY)], ids=["in order", "out of order"])
def test_what_the_newest_pull_of_a_day_no_longer_brings_as_sound_is_kept_but_not_current(
    spark: SparkSession, lakehouse: Lakehouse, order: tuple[date, date]
) -> None:
    deleted = PulledRow("deleted", CREATED, at(11))
    broken = PulledRow("broken", CREATED, at(11))
    land(spark, lakehouse, "b1", DAY, [PulledRow("stays", CREATED, at(11)), deleted, broken])
    now_broken = PulledRow("broken", CREATED, at(12), {"agency": ""})
    land(spark, lakehouse, "b2", NEXT, [PulledRow("stays", CREATED, at(11)), now_broken])
    results = {day: refined(spark, lakehouse, day) for day in order}
    assert found(spark, lakehouse, "is_current") == {
        "stays": (True,),
        "deleted": (False,),
        "broken": (False,),
    }
    (account,) = results[NEXT].accounts
    assert (account.rows_at_source, account.requests_in_silver, account.rejects) == (2, 1, 1)
    assert account.adds_up
    (day,) = aggregate(spark, lakehouse, NEW_YORK, request_dates=[DAY]).days
    assert (day.requests, day.silver_requests) == (1, 1)


def test_what_comes_back_is_current_again(spark: SparkSession, lakehouse: Lakehouse) -> None:
    row, other = PulledRow("1", CREATED, at(11)), PulledRow("2", CREATED, at(11))
    for number, rows in enumerate([[row, other], [other], [row, other]]):
        partition = date(2026, 3, 10 + number)
        land(spark, lakehouse, f"b{number}", partition, rows)
        refined(spark, lakehouse, partition)
    assert found(spark, lakehouse, "is_current", "first_seen") == {
        "1": (True, DAY),
        "2": (True, DAY),
    }


def test_a_request_whose_creation_moves_to_another_day_stands_once(
    spark: SparkSession, lakehouse: Lakehouse
) -> None:
    land(spark, lakehouse, "b1", DAY, [PulledRow("1", CREATED, at(11))])
    moved = PulledRow("1", "2026-03-11T00:30:00.000", at(12))
    land(spark, lakehouse, "b2", NEXT, [moved, PulledRow("2", "2026-03-11T09:00:00.000", at(12))])
    refined(spark, lakehouse, DAY)
    refined(spark, lakehouse, NEXT)
    assert found(spark, lakehouse, "request_date") == {"1": (NEXT,), "2": (NEXT,)}


def test_names_and_places_are_brought_to_one_form_and_odd_rows_are_flagged(
    spark: SparkSession, lakehouse: Lakehouse
) -> None:
    rows = [
        PulledRow("renamed", CREATED, at(11), {"complaint_type": "HEATING", "agency": "HPD"}),
        PulledRow(
            "placed", CREATED, at(11), {"borough": "Unspecified", "community_board": "12 MANHATTAN"}
        ),
        PulledRow(
            "odd",
            CREATED,
            at(11),
            {"status": "Closed", "closed_date": "2026-03-10T08:00:00.000", "latitude": "north"},
        ),
        PulledRow("long", CREATED, at(11), {"resolution_description": "x" * 10_000_000}),
        PulledRow("quotes", CREATED, at(11), {"descriptor": "'; DROP TABLE x; -- \u0000 Ã©"}),
    ]
    land(spark, lakehouse, "b", DAY, rows)
    result = refined(spark, lakehouse, DAY)
    columns = ("complaint_type", "borough", "borough_found_by", "hours_to_close", "flags")
    usual = "Noise - Residential"
    assert found(spark, lakehouse, *columns) == {
        "renamed": ("HEAT/HOT WATER", "BRONX", "source", None, []),
        "placed": (usual, "MANHATTAN", "community_board", None, []),
        "odd": (
            usual,
            "BRONX",
            "source",
            None,
            ["closed before created", "latitude cannot be read"],
        ),
        "quotes": (usual, "BRONX", "source", None, []),
    }
    assert result.partitions[DAY].rows_rejected == 1
    (reject,) = spark.table(lakehouse.sql_name("silver.rejects")).select("reasons").collect()
    assert reject["reasons"] == ["longer than 65,536 characters"]
    assert found(spark, lakehouse, "descriptor")["quotes"] == ("'; DROP TABLE x; -- \u0000 Ã©",)
