from __future__ import annotations

import os
import random
from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any, cast

import pytest
from pyspark.errors import PySparkException
from pyspark.sql import DataFrame, SparkSession

from nyc311_assets.pipeline.cities import NEW_YORK
from nyc311_assets.pipeline.contracts import BATCHES, RAW_311, TableContract, silver_requests
from nyc311_assets.pipeline.expiry import expire_superseded, superseded_pulls
from nyc311_assets.pipeline.maintenance import maintain, statistics
from nyc311_assets.pipeline.silver import refine
from nyc311_assets.pipeline.tables import Lakehouse, Table
from nyc311_assets_tests.pipeline.rows import PulledRow

NOW = datetime(2026, 6, 1, 9, tzinfo=UTC)
AGE = timedelta(days=90)
LONG_AGO = NOW - AGE
DAYS = [date(2026, 2, 1) + timedelta(days=index) for index in range(4)]


@pytest.fixture
def lakehouse(tmp_path: Path) -> Lakehouse:
    return Lakehouse(str(tmp_path / "lakehouse"))


def requests_of(day: date, changes: int, count: int = 2) -> list[PulledRow]:
    """Requests of a day, as they are after some changes at the source."""
    return [
        PulledRow(
            f"{day}-{number}",
            f"{day}T10:00:00.000",
            datetime(2026, 2, 1, tzinfo=UTC) + timedelta(hours=changes),
            {"status": f"after {changes}"},
        )
        for number in range(count)
    ]


@dataclass(frozen=True)
class Pull:
    """One batch of one partition."""

    batch_id: str
    ingestion_date: date
    at: datetime
    rows: list[PulledRow]
    broken: list[date] = field(default_factory=list)
    held_back: list[date] = field(default_factory=list)


def land_all(spark: SparkSession, lakehouse: Lakehouse, pulls: list[Pull]) -> None:
    """Append many batches to bronze in one write."""
    raw = Table(spark, lakehouse, RAW_311).create()
    batches = Table(spark, lakehouse, BATCHES).create()
    rows = [
        {
            "ingestion_date": pull.ingestion_date,
            "request_date": row.request_date,
            "batch_id": pull.batch_id,
            "ingested_at": pull.at,
            "dataset_id": "erm2-nwe9",
            "source_row_id": f"row-{row.key}",
            "source_updated_at": row.updated_at,
            "payload": row.payload,
            "page_sha256": "0" * 64,
        }
        for pull in pulls
        for row in pull.rows
    ]
    records = [
        {
            "batch_id": pull.batch_id,
            "ingestion_date": pull.ingestion_date,
            "request_date": day,
            "ingested_at": pull.at,
            "dataset_id": "erm2-nwe9",
            "dataset_version": pull.at,
            "source": "test",
            "source_reach": datetime(2026, 12, 1),
            "rows_expected": count,
            "rows_landed": count,
            "is_reconciled": day not in pull.broken,
            "held_back": "not_doubled: a test" if day in pull.held_back else None,
        }
        for pull in pulls
        for day, count in Counter(row.request_date for row in pull.rows).items()
    ]
    for table, values in ((raw, rows), (batches, records)):
        columns = table.contract.columns
        schema = ", ".join(f"{column.name} {column.type}" for column in columns)
        complete = [tuple(value.get(column.name) for column in columns) for value in values]
        table.append_once(spark.createDataFrame(complete, schema).coalesce(1), "all")


def raw_rows(spark: SparkSession, lakehouse: Lakehouse) -> dict[tuple[str, date, date], int]:
    """Rows of bronze by batch, partition and request date."""
    counts = Table(spark, lakehouse, RAW_311).read().groupBy("batch_id", *RAW_KEYS).count()
    return {(row[0], row[1], row[2]): row[3] for row in counts.collect()}


RAW_KEYS = ("ingestion_date", "request_date")
ALL_OF_IT = [column for column in silver_requests(NEW_YORK).column_names if column != "ingested_at"]


def silver_rows(spark: SparkSession, lakehouse: Lakehouse) -> list[Any]:
    """All rows of silver, without the time of the pull, which a rebuild moves to the newest."""
    rows = Table(spark, lakehouse, silver_requests(NEW_YORK)).read().select(*ALL_OF_IT)
    return sorted(rows.collect(), key=lambda row: str(row["unique_key"]))


