from __future__ import annotations

import hashlib
import json
import re
from collections import Counter
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import httpx
import pytest
from pyspark.sql import SparkSession
from pyspark.sql import functions as F

from nyc311_assets.pipeline.batches import read_batch, rows_without_day_before
from nyc311_assets.pipeline.checks import check_raw
from nyc311_assets.pipeline.checks.fields import check_fields
from nyc311_assets.pipeline.cities import NEW_YORK
from nyc311_assets.pipeline.contracts import BATCHES, Column
from nyc311_assets.pipeline.days import day_state
from nyc311_assets.pipeline.pulls import Batch
from nyc311_assets.pipeline.soda.errors import EmptyPullError
from nyc311_assets.pipeline.source_snapshot import SourceMixed
from nyc311_assets.pipeline.tables import ContractBroken, Lakehouse, Table
from nyc311_assets_tests.pipeline.road import pull, request, serving, write_rows
from nyc311_assets_tests.pipeline.soda.portal import (
    PUBLISHED_AT,
    Dataset,
    Portal,
    Reply,
    Request,
    requests_of,
    running_portal,
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


def test_partitions_with_gaps_between_them_take_the_days_that_each_pulls(
    spark: SparkSession, lakehouse: Lakehouse, tmp_path: Path, rows: Path
) -> None:
    with serving(rows) as url:
        pull(spark, lakehouse, tmp_path, url, [DAYS[1], DAYS[11]], "b1")
    assert landed(spark, lakehouse) == {
        **{(DAYS[1], day): COUNTS[day] for day in DAYS[:2]},
        **{(DAYS[11], day): COUNTS[day] for day in DAYS[4:]},
    }


def test_a_day_is_recorded_with_the_query_that_brings_its_page_again(
    spark: SparkSession, lakehouse: Lakehouse, tmp_path: Path, rows: Path
) -> None:
    with serving(rows) as url:
        batch = pull(spark, lakehouse, tmp_path, url, [DAYS[1]], "b1")
        for day in batch.days:
            source = day.provenance
            assert source is not None
            assert source.source_columns == NEW_YORK.expected_types("erm2-nwe9")
            if day.landed_rows == 0:
                assert (source.query, source.page_sha256) == (None, ())
                continue
            assert source.query is not None
            parameters = dict(
                part.split("=", 1)
                for part in re.split(r" (?=\$(?:where|order|limit)=)", source.query)
            )
            answer = httpx.get(f"{url}/resource/{source.dataset_id}.json", params=parameters)
            assert len(answer.json()) == day.landed_rows
            assert source.page_sha256 == (hashlib.sha256(answer.content).hexdigest(),)
    assert read_batch(Table(spark, lakehouse, BATCHES), "b1") == replace(batch, is_new=False)
    pages = spark.table(lakehouse.sql_name("bronze.batches")).orderBy("request_date")
    assert [row["pages"] for row in pages.select("pages").collect()] == [0] * 6 + [1] * 2


def test_a_table_gets_the_columns_that_its_contract_gained_and_refuses_another_type(
    spark: SparkSession, lakehouse: Lakehouse, tmp_path: Path, rows: Path
) -> None:
    gained = ("query", "pages", "page_sha256", "source_columns", "rows_without_day")
    older = replace(BATCHES, columns=tuple(c for c in BATCHES.columns if c.name not in gained))
    table = Table(spark, lakehouse, older).create()
    with serving(rows) as url:
        record = pull(spark, Lakehouse(str(tmp_path / "now")), tmp_path, url, [DAYS[9]], "old")
        now = spark.table(Lakehouse(str(tmp_path / "now")).sql_name(BATCHES.name))
        table.append_once(now, "old")
        pull(spark, lakehouse, tmp_path, url, [DAYS[10]], "new")
    batches = Table(spark, lakehouse, BATCHES)
    old, new = read_batch(batches, "old"), read_batch(batches, "new")
    assert old is not None
    assert new is not None
    assert old.days == tuple(
        replace(day, provenance=None, rows_without_day=None) for day in record.days
    )
    assert all(day.provenance and day.rows_without_day == 0 for day in new.days)
    assert rows_without_day_before(batches, old.pulled_at) == {}
    assert rows_without_day_before(batches, datetime.now(UTC)) == {"erm2-nwe9": 0}
    passed = check_fields(NEW_YORK, old, DAYS[9])
    assert [(verdict.passed, "not_judged" in verdict.figures) for verdict in passed] == [
        (True, True)
    ] * 2

    retyped = replace(BATCHES, columns=(*older.columns, Column("pages", "STRING", "")))
    with pytest.raises(ContractBroken, match=r"pages of .*batches.* is int, .* says string\. Use"):
        Table(spark, lakehouse, retyped).create()
    required = replace(BATCHES, columns=(*BATCHES.columns, Column("b", "INT", "", nullable=False)))
    with pytest.raises(ContractBroken, match="lacks b, which its contract requires"):
        Table(spark, lakehouse, required).create()


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


def test_a_job_killed_between_rows_and_record_records_the_publication_that_it_had_read(
    spark: SparkSession, lakehouse: Lakehouse, tmp_path: Path
) -> None:
    published = datetime(2026, 3, 10, 21, 40, tzinfo=NEW_YORK.time_zone)
    with running_portal() as portal:
        dataset = portal.datasets["erm2-nwe9"]
        dataset.published_at = int(published.timestamp())
        dataset.rows = [
            *requests_of(DAYS[8], ["10:00:00.000"] * 2),
            *requests_of(DAYS[9], ["10:00:00.000", "11:00:00.000"], first_key=3),
        ]
        first = pull(spark, lakehouse, tmp_path, portal.url, [DAYS[9]], "b1")
        once = landed(spark, lakehouse)
        # As if the job had died after the rows were committed: their record is not there.
        batches = lakehouse.sql_name("bronze.batches")
        spark.sql(f"ALTER TABLE {batches} UNSET TBLPROPERTIES ('delta.appendOnly')")
        spark.sql(f"RESTORE TABLE {batches} TO VERSION AS OF 0")
        dataset.rows += requests_of(DAYS[9], ["23:00:00.000"] * 5, first_key=5)
        dataset.rows += requests_of(DAYS[10], ["10:00:00.000"], first_key=10)
        dataset.published_at += 86_400
        again = pull(spark, lakehouse, tmp_path, portal.url, [DAYS[9]], "b1")
        next_one = pull(spark, lakehouse, tmp_path, portal.url, [DAYS[9]], "b2")
    assert once == {(DAYS[9], DAYS[8]): 2, (DAYS[9], DAYS[9]): 2}
    assert again == first
    assert next_one.source_reach == datetime(2026, 3, 11, 10, 0)
    assert landed(spark, lakehouse) == {(DAYS[9], DAYS[8]): 4, (DAYS[9], DAYS[9]): 9}


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
            "source_reach, rows_expected, rows_landed, is_reconciled, query, pages, page_sha256, "
            "source_columns, held_back, rows_without_day FROM "
            f"{lakehouse.sql_name('bronze.batches')} LIMIT 1"
        )
        with pytest.raises(SourceMixed, match="Use another NYC311_HOME"):
            pull(spark, lakehouse, tmp_path, url, [DAYS[9]], "b2")


