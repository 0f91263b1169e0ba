"""Every real file of rows, from the feed to gold in one lakehouse, against an independent count."""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path

import pytest
from pyspark.sql import DataFrame, SparkSession

from nyc311_assets.pipeline.cities import NEW_YORK
from nyc311_assets.pipeline.gold import aggregate
from nyc311_assets.pipeline.pulls import Batch
from nyc311_assets.pipeline.silver import Refinement, refine
from nyc311_assets.pipeline.tables import Lakehouse
from nyc311_assets_tests.pipeline.independent import (
    SourceRow,
    row_files,
    rows_of,
    snapshot_files,
)
from nyc311_assets_tests.pipeline.road import pull, serving

pytestmark = [pytest.mark.spark, pytest.mark.long, pytest.mark.timeout(900)]


def test_the_weekly_snapshots_have_no_request_in_common(real_data: Path) -> None:
    """Why the next test makes an earlier state itself: these pulls are a week apart."""
    keys = [rows_of([path]).keys() for path in snapshot_files(real_data)]
    assert len(keys) == 5
    assert len(set().union(*keys)) == sum(map(len, keys))


def earlier_state(path: Path, until: str, into: Path) -> tuple[Path, set[str], set[str]]:
    """A snapshot as it would have been at an earlier moment.

    What was created later is not there yet, nor is one agency, which delivers late; what was
    closed later is open.

    Returns:
        The file, the keys that come late, and the keys that were closed in between.
    """
    late, closed_since = set(), set()
    with path.open(newline="", encoding="utf-8") as file:
        reader = csv.DictReader(file)
        headings = list(reader.fieldnames or ())
        rows = [row for row in reader if row["created_date"] < until]
    with into.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, headings)
        writer.writeheader()
        for row in rows:
            if row["agency"] == "DOT":
                late.add(row["unique_key"])
                continue
            if row["closed_date"] >= until:
                closed_since.add(row["unique_key"])
                row["closed_date"] = ""
            writer.writerow(row)
    return into, late, closed_since


def test_a_later_snapshot_brings_late_requests_and_closings(
    spark: SparkSession, tmp_path: Path, real_data: Path
) -> None:
    now = snapshot_files(real_data)[-1]
    before, late, closed_since = earlier_state(now, "2026-05-22T20:00:00.000", tmp_path / "b.csv")
    assert min(len(late), len(closed_since)) > 100
    lakehouse = Lakehouse(str(tmp_path / "lakehouse"))
    days = [date(2026, 5, 22), date(2026, 5, 23)]
    for day, path in zip(days, (before, now), strict=True):
        with serving(path) as url:
            pull(spark, lakehouse, tmp_path, url, [day], f"batch of {day}")
        refined = refine(spark, lakehouse, NEW_YORK, ingestion_dates=[day])
    requests = spark.table(lakehouse.sql_name("silver.requests"))
    rows = requests.selectExpr(
        "unique_key", "first_seen", "last_changed", "created_local < '2026-05-22T20:00' AS is_older"
    ).collect()
    assert len(rows) == len(rows_of([now]))
    assert late == {
        row["unique_key"] for row in rows if row["is_older"] and row["first_seen"] == days[1]
    }
    assert closed_since == {
        row["unique_key"]
        for row in rows
        if row["first_seen"] == days[0] and row["last_changed"] == days[1]
    }
    assert refined.inserted == len(rows) - len(rows_of([before]))


@dataclass(frozen=True)
class History:
    """A lakehouse with all files in it, and what the independent count says."""

    lakehouse: Lakehouse
    rows: dict[str, SourceRow]
    batch: Batch
    refined: Refinement


def partitions_for(days: Iterable[date]) -> list[date]:
    """The fewest partitions that pull all these days: each pulls its day and the 7 before."""
    partitions: list[date] = []
    for day in sorted(set(days)):
        if not partitions or day > partitions[-1]:
            partitions.append(day + timedelta(days=NEW_YORK.lookback_days))
    return partitions


@pytest.fixture(scope="module")
def compiling_spark(spark: SparkSession) -> Iterator[SparkSession]:
    """The session, set for many rows: it compiles its plans and shuffles for two cores."""
    settings = {
        "spark.sql.codegen.wholeStage": "true",
        "spark.sql.codegen.factoryMode": "FALLBACK",
        "spark.sql.shuffle.partitions": "2",
        "spark.sql.adaptive.enabled": "true",
    }
    before = [(name, spark.conf.get(name)) for name in settings]
    for name, value in settings.items():
        spark.conf.set(name, value)
    yield spark
    for name, earlier in before:
        assert earlier is not None
        spark.conf.set(name, earlier)