def pull_at_random(spark: SparkSession, lakehouse: Lakehouse, seed: int) -> None:
    """Pull partitions again and again, in any order, some request dates not to be used."""
    chance = random.Random(seed)
    at = datetime(2026, 2, 6, 8, tzinfo=UTC)
    pulls = []
    for number in range(30):
        # The first pulls are whole, so that there is something to rebuild from.
        day = DAYS[number] if number < len(DAYS) else chance.choice(DAYS)
        pulled = [each for each in DAYS if day - timedelta(days=2) <= each <= day]
        broken = [each for each in pulled if number >= len(DAYS) and chance.random() < 0.25]
        if len(broken) < len(pulled):
            rows = [row for each in pulled for row in requests_of(each, changes=number)]
            held_back = [each for each in broken if chance.random() < 0.5]
            unequal = [each for each in broken if each not in held_back]
            pulls.append(Pull(f"b{number}", day, at, rows, unequal, held_back))
        at += timedelta(days=chance.choice([0, 1, 5]), hours=1)
    land_all(spark, lakehouse, pulls)


@pytest.mark.spark
@pytest.mark.long
def test_silver_can_be_rebuilt_as_it_was_after_superseded_pulls_have_expired(
    spark: SparkSession, lakehouse: Lakehouse, tmp_path: Path
) -> None:
    pull_at_random(spark, lakehouse, seed=311)
    bronze = raw_rows(spark, lakehouse)
    refine(spark, lakehouse, NEW_YORK, ingestion_dates=DAYS)
    before = silver_rows(spark, lakehouse)
    planned = expire_superseded(spark, lakehouse, before=NOW, dry_run=True)
    assert raw_rows(spark, lakehouse) == bronze
    expired = expire_superseded(spark, lakehouse, before=NOW)
    left = raw_rows(spark, lakehouse)
    assert expired == planned == sum(bronze.values()) - sum(left.values())
    assert 0 < len(left) < len(bronze) / 2
    assert left.items() <= bronze.items()
    assert {key[1:] for key in left} == {key[1:] for key in bronze}

    (tmp_path / "lakehouse" / "silver").rename(tmp_path / "silver before")
    refine(spark, lakehouse, NEW_YORK, ingestion_dates=DAYS)
    assert silver_rows(spark, lakehouse) == before


@pytest.mark.spark
def test_what_is_young_the_newest_usable_or_newer_than_it_does_not_expire(
    spark: SparkSession, lakehouse: Lakehouse
) -> None:
    first, second, third = DAYS[:3]
    pulls: list[tuple[str, date, list[date], int, list[date]]] = [
        ("superseded", second, [first, second], 120, []),
        ("other partition", first, [first], 119, []),
        ("not reconciled", second, [first, second], 118, [first]),
        ("newest", second, [first, second], 100, [second]),
        ("young", first, [first], 5, []),
        ("younger", first, [first], 4, []),
        ("sound", third, [third], 117, []),
        ("held back", third, [third], 110, []),
    ]
    land_all(
        spark,
        lakehouse,
        [
            Pull(
                name,
                partition,
                NOW - timedelta(days=age),
                [row for day in days for row in requests_of(day, changes=0, count=1)],
                broken,
                days if name == "held back" else [],
            )
            for name, partition, days, age, broken in pulls
        ],
    )
    batches = Table(spark, lakehouse, BATCHES).read()
    found = {
        (row["batch_id"], row["request_date"])
        for row in superseded_pulls(batches, before=LONG_AGO).collect()
    }
    assert found == {
        ("superseded", first),
        ("superseded", second),
        ("not reconciled", first),
        ("other partition", first),
    }


