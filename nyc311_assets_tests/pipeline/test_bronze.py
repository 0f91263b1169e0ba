from __future__ import annotations

from collections import Counter
from datetime import date, datetime, timedelta
from pathlib import Path

import pytest
from pyspark.sql import SparkSession

from nyc311_assets.pipeline.bronze import SourceMixed
from nyc311_assets.pipeline.soda.errors import EmptyPullError
from nyc311_assets.pipeline.tables import Lakehouse
from nyc311_assets_tests.pipeline.road import pull, request, serving, write_rows
from nyc311_assets_tests.pipeline.soda.portal import (
    PUBLISHED_AT,
    Portal,
    Reply,
    Request,
    requests_of,
)

pytestmark = pytest.mark.spark

DAYS = [date(2026, 3, 1) + timedelta(days=index) for index in range(12)]
COUNTS = {day: 2 + index % 3 for index, day in enumerate(DAYS)}


@pytest.fixture
def lakehouse(tmp_path: Path) -> Lakehouse:
    return Lakehouse(str(tmp_path / "lakehouse"))


@pytest.fixture
def rows(tmp_path: Path) -> Path:
    return write_rows(
        tmp_path / "rows.csv",
        [
            request(100 * index + number, f"{day}T10:00:{number:02d}.000")
            for index, day in enumerate(DAYS)
            for number in range(COUNTS[day])
        ],
    )


def landed(spark: SparkSession, lakehouse: Lakehouse) -> dict[tuple[date, date], int]:
    """Rows per ingestion date and request date."""
    frame = spark.table(lakehouse.sql_name("bronze.raw_311"))
    return Counter(
        (row["ingestion_date"], row["request_date"])
        for row in frame.select("ingestion_date", "request_date").collect()
    )


def test_a_partition_lands_its_day_and_the_seven_before(
    spark: SparkSession, lakehouse: Lakehouse, tmp_path: Path, rows: Path
) -> None:
    with serving(rows) as url:
        batch = pull(spark, lakehouse, tmp_path, url, [DAYS[9]], "b1")
    assert landed(spark, lakehouse) == {(DAYS[9], day): COUNTS[day] for day in DAYS[2:10]}
    assert all(day.is_reconciled for day in batch.days)
    assert (batch.source, batch.is_new) == ("files", True)
    assert batch.source_reach == datetime(2026, 3, 12, 10, 0, COUNTS[DAYS[11]] - 1)


def test_a_range_lands_each_day_once_in_the_first_partition_that_pulls_it(
    spark: SparkSession, lakehouse: Lakehouse, tmp_path: Path, rows: Path
) -> None:
    with serving(rows) as url:
        pull(spark, lakehouse, tmp_path, url, DAYS[8:11], "b1")
    assert landed(spark, lakehouse) == {(max(day, DAYS[8]), day): COUNTS[day] for day in DAYS[1:11]}


def test_a_retry_of_a_batch_adds_nothing_and_a_new_batch_is_kept_beside_it(
    spark: SparkSession, lakehouse: Lakehouse, tmp_path: Path, rows: Path
) -> None:
    with serving(rows) as url:
        first = pull(spark, lakehouse, tmp_path, url, [DAYS[9]], "b1")
        once = landed(spark, lakehouse)
        retry = pull(spark, lakehouse, tmp_path, url, [DAYS[9]], "b1")
        assert (retry.is_new, retry.days) == (False, first.days)
        assert retry.dataset_version == first.dataset_version
        assert landed(spark, lakehouse) == once
        pull(spark, lakehouse, tmp_path, url, [DAYS[9]], "b2")
    assert landed(spark, lakehouse) == {key: 2 * count for key, count in once.items()}


def test_a_job_killed_between_rows_and_record_goes_on_without_doubling(
    spark: SparkSession, lakehouse: Lakehouse, tmp_path: Path, rows: Path
) -> None:
    with serving(rows) as url:
        pull(spark, lakehouse, tmp_path, url, [DAYS[9]], "b1")
        once = landed(spark, lakehouse)
        # As if the job had died after the rows were committed: their record is not there.
        batches = lakehouse.sql_name("bronze.batches")
        spark.sql(f"ALTER TABLE {batches} UNSET TBLPROPERTIES ('delta.appendOnly')")
        spark.sql(f"RESTORE TABLE {batches} TO VERSION AS OF 0")
        again = pull(spark, lakehouse, tmp_path, url, [DAYS[9]], "b1")
    assert landed(spark, lakehouse) == once
    assert all(day.is_reconciled for day in again.days)


def test_an_empty_day_inside_a_pull_is_reported_and_the_others_land(
    spark: SparkSession, lakehouse: Lakehouse, tmp_path: Path
) -> None:
    path = write_rows(
        tmp_path / "rows.csv",
        [request(index, f"{day}T10:00:00.000") for index, day in enumerate(DAYS) if index != 5],
    )
    with serving(path) as url:
        batch = pull(spark, lakehouse, tmp_path, url, [DAYS[9]], "b1")
    assert [day.request_date for day in batch.days if day.is_empty] == [DAYS[5]]
    assert not any(day.is_beyond_reach for day in batch.days)
    assert sum(day.is_reconciled for day in batch.days) == 7


def test_a_pull_without_any_row_is_an_error_and_writes_nothing(
    spark: SparkSession, lakehouse: Lakehouse, tmp_path: Path, rows: Path
) -> None:
    with serving(rows) as url, pytest.raises(EmptyPullError, match="no row for 2026-06-23"):
        pull(spark, lakehouse, tmp_path, url, [date(2026, 6, 30)], "b1")
    assert landed(spark, lakehouse) == {}


def test_two_sources_never_share_a_lakehouse(
    spark: SparkSession, lakehouse: Lakehouse, tmp_path: Path, rows: Path
) -> None:
    with serving(rows) as url:
        pull(spark, lakehouse, tmp_path, url, [DAYS[9]], "b1")
        spark.sql(
            f"INSERT INTO {lakehouse.sql_name('bronze.batches')} SELECT 'b0', ingestion_date, "
            "request_date, ingested_at, dataset_id, dataset_version, 'data.cityofnewyork.us', "
            "source_reach, rows_expected, rows_landed, is_reconciled FROM "
            f"{lakehouse.sql_name('bronze.batches')} LIMIT 1"
        )
        with pytest.raises(SourceMixed, match="Use another NYC311_HOME"):
            pull(spark, lakehouse, tmp_path, url, [DAYS[9]], "b2")


class PublishingPortal(Portal):
    """Publishes once more right after it has answered the first page."""

    def reply(self, request: Request) -> Reply:
        answer = super().reply(request)
        if request.is_page and len(self.page_requests) == 1:
            self.datasets["erm2-nwe9"].published_at += 60
        return answer


def test_a_source_that_publishes_while_it_is_read_is_read_again(
    spark: SparkSession, lakehouse: Lakehouse, tmp_path: Path
) -> None:
    portal = PublishingPortal()
    portal.datasets["erm2-nwe9"].rows += requests_of(DAYS[9], ["10:00:00.000"] * 3)
    portal.start()
    try:
        batch = pull(spark, lakehouse, tmp_path, portal.url, [DAYS[9]], "b1")
    finally:
        portal.close()
    assert batch.dataset_version.timestamp() == PUBLISHED_AT + 60
    assert landed(spark, lakehouse) == {(DAYS[9], DAYS[9]): 3}
