from __future__ import annotations

import os
import shutil
from collections import Counter
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path

import pytest
from pyspark.sql import DataFrame, SparkSession

from nyc311_assets.pipeline.cities import NEW_YORK
from nyc311_assets.pipeline.contracts import BATCHES, DAILY_COUNTS, silver_requests
from nyc311_assets.pipeline.gold import aggregate
from nyc311_assets.pipeline.known_counts import counts_as_known, counts_exactly
from nyc311_assets.pipeline.silver import refine
from nyc311_assets.pipeline.tables import Lakehouse, Table
from nyc311_assets.pipeline.time_travel import (
    Return,
    next_steps,
    preview,
    restore,
)
from nyc311_assets.pipeline.versions import (
    TableMissing,
    VersionMissing,
    exists,
    read_history,
)
from nyc311_assets_tests.pipeline.rows import PulledRow, land

spark_test = pytest.mark.spark

FIRST, SECOND = date(2026, 3, 1), date(2026, 3, 2)
SETTLED = datetime(2026, 12, 1, tzinfo=UTC)
AFTER_THE_FIRST, AFTER_BOTH = {FIRST: 3}, {FIRST: 4, SECOND: 5}


def requests_of(day: date, count: int, first: int = 0) -> list[PulledRow]:
    return [
        PulledRow(f"{day}-{number}", f"{day}T10:00:00.000", SETTLED)
        for number in range(first, first + count)
    ]


