"""The figures come from the tables, whoever wrote them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from pyspark.sql import SparkSession

from nyc311_assets.pipeline.batches import newest_pulls
from nyc311_assets.pipeline.checks.composition import RejectCounts
from nyc311_assets.pipeline.checks.history import check_silver_history
from nyc311_assets.pipeline.cities import NEW_YORK
from nyc311_assets.pipeline.contracts import (
    BATCHES,
    DAILY_COUNTS,
    RAW_311,
    REJECTS,
    TableContract,
    silver_requests,
)
from nyc311_assets.pipeline.landing import LandedRows, landed_rows
from nyc311_assets.pipeline.profiles.silver import (
    arrivals,
    day_nulls,
    day_values,
    nullable_columns,
    reject_counts,
    silver_profile,
)
from nyc311_assets.pipeline.profiles.types import daily_types, types_with_history
from nyc311_assets.pipeline.pulls import Pull
from nyc311_assets.pipeline.tables import Lakehouse, Table
from nyc311_assets.pipeline.versions import exists
from nyc311_assets_tests.pipeline.rows import PulledRow, land

pytestmark = pytest.mark.spark

FIRST = date(2026, 3, 1)
MOMENT = datetime(2026, 3, 1, tzinfo=UTC)
ODD_TYPE = 'Caf\u00e9 "\\", "complaint_type": "Noise"'
FILLERS: Mapping[str, Any] = {
    "STRING": "x",
    "DATE": FIRST,
    "TIMESTAMP": MOMENT,
    "TIMESTAMP_NTZ": datetime(2026, 3, 1, 12),
    "BIGINT": 0,
    "INT": 0,
    "DOUBLE": 0.0,
    "BOOLEAN": True,
    "ARRAY<STRING>": [],
}


def day(index: int) -> date:
    return FIRST + timedelta(days=index)


def fill(
    spark: SparkSession,
    lakehouse: Lakehouse,
    contract: TableContract,
    rows: Iterable[Mapping[str, Any]],
) -> None:
    """Write rows of which only the columns that matter are given."""
    schema = ", ".join(f"`{column.name}` {column.type}" for column in contract.columns)
    tuples = [
        tuple(
            row.get(column.name, None if column.nullable else FILLERS[column.type])
            for column in contract.columns
        )
        for row in rows
    ]
    table = Table(spark, lakehouse, contract).create()
    table.append_once(spark.createDataFrame(tuples, schema), f"fill {contract.name}")


def pulled(key: str, at: date, **fields: str) -> PulledRow:
    return PulledRow(key, f"{at}T10:00:00.000", MOMENT, fields)


@pytest.fixture(scope="module")
def lakehouse(spark: SparkSession, tmp_path_factory: pytest.TempPathFactory) -> Lakehouse:
    """Two nightly pulls of eight days each, one of them done again by hand, and a backfill."""
    lakehouse = Lakehouse(str(tmp_path_factory.mktemp("profiles")))
    backfilled_at = datetime(2026, 3, 12, 8, tzinfo=UTC)
    land(spark, lakehouse, "range", day(0), [pulled("old", day(0))], ingested_at=backfilled_at)
    for index in (10, 11):
        rows = [pulled(f"n{index}-{age}", day(index - age)) for age in range(8)]
        land(spark, lakehouse, f"nightly{index}", day(index), rows)
    types = [" Noise  -  Residential", "Noise - Residential", "HEATING", "", ODD_TYPE, "x" * 70_000]
    again = [
        pulled(f"again{number}", day(11), complaint_type=name, agency="HPD")
        for number, name in enumerate(types)
    ]
    at = datetime(2026, 3, 20, 8, tzinfo=UTC)
    land(spark, lakehouse, "by hand", day(11), again, ingested_at=at)

    requests: list[dict[str, Any]] = [
        {"first_seen": day(9), "bbl": "1", "agency": "DOT"},
        {"first_seen": day(10), "bbl": "1"},
        {"first_seen": day(10), "complaint_type": "Trees"},
        {"first_seen": day(11), "status": "Open"},
        {"first_seen": day(12)},
        {"request_date": day(30), "first_seen": day(30)},
    ]
    contract = silver_requests(NEW_YORK)
    if "is_current" in contract.column_names:
        requests.append({"first_seen": day(10), "complaint_type": "Withdrawn", "is_current": False})
    fill(spark, lakehouse, contract, [{"request_date": day(9), **row} for row in requests])
    fill(
        spark,
        lakehouse,
        REJECTS,
        [
            {"ingestion_date": day(10), "batch_id": "nightly10", "reasons": ["a", "b"]},
            {"ingestion_date": day(10), "batch_id": "nightly10", "reasons": ["a"]},
            {"ingestion_date": day(11), "batch_id": "nightly11", "reasons": ["a"]},
        ],
    )
    counts = {"is_complete": True, "complaint_type": "Noise"}
    fill(
        spark,
        lakehouse,
        DAILY_COUNTS,
        [
            {**counts, "request_date": day(1), "borough": "BRONX", "requests": 3},
            {**counts, "request_date": day(1), "borough": "QUEENS", "requests": 4},
            {**counts, "request_date": day(1), "complaint_type": "Trees", "requests": 0},
            {**counts, "request_date": day(2), "is_complete": False, "requests": 5},
            {**counts, "request_date": day(9), "requests": 6},
        ],
    )
    return lakehouse


@pytest.fixture(scope="module")
def known(spark: SparkSession, lakehouse: Lakehouse) -> dict[date, Pull]:
    return newest_pulls(Table(spark, lakehouse, BATCHES), day(0), day(11))


def test_gold_gives_the_types_of_complete_days_in_a_span(
    spark: SparkSession, lakehouse: Lakehouse
) -> None:
    assert daily_types(spark, lakehouse, day(1), day(8)) == {day(1): {"Noise": 7}}


def test_bronze_gives_the_canonical_types_of_one_batch_before_it_is_merged(
    spark: SparkSession, lakehouse: Lakehouse
) -> None:
    raw = Table(spark, lakehouse, RAW_311)
    found = landed_rows(raw, NEW_YORK, "by hand", [day(11)])
    types = {"Noise - Residential": 2, "HEAT/HOT WATER": 1, ODD_TYPE: 1, "x" * 70_000: 1}
    assert found == {day(11): LandedRows(6, ("0" * 64,), types)}


def test_a_pull_is_the_newest_batch_with_the_moment_of_the_first(known: dict[date, Pull]) -> None:
    assert {at: pull.batch_id for at, pull in known.items()} == {
        day(0): "range",
        day(10): "nightly10",
        day(11): "by hand",
    }
    assert [each.request_date for each in known[day(10)].days] == [day(i) for i in range(3, 11)]
    assert known[day(11)].first_pulled_at == datetime(2026, 3, 13, 8, tzinfo=UTC)


def test_rejects_are_those_of_the_newest_batch_beside_what_it_landed(
    spark: SparkSession, lakehouse: Lakehouse, known: dict[date, Pull]
) -> None:
    found = reject_counts(spark, lakehouse, known)
    assert found[day(10)] == RejectCounts(8, 2, {"a": 2, "b": 1})
    assert found[day(11)] == RejectCounts(6, 0, {})


@pytest.fixture(scope="module")
def values(spark: SparkSession, lakehouse: Lakehouse) -> dict[date, dict[str, dict[str, int]]]:
    return day_values(spark, lakehouse, NEW_YORK, day(0), day(20))


def test_arrivals_are_counted_by_age_as_of_the_pull(
    values: dict[date, dict[str, dict[str, int]]], known: dict[date, Pull]
) -> None:
    found = arrivals(NEW_YORK, values, known)
    assert (found[day(10)].new[1], found[day(10)].known[1]) == (2, 3)
    assert (found[day(11)].new[2], found[day(11)].known[2]) == (1, 4)
    assert found[day(11)].share(2) == 0.25
    assert found[day(11)].share(5) is None


def test_only_a_pull_at_its_time_after_another_one_tells_of_lateness(
    values: dict[date, dict[str, dict[str, int]]], known: dict[date, Pull]
) -> None:
    whole = {**known, day(11): Pull("x", known[day(10)].days, known[day(11)].first_pulled_at)}
    week = tuple(
        type(each)(each.request_date + timedelta(days=1), 1, 1, day(11), each.source_reach)
        for each in known[day(10)].days
    )
    nightly = {**whole, day(11): Pull("x", week, known[day(11)].first_pulled_at)}
    late = {**whole, day(11): Pull("x", week, datetime(2026, 3, 20, tzinfo=UTC))}
    lived = [
        arrivals(NEW_YORK, values, cases)[day(11)].is_lived
        for cases in (nightly, late, whole, known)
    ]
    assert lived == [True, False, False, False]


def test_values_and_nulls_are_those_of_the_requests_that_are_still_there(
    spark: SparkSession, lakehouse: Lakehouse, values: dict[date, dict[str, dict[str, int]]]
) -> None:
    assert {at: values[at] for at in values if day(8) <= at <= day(20)} == {
        day(9): {
            "complaint_type": {"x": 4, "Trees": 1},
            "agency": {"DOT": 1, "x": 4},
            "borough": {"x": 5},
            "status": {"Open": 1},
            "first_seen": {str(day(9)): 1, str(day(10)): 2, str(day(11)): 1, str(day(12)): 1},
        }
    }
    nulls = day_nulls(spark, lakehouse, NEW_YORK, day(8), day(20))
    assert nulls.keys() == {day(9)}
    assert (nulls[day(9)]["x"].rows, nulls[day(9)]["Trees"].rows) == (4, 1)
    assert nulls[day(9)]["x"].nulls["bbl"] == 2
    assert nulls[day(9)]["x"].nulls.keys() == set(nullable_columns(NEW_YORK))


def test_a_lakehouse_without_history_gives_verdicts_that_pass_and_say_so(
    spark: SparkSession, tmp_path: Path
) -> None:
    empty = Lakehouse(str(tmp_path))
    known = newest_pulls(Table(spark, empty, BATCHES).create(), day(0), day(1))
    profile = silver_profile(spark, empty, NEW_YORK, [day(1)], known)
    verdicts = check_silver_history(NEW_YORK, profile, day(1), [])
    assert all(verdict.passed and "not_judged" in verdict.figures for verdict in verdicts)
    assert types_with_history(spark, empty, [day(1)]) == {}
    assert not exists(Table(spark, empty, DAILY_COUNTS))