@pytest.mark.spark
def test_bronze_is_append_only_again_also_when_the_delete_fails_or_was_killed(
    spark: SparkSession, lakehouse: Lakehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    ages = enumerate((120, 110))
    land_all(
        spark,
        lakehouse,
        [
            Pull(f"b{number}", DAYS[0], NOW - timedelta(days=age), requests_of(DAYS[0], number))
            for number, age in ages
        ],
    )
    raw = Table(spark, lakehouse, RAW_311)
    merge = Table.merge

    def broken(table: Table, source: DataFrame, condition: str, clauses: str) -> None:
        merge(table, source, f"{condition} AND raise_error('the disk is full') IS NULL", clauses)

    with monkeypatch.context() as patch:
        patch.setattr(Table, "merge", broken)
        with pytest.raises(PySparkException, match="the disk is full"):
            expire_superseded(spark, lakehouse, before=LONG_AGO)
    assert is_append_only(raw)
    spark.sql(f"ALTER TABLE {raw.sql_name} SET TBLPROPERTIES ('delta.appendOnly' = 'false')")
    assert expire_superseded(spark, lakehouse, before=LONG_AGO) == 2
    assert is_append_only(raw)
    spark.sql(f"ALTER TABLE {raw.sql_name} SET TBLPROPERTIES ('delta.appendOnly' = 'false')")
    assert expire_superseded(spark, lakehouse, before=LONG_AGO) == 0
    assert is_append_only(raw)


def is_append_only(table: Table) -> bool:
    try:
        table.spark.sql(f"DELETE FROM {table.sql_name} WHERE batch_id = 'b1'").collect()
    except PySparkException as error:
        return error.getCondition() == "DELTA_CANNOT_MODIFY_APPEND_ONLY"
    return False


NOTES = TableContract(
    name="silver.notes",
    description="A table with small files and deletion vectors.",
    columns=silver_requests(NEW_YORK).columns[:0],
    key=(),
)


@pytest.mark.spark
def test_maintenance_compacts_removes_old_files_and_tells_before_and_after(
    spark: SparkSession, lakehouse: Lakehouse
) -> None:
    notes = Table(spark, lakehouse, NOTES)
    spark.sql(
        f"CREATE TABLE {notes.sql_name} (day DATE, number INT) USING DELTA CLUSTER BY (day) "
        "TBLPROPERTIES ('delta.enableDeletionVectors' = 'true')"
    )
    for number in range(3):
        spark.range(10 * number, 10 * number + 10, numPartitions=1).selectExpr(
            "DATE'2026-02-01' AS day", "cast(id AS INT) AS number"
        ).write.format("delta").mode("append").save(lakehouse.path(NOTES.name))
    spark.sql(f"DELETE FROM {notes.sql_name} WHERE number = 3")
    orphan = Path(lakehouse.path(NOTES.name)) / "left-by-a-killed-job.parquet"
    orphan.write_bytes(b"half a file")
    a_month_ago = datetime.now(UTC).timestamp() - 30 * 86_400
    os.utime(orphan, (a_month_ago, a_month_ago))
    version = notes.version()

    planned = maintain(notes, vacuum_hours=168, bronze_retention=AGE, now=NOW, dry_run=True)
    assert (planned.files_removed, planned.files_compacted) == (1, None)
    assert planned.before == planned.after
    assert (notes.version(), orphan.exists()) == (version, True)

    done = maintain(notes, vacuum_hours=200, bronze_retention=AGE, now=NOW)
    assert (done.before.rows, done.before.files, done.before.hidden_rows) == (29, 3, 1)
    assert (done.after.rows, done.after.files, done.after.hidden_rows) == (29, 1, 0)
    assert (done.files_compacted, done.files_written, done.files_removed) == (3, 1, 1)
    assert not orphan.exists()
    assert done.after.size_bytes < done.before.size_bytes
    # Newer Delta goes by the property alone.
    kept = spark.sql(f"SHOW TBLPROPERTIES {notes.sql_name} ('delta.deletedFileRetentionDuration')")
    assert [row["value"] for row in kept.collect()] == ["interval 200 hours"]
    assert statistics(notes, now=datetime.now(UTC)).oldest_version == 0


def test_vacuum_never_leaves_less_than_a_week() -> None:
    table = cast(Table, None)
    with pytest.raises(ValueError, match="168 hours at least, not 167"):
        maintain(table, vacuum_hours=167, bronze_retention=AGE, now=NOW)