def test_rows_that_belong_to_no_day_are_told_once_and_complete_no_day(
    spark: SparkSession, lakehouse: Lakehouse, tmp_path: Path
) -> None:
    today = DAYS[9]
    published = datetime(2026, 3, 10, 21, 40, tzinfo=NEW_YORK.time_zone)
    (undated,) = requests_of(today, ["10:00:00.000"], first_key=5)
    del undated["created_date"]
    (of_2099,) = requests_of(date(2099, 1, 1), ["10:00:00.000"], first_key=4)

    def told(batch: Batch) -> bool:
        """Whether the check of the partition fails, as the job asks for it."""
        before = rows_without_day_before(Table(spark, lakehouse, BATCHES), batch.pulled_at)
        verdicts = {each.spec.name: each for each in check_raw(batch, today, before)}
        assert verdicts["no_rows_without_day"].figures["rows_without_day"] == "erm2-nwe9: 2"
        return not verdicts["no_rows_without_day"].passed

    with running_portal() as portal:
        dataset = portal.datasets["erm2-nwe9"]
        dataset.published_at = int(published.timestamp())
        dataset.rows = [
            *requests_of(DAYS[8], ["10:00:00.000"] * 2),
            *requests_of(today, ["02:04:31.000"], first_key=3),
            of_2099,
            undated,
        ]
        first = pull(spark, lakehouse, tmp_path, portal.url, [today], "b1")
        second = pull(spark, lakehouse, tmp_path, portal.url, [today], "b2")
        dataset.rows.append(of_2099 | {":id": "row-another"})
        retry = pull(spark, lakehouse, tmp_path, portal.url, [today], "b1")
    assert first.source_reach == datetime(2026, 3, 10, 2, 4, 31)
    assert landed(spark, lakehouse) == {(today, DAYS[8]): 4, (today, today): 2}
    states = {
        day.request_date: day_state(
            NEW_YORK, day.request_date, day.source_reach, first.dataset_version
        )
        for day in first.days
    }
    assert [states[day].is_complete for day in (DAYS[8], today)] == [True, False]
    assert [day.rows_without_day for day in first.days] == [2] * 8
    assert retry == replace(first, is_new=False)
    assert [told(batch) for batch in (first, second, retry)] == [True, False, True]