@pytest.fixture(scope="module")
def told(spark: SparkSession, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A lakehouse after two partitions; the second brings a late request of the first day."""
    root = tmp_path_factory.mktemp("told") / "lakehouse"
    lakehouse = Lakehouse(str(root))
    pulls = {
        FIRST: requests_of(FIRST, 3),
        SECOND: [*requests_of(SECOND, 5), *requests_of(FIRST, 4)],
    }
    for day, rows in pulls.items():
        land(
            spark,
            lakehouse,
            f"b{day}",
            day,
            rows,
            ingested_at=datetime.now(UTC),
            reach=SETTLED.replace(tzinfo=None),
            version=SETTLED,
        )
        refined = refine(spark, lakehouse, NEW_YORK, ingestion_dates=[day])
        aggregate(spark, lakehouse, NEW_YORK, request_dates=refined.request_dates)
    return root


@pytest.fixture
def lakehouse(told: Path, tmp_path: Path) -> Lakehouse:
    """The same, to change at will; Delta takes the times of its commits from the files."""
    return Lakehouse(str(shutil.copytree(told, tmp_path / "lakehouse")))


def silver(spark: SparkSession, lakehouse: Lakehouse) -> Table:
    return Table(spark, lakehouse, silver_requests(NEW_YORK))


def per_day(frame: DataFrame) -> dict[date, int]:
    return Counter(row["request_date"] for row in frame.select("request_date").collect())


def counted(frame: DataFrame) -> dict[tuple[date, str], int]:
    return {
        (row["request_date"], row["complaint_type"]): row["requests"] for row in frame.collect()
    }


def in_gold(spark: SparkSession, lakehouse: Lakehouse) -> dict[date, int]:
    rows = Table(spark, lakehouse, DAILY_COUNTS).read().select("request_date", "requests")
    return {row["request_date"]: row["requests"] for row in rows.collect() if row["requests"]}


def merged(table: Table) -> list[int]:
    """Versions that brought rows, oldest first."""
    versions = reversed(read_history(table, now=datetime.now(UTC)).versions)
    return [version.number for version in versions if version.rows_inserted]


def go_back(spark: SparkSession, lakehouse: Lakehouse, table: Table, number: int) -> Return:
    history = read_history(table, now=datetime.now(UTC))
    return restore(table, Table(spark, lakehouse, BATCHES), history, history.find(number))


@spark_test
def test_a_table_goes_back_as_a_new_version_and_forth_until_its_files_are_gone(
    spark: SparkSession, lakehouse: Lakehouse
) -> None:
    requests = silver(spark, lakehouse)
    history = read_history(requests, now=datetime.now(UTC))
    earlier, later = merged(requests)
    assert [history.find(number).rows_inserted for number in (earlier, later)] == [3, 6]

    plan = preview(requests, Table(spark, lakehouse, BATCHES), history, history.find(earlier))
    assert (plan.rows_before, plan.rows_after, plan.is_certain) == (9, 3, True)
    assert plan.pulled_since == (SECOND, SECOND)
    assert requests.version() == history.newest.number
    assert go_back(spark, lakehouse, requests, earlier) == plan
    assert per_day(requests.read()) == AFTER_THE_FIRST
    newest = read_history(requests, now=datetime.now(UTC)).newest
    assert (newest.operation, newest.number) == ("RESTORE", history.newest.number + 1)

    again = go_back(spark, lakehouse, requests, later)
    assert (again.rows_before, again.rows_after, again.pulled_since) == (3, 9, None)
    assert per_day(requests.read()) == AFTER_BOTH
    go_back(spark, lakehouse, requests, earlier)
    used = set(requests.read().inputFiles())
    for path in Path(lakehouse.path("silver.requests")).glob("*.parquet"):
        if not any(name.endswith(path.name) for name in used):
            path.unlink()
    with pytest.raises(VersionMissing, match="VACUUM has removed files of that version"):
        go_back(spark, lakehouse, requests, later)
    assert per_day(requests.read()) == AFTER_THE_FIRST


@spark_test
def test_gold_follows_a_restore_of_silver(spark: SparkSession, lakehouse: Lakehouse) -> None:
    requests = silver(spark, lakehouse)
    go_back(spark, lakehouse, requests, merged(requests)[0])
    aggregate(spark, lakehouse, NEW_YORK, request_dates=[])
    assert in_gold(spark, lakehouse) == AFTER_THE_FIRST


@spark_test
def test_gold_catches_up_after_a_restore_of_gold(spark: SparkSession, lakehouse: Lakehouse) -> None:
    counts = Table(spark, lakehouse, DAILY_COUNTS)
    go_back(spark, lakehouse, counts, merged(counts)[0])
    if in_gold(spark, lakehouse) != AFTER_THE_FIRST:
        pytest.fail("the restore of gold has no effect")
    aggregate(spark, lakehouse, NEW_YORK, request_dates=[])
    assert in_gold(spark, lakehouse) == AFTER_BOTH


@spark_test
def test_gold_recounts_when_silvers_change_feed_is_too_old(
    spark: SparkSession, lakehouse: Lakehouse, tmp_path: Path
) -> None:
    spark.sql(f"OPTIMIZE {silver(spark, lakehouse).sql_name}").collect()
    # As if maintenance had run after gold's last change, and then nothing for eight days.
    later = Lakehouse(str(shutil.copytree(lakehouse.root, tmp_path / "eight days later")))
    log = Path(later.path("silver.requests")) / "_delta_log"
    eight_days_ago = datetime.now(UTC).timestamp() - 8 * 86_400
    for number, commit in enumerate(sorted(log.glob("*.json"))):
        os.utime(commit, (eight_days_ago + number, eight_days_ago + number))
    spark.sql(
        f"DELETE FROM {silver(spark, later).sql_name} WHERE unique_key = '{FIRST}-0'"
    ).collect()
    aggregate(spark, later, NEW_YORK, request_dates=[])
    assert in_gold(spark, later) == {FIRST: 3, SECOND: 5}


@spark_test
def test_counts_as_known_are_those_of_the_partitions_up_to_the_date(
    spark: SparkSession, told: Path
) -> None:
    lakehouse = Lakehouse(str(told))
    noise = "Noise - Residential"

    def known(on: date) -> dict[tuple[date, str], int]:
        return counted(counts_as_known(spark, lakehouse, NEW_YORK, on))

    assert known(FIRST - timedelta(days=1)) == {}
    assert known(FIRST) == {(FIRST, noise): 3}
    assert known(SECOND) == {(FIRST, noise): 4, (SECOND, noise): 5}


@spark_test
def test_exact_counts_are_those_of_the_version_that_was_current_when_the_date_ended(
    spark: SparkSession, lakehouse: Lakehouse, tmp_path: Path
) -> None:
    now = datetime.now(UTC)
    today = now.astimezone(NEW_YORK.time_zone).date()
    log = Path(lakehouse.path("silver.requests")) / "_delta_log"

    def midnight(days_ago: int) -> float:
        day = today - timedelta(days=days_ago)
        return datetime.combine(day, time(), NEW_YORK.time_zone).timestamp()

    # The first pull was merged 9 days ago, the second one second too late to be known 4 days ago.
    # What was written after the second stays as it is: today.
    first, second = merged(silver(spark, lakehouse))
    for number in range(second + 1):
        written = midnight(3) + 1 if number == second else midnight(9) + number
        os.utime(log / f"{number:020d}.json", (written, written))
    lakehouse = Lakehouse(str(shutil.copytree(lakehouse.root, tmp_path / "copy")))
    requests = silver(spark, lakehouse)

    def exactly(days_ago: int) -> tuple[int, dict[tuple[date, str], int]]:
        known_on = today - timedelta(days=days_ago)
        counts, version = counts_exactly(spark, lakehouse, NEW_YORK, known_on, now=now)
        return version.number, counted(counts)

    noise = "Noise - Residential"
    assert exactly(3) == (second, {(FIRST, noise): 4, (SECOND, noise): 5})
    # Like gold, without what the source had removed.
    spark.sql(
        f"UPDATE {requests.sql_name} SET is_current = false WHERE unique_key = '{FIRST}-0'"
    ).collect()
    counts, _ = counts_exactly(
        spark, lakehouse, NEW_YORK, today, now=datetime.now(UTC) + timedelta(days=1, minutes=1)
    )
    assert counted(counts) == {(FIRST, noise): 3, (SECOND, noise): 5}
    with pytest.raises(VersionMissing, match="is still to come"):
        exactly(0)
    with pytest.raises(VersionMissing, match="the table was not there"):
        exactly(11)
    with pytest.raises(VersionMissing, match=rf"at version {first}, .* from version {second} \("):
        exactly(4)
    with pytest.raises(VersionMissing, match=r"longer ago than the table keeps files \(168 hours"):
        go_back(spark, lakehouse, requests, first)
    spark.sql(
        f"ALTER TABLE {requests.sql_name} "
        "SET TBLPROPERTIES ('delta.deletedFileRetentionDuration' = 'interval 20 days')"
    )
    assert exactly(4) == (first, {(FIRST, noise): 3})


@spark_test
def test_a_table_that_was_never_written_has_no_history(spark: SparkSession, tmp_path: Path) -> None:
    requests = silver(spark, Lakehouse(str(tmp_path)))
    assert not exists(requests)
    with pytest.raises(TableMissing, match=r"silver\.requests has not been written yet"):
        read_history(requests, now=SETTLED)


def returned(pulled_since: tuple[date, date] | None) -> Return:
    return Return(7, 4, SETTLED, 10, 5, is_certain=True, pulled_since=pulled_since)


def test_next_steps_name_the_partitions_and_the_way_back() -> None:
    steps = next_steps("silver.requests", "silver_requests", returned((FIRST, SECOND)))
    assert "Partitions 2026-03-01 to 2026-03-02 were pulled after that version" in steps[0]
    assert "materialize silver_requests for them again" in steps[0]
    assert "downstream of silver_requests for 2026-03-01 to 2026-03-02" in steps[1]
    assert steps[2].startswith("To undo this, restore to version 7")


def test_next_steps_know_that_bronze_is_two_tables_and_that_gold_is_last() -> None:
    bronze = next_steps("bronze.batches", "raw_311", returned(None))
    assert "restore the other one to the same time, 2026-12-01T00:00:00.000+00:00" in bronze[0]
    gold = next_steps("gold.daily_counts", "gold_daily_counts", returned(None))
    assert "gold_daily_counts for the newest partition: it brings the table up to" in gold[0]
    assert not any("downstream" in step for step in gold)
