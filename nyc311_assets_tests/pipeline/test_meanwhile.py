"""What another writer does to silver between two commands of a step."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest
from pyspark.sql import SparkSession

from nyc311_assets.pipeline import gold, silver
from nyc311_assets.pipeline.cities import NEW_YORK
from nyc311_assets.pipeline.contracts import DAILY_COUNTS, silver_requests
from nyc311_assets.pipeline.gold import aggregate
from nyc311_assets.pipeline.silver import refine
from nyc311_assets.pipeline.tables import Lakehouse, Table
from nyc311_assets_tests.pipeline.rows import PulledRow, land

pytestmark = pytest.mark.spark

DAYS = [date(2026, 3, 10), date(2026, 3, 11)]


def rows(number: int) -> list[PulledRow]:
    created = f"{DAYS[0]}T10:00:00.000"
    return [PulledRow(str(n), created, datetime(2026, 3, 11, tzinfo=UTC)) for n in range(number)]


@pytest.fixture
def lakehouse(spark: SparkSession, tmp_path: Path) -> Lakehouse:
    """Two requests merged, three landed."""
    found = Lakehouse(str(tmp_path))
    land(spark, found, "b1", DAYS[0], rows(2))
    refine(spark, found, NEW_YORK, ingestion_dates=[DAYS[0]])
    land(spark, found, "b2", DAYS[1], rows(3))
    return found


def before_call(
    patch: pytest.MonkeyPatch, module: object, name: str, act: Callable[[], object]
) -> None:
    """Let something happen just before a module calls a function, the first time."""
    call = getattr(module, name)
    acts = [act]

    def acting(*arguments: Any, **named: Any) -> Any:
        while acts:
            acts.pop()()
        return call(*arguments, **named)

    patch.setattr(module, name, acting)


def test_upkeep_of_the_table_is_no_other_run(
    spark: SparkSession, lakehouse: Lakehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    requests = Table(spark, lakehouse, silver_requests(NEW_YORK))
    setting = "'delta.logRetentionDuration' = 'interval 60 days'"
    statement = f"ALTER TABLE {requests.sql_name} SET TBLPROPERTIES ({setting})"
    before_call(monkeypatch, silver, "look_up", lambda: spark.sql(statement))
    refined = refine(spark, lakehouse, NEW_YORK, ingestion_dates=[DAYS[1]])
    operations = [row["operation"] for row in requests.history(limit=2).collect()]
    assert operations == ["MERGE", "SET TBLPROPERTIES"]
    assert (refined.inserted, refined.table_version) == (1, requests.version())


def test_rows_that_somebody_else_writes_meanwhile_are_told(
    spark: SparkSession, lakehouse: Lakehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    requests = Table(spark, lakehouse, silver_requests(NEW_YORK))
    statement = f"UPDATE {requests.sql_name} SET status = 'Closed' WHERE unique_key = '0'"
    before_call(monkeypatch, silver, "look_up", lambda: spark.sql(statement))
    with pytest.raises(RuntimeError, match="written by another run during this MERGE"):
        refine(spark, lakehouse, NEW_YORK, ingestion_dates=[DAYS[1]])


def test_gold_counts_one_version_of_silver_and_the_next_run_the_rest(
    spark: SparkSession, lakehouse: Lakehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    def another_run() -> None:
        refine(spark, lakehouse, NEW_YORK, ingestion_dates=[DAYS[1]])

    def counted() -> int:
        total = Table(spark, lakehouse, DAILY_COUNTS).read().selectExpr("sum(requests)")
        return int(total.collect()[0][0])

    before_call(monkeypatch, gold, "changed_days", another_run)
    aggregated = aggregate(spark, lakehouse, NEW_YORK, request_dates=[DAYS[0]])
    assert [(day.requests, day.silver_requests) for day in aggregated.days] == [(2, 2)]
    assert counted() == 2
    aggregate(spark, lakehouse, NEW_YORK, request_dates=[DAYS[1]])
    assert counted() == 3