def test_a_row_in_the_dataset_of_other_years_belongs_to_no_day(
    spark: SparkSession, lakehouse: Lakehouse, tmp_path: Path
) -> None:
    old, new = (dataset.dataset_id for dataset in NEW_YORK.datasets)
    last, first = date(2019, 12, 31), date(2020, 1, 1)
    with running_portal() as portal:
        portal.datasets = {
            old: Dataset(
                [
                    *requests_of(last, ["23:59:59.999"]),
                    *requests_of(first, ["00:00:00.000"] * 2, first_key=2),
                ]
            ),
            new: Dataset(
                [
                    *requests_of(last, ["23:59:59.999"], first_key=4),
                    *requests_of(first, ["00:00:00.000"], first_key=5),
                ]
            ),
        }
        batch = pull(spark, lakehouse, tmp_path, portal.url, [first], "b1")
    assert landed(spark, lakehouse) == {(first, last): 1, (first, first): 1}
    assert [day.rows_without_day for day in batch.days] == [2] * 7 + [1]
    assert read_batch(Table(spark, lakehouse, BATCHES), "b1") == replace(batch, is_new=False)


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


def test_new_missing_and_retyped_fields_of_the_source_land_as_sent_and_are_named(
    spark: SparkSession, lakehouse: Lakehouse, tmp_path: Path
) -> None:
    names = [field.name for field in NEW_YORK.fields if field.name != "borough"]
    row = requests_of(DAYS[9], ["10:00:00.000"])[0]
    # Numbers where texts were: a source that retypes a field may send it so.
    row |= {"unique_key": 69174123, "latitude": 40.712001388288, "sla_hours": 48}
    portal = Portal()
    dataset = portal.datasets["erm2-nwe9"]
    dataset.rows.append(row)
    dataset.columns = (*names, "sla_hours")
    dataset.data_type_names = {
        name: {"floating_timestamp": "calendar_date"}.get(type_, type_)
        for name, type_ in NEW_YORK.expected_types("erm2-nwe9").items()
    } | {"unique_key": "number", "sla_hours": "number"}
    portal.start()
    try:
        batch = pull(spark, lakehouse, tmp_path, portal.url, [DAYS[9]], "b1")
    finally:
        portal.close()
    landed_row = (
        spark.table(lakehouse.sql_name("bronze.raw_311"))
        .select(
            "payload",
            F.from_json("payload", "unique_key STRING, latitude STRING, borough STRING").alias("r"),
        )
        .first()
    )
    assert landed_row is not None
    sent = {name: value for name, value in row.items() if not name.startswith(":")}
    assert json.loads(landed_row["payload"]) == sent
    assert landed_row["r"].asDict() == {
        "unique_key": "69174123",
        "latitude": "40.712001388288",
        "borough": None,
    }
    as_expected, no_new = check_fields(NEW_YORK, batch, DAYS[9])
    assert (as_expected.passed, as_expected.spec.severity, as_expected.blocks_run) == (
        False,
        "ERROR",
        True,
    )
    assert as_expected.figures["missing"] == "borough of erm2-nwe9: expected text"
    assert as_expected.figures["retyped"] == "unique_key of erm2-nwe9: expected text, found number"
    assert (no_new.passed, no_new.spec.severity) == (False, "WARN")
    assert no_new.figures["new"] == "sla_hours of erm2-nwe9: number"