@pytest.fixture(scope="module")
def history(
    compiling_spark: SparkSession, real_data: Path, tmp_path_factory: pytest.TempPathFactory
) -> History:
    """All exports, API pages and snapshots, in one pull."""
    volume = tmp_path_factory.mktemp("history")
    lakehouse = Lakehouse(str(volume / "lakehouse"))
    paths = [*row_files(real_data), *snapshot_files(real_data)]
    rows = rows_of(paths)
    partitions = partitions_for(row.request_date for row in rows.values())
    with serving(*paths) as url:
        batch = pull(compiling_spark, lakehouse, volume, url, partitions, "history")
    refined = refine(compiling_spark, lakehouse, NEW_YORK, ingestion_dates=partitions)
    aggregate(compiling_spark, lakehouse, NEW_YORK, request_dates=refined.request_dates)
    return History(lakehouse, rows, batch, refined)


def counted(frame: DataFrame, *columns: str) -> Counter[tuple[object, ...]]:
    """Sum of `requests` by some columns."""
    rows = frame.groupBy(*columns).sum("requests").collect()
    return Counter({tuple(row)[:-1]: row[-1] for row in rows if row[-1]})


def silver(spark: SparkSession, history: History) -> DataFrame:
    requests = spark.table(history.lakehouse.sql_name("silver.requests"))
    return requests.selectExpr("*", "1L AS requests")


def test_every_row_of_every_file_lands_and_none_is_rejected(history: History) -> None:
    days = history.batch.days
    landed = Counter({day.request_date: day.landed_rows for day in days if day.landed_rows})
    assert landed == Counter(row.request_date for row in history.rows.values())
    assert all(day.is_reconciled for day in days if day.expected_rows)
    partitions = history.refined.partitions.values()
    assert not any(counts.rows_rejected for counts in partitions)
    assert history.refined.inserted == len(history.rows) > 75_000


def test_silver_has_each_day_type_borough_and_agency_as_the_files_name_them(
    spark: SparkSession, history: History
) -> None:
    found = counted(
        silver(spark, history), "request_date", "complaint_type_raw", "borough_raw", "agency"
    )
    assert found == Counter(
        (row.request_date, row.complaint_type, row.borough, row.agency)
        for row in history.rows.values()
    )


def test_a_borough_that_a_file_names_is_the_borough_of_the_request(
    spark: SparkSession, history: History
) -> None:
    found = counted(silver(spark, history), "borough_raw", "borough")
    named = Counter(row.borough for row in history.rows.values() if row.borough)
    for name, count in named.items():
        if name.upper() in NEW_YORK.boroughs:
            assert found[name, name.upper()] == count
    assert {borough for _, borough in found} == {*NEW_YORK.boroughs, "UNSPECIFIED"}


def test_gold_has_each_day_and_agency_and_each_type_under_its_name_of_today(
    spark: SparkSession, history: History
) -> None:
    gold = spark.table(history.lakehouse.sql_name("gold.daily_counts"))
    rows = history.rows.values()
    assert counted(gold, "request_date", "agency") == Counter(
        (row.request_date, row.agency) for row in rows
    )
    assert counted(gold, "request_date", "complaint_type") == Counter(
        (row.request_date, row.canonical_type) for row in rows
    )
    assert counted(gold, "borough") == counted(silver(spark, history), "borough")
    closed = gold.selectExpr("sum(closed) AS closed").first()
    assert closed is not None
    assert closed["closed"] == sum(row.is_closed for row in rows)


def test_nine_sparse_years_are_pulled_by_few_tasks_into_few_partitions(
    spark: SparkSession, history: History
) -> None:
    days = history.batch.days
    assert len(days) > 2_900
    asked = [day for day in days if day.provenance and day.provenance.query]
    assert {day.request_date for day in asked} == {
        day.request_date for day in days if day.expected_rows
    }
    history_of = spark.sql(f"DESCRIBE HISTORY {history.lakehouse.sql_name('bronze.raw_311')}")
    first = history_of.where("version = 1").select("operationMetrics").first()
    assert first is not None
    partitions = {day.ingestion_date for day in asked}
    # A task writes at most one file into each partition that it has rows of.
    assert int(first["operationMetrics"]["numFiles"]) <= 2 * len(partitions)
