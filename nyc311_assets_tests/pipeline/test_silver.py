"""What one merge makes of the rows of a pull: types, times, names, places, copies, broken rows."""

from __future__ import annotations

import re
import shutil
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from pathlib import Path

import pytest
from pyspark.sql import Row, SparkSession
from pyspark.sql import functions as F

from nyc311_assets.pipeline import staging
from nyc311_assets.pipeline.accounts import PartitionCounts
from nyc311_assets.pipeline.cities import NEW_YORK
from nyc311_assets.pipeline.contracts import DAILY_COUNTS, DAYS, RAW_311, REJECTS, silver_requests
from nyc311_assets.pipeline.contracts.silver import typed_rows
from nyc311_assets.pipeline.gold import aggregate
from nyc311_assets.pipeline.rows import judge, parse
from nyc311_assets.pipeline.silver import NothingToRefine, Refinement, refine
from nyc311_assets.pipeline.tables import Lakehouse, Table
from nyc311_assets_tests.pipeline.rows import PulledRow, land

pytestmark = pytest.mark.spark

UPDATED = datetime(2026, 3, 11, tzinfo=UTC)
LATER = datetime(2026, 3, 12, tzinfo=UTC)
TYPED = date(2026, 3, 10)
BROKEN = date(2026, 2, 1)
COPIES = date(2026, 2, 3)
TWO_BATCHES = date(2026, 2, 5)
MISCOUNTED = date(2026, 2, 7)
CLOCKS = {
    "2025-11-02T01:30:00.000": "2025-11-02 05:30:00",  # the repeated hour: its first pass
    "2026-03-08T02:30:00.000": "2026-03-08 07:30:00",  # the skipped hour: moved forward
    "2026-01-10T23:59:59.000": "2026-01-11 04:59:59",  # standard time
    "2024-02-29T12:00:00.000": "2024-02-29 17:00:00",  # a leap day
}
USUAL = "Noise - Residential"
MANGLED = "'; DROP TABLE x; -- \u0000 \u0007 Ã©"


@dataclass(frozen=True)
class Cases:
    """A lakehouse in which each case has days of its own, and what the first merge reported."""

    lakehouse: Lakehouse
    partitions: tuple[date, ...]
    merged: Refinement


def on(day: date, key: str, **fields: str) -> PulledRow:
    return PulledRow(key, f"{day}T10:00:00.000", UPDATED, fields)


@pytest.fixture(scope="module")
def cases(spark: SparkSession, tmp_path_factory: pytest.TempPathFactory) -> Cases:
    lakehouse = Lakehouse(str(tmp_path_factory.mktemp("cases")))
    typed = {
        "closed_date": "2026-03-11T09:30:00.000",
        "latitude": "40.7",
        "complaint_type": " Noise  -  Residential ",
        "borough": "Bronx",
    }
    odd = {"status": "Closed", "closed_date": "2026-03-10T08:00:00.000", "latitude": "north"}
    placed = {"borough": "Unspecified", "community_board": "12 MANHATTAN"}
    rows = [
        on(TYPED, "typed", **typed),
        on(TYPED, "renamed", complaint_type="HEATING", agency="HPD"),
        on(TYPED, "placed", **placed),
        on(TYPED, "odd", **odd),
        on(TYPED, "mangled", descriptor=MANGLED),
        on(TYPED, "huge", resolution_description="x" * 10_000_000),
    ]
    land(spark, lakehouse, "typed", TYPED, rows)
    for created in CLOCKS:
        day = date.fromisoformat(created[:10])
        land(spark, lakehouse, created, day, [PulledRow(created, created, UPDATED)])
    broken = [
        on(BROKEN, "sound"),
        on(BROKEN, "2", complaint_type=" ", agency=""),
        on(BROKEN, "3", borough="ATLANTIS"),
        PulledRow("4", "not a time", UPDATED, pulled_date=BROKEN),
        PulledRow("5", "2026-01-31T10:00:00.000", UPDATED, pulled_date=BROKEN),
        PulledRow("6", "2026-02-30T10:00:00.000", UPDATED, pulled_date=BROKEN),
        PulledRow("7", "9999-12-31T10:00:00.000", UPDATED, pulled_date=BROKEN),
        on(BROKEN, "8", unique_key=" "),
        PulledRow(
            "9", f"{BROKEN}T10:00:00.000", UPDATED, raw_payload='{"unique_key": "9", "agency'
        ),
    ]
    land(spark, lakehouse, "broken", BROKEN, broken)
    older = PulledRow("copy", f"{COPIES}T10:00:00.000", UPDATED, row_id="a")
    newer = PulledRow("copy", f"{COPIES}T10:00:00.000", LATER, {"status": "Closed"}, row_id="b")
    same_time = [
        PulledRow("tie", f"{COPIES}T11:00:00.000", UPDATED, {"status": status}, row_id=row_id)
        for row_id, status in (("d", "Closed"), ("c", "Open"))
    ]
    land(spark, lakehouse, "copies", COPIES, [newer, older, *same_time])
    gone = [on(TWO_BATCHES, "kept"), on(TWO_BATCHES, "gone")]
    land(spark, lakehouse, "old", TWO_BATCHES, gone, ingested_at=UPDATED)
    land(spark, lakehouse, "new", TWO_BATCHES, [on(TWO_BATCHES, "kept")], ingested_at=LATER)
    day_before = date(2026, 2, 6)
    miscounted = [on(MISCOUNTED, "whole"), on(day_before, "short")]
    land(spark, lakehouse, "miscounted", MISCOUNTED, miscounted, unreconciled=[day_before])
    partitions = (
        *(date.fromisoformat(created[:10]) for created in CLOCKS),
        *(TYPED, BROKEN, COPIES, TWO_BATCHES, MISCOUNTED),
    )
    merged = refine(spark, lakehouse, NEW_YORK, ingestion_dates=partitions)
    return Cases(lakehouse, partitions, merged)


def found(spark: SparkSession, cases: Cases, *columns: str) -> dict[str, tuple[object, ...]]:
    rows = spark.table(cases.lakehouse.sql_name("silver.requests"))
    return {row[0]: tuple(row)[1:] for row in rows.selectExpr("unique_key", *columns).collect()}


def rejects(spark: SparkSession, cases: Cases) -> dict[str, list[str]]:
    rows = spark.table(cases.lakehouse.sql_name("silver.rejects")).collect()
    assert all(row["payload"] for row in rows)
    reasons = {row["source_row_id"]: row["reasons"] for row in rows}
    assert len(reasons) == len(rows)
    return reasons


def test_rows_are_typed_with_new_york_and_utc_times(spark: SparkSession, cases: Cases) -> None:
    columns = (
        "string(created_local)",
        "string(created_at)",
        "string(closed_at)",
        "hours_to_close",
        "latitude",
        "complaint_type",
        "complaint_type_raw",
        "borough",
        "request_date",
    )
    assert found(spark, cases, *columns)["typed"] == (
        "2026-03-10 10:00:00",
        "2026-03-10 14:00:00",
        "2026-03-11 13:30:00",
        23.5,
        40.7,
        USUAL,
        " Noise  -  Residential ",
        "BRONX",
        TYPED,
    )


def test_utc_follows_one_rule_where_the_clocks_change(spark: SparkSession, cases: Cases) -> None:
    utc = found(spark, cases, "string(created_at)", "string(request_date)")
    assert {key: utc[key] for key in CLOCKS} == {
        created: (time, created[:10]) for created, time in CLOCKS.items()
    }


def test_names_and_places_are_brought_to_one_form_and_odd_rows_are_flagged(
    spark: SparkSession, cases: Cases
) -> None:
    columns = ("complaint_type", "borough", "borough_found_by", "hours_to_close", "flags")
    rows = found(spark, cases, *columns)
    assert rows["renamed"] == ("HEAT/HOT WATER", "BRONX", "source", None, [])
    assert rows["placed"] == (USUAL, "MANHATTAN", "community_board", None, [])
    flags = ["closed before created", "latitude cannot be read"]
    assert rows["odd"] == (USUAL, "BRONX", "source", None, flags)
    assert found(spark, cases, "descriptor")["mangled"] == (MANGLED,)


def test_broken_rows_are_kept_apart_with_every_reason(spark: SparkSession, cases: Cases) -> None:
    not_a_time = "created_date is missing or not a time"
    another_day = "created_date is not in the day that was asked for"
    expected = {
        "row-2": ["agency is missing", "complaint_type is missing"],
        "row-3": ["borough is unknown"],
        "row-4": [not_a_time],
        "row-5": [another_day],
        "row-6": [not_a_time],
        "row-7": [another_day],
        "row-8": ["unique_key is missing"],
        "row-huge": ["longer than 65,536 characters"],
    }
    reasons = rejects(spark, cases)
    malformed = reasons.pop("row-9")
    assert "created_date is missing or not a time" in malformed
    assert {key: sorted(each) for key, each in reasons.items()} == expected
    assert cases.merged.partitions[BROKEN] == PartitionCounts(9, 1, 0, 8)
    assert cases.merged.partitions[TYPED] == PartitionCounts(6, 5, 0, 1)


def test_two_copies_of_a_request_in_one_pull_leave_the_newer(
    spark: SparkSession, cases: Cases
) -> None:
    assert cases.merged.partitions[COPIES] == PartitionCounts(4, 2, 2, 0)
    status = found(spark, cases, "status")
    assert (status["copy"], status["tie"]) == (("Closed",), ("Closed",))


def test_only_the_newest_batch_of_a_partition_is_read(spark: SparkSession, cases: Cases) -> None:
    assert cases.merged.partitions[TWO_BATCHES].rows_read == 1
    keys = found(spark, cases)
    assert "kept" in keys
    assert "gone" not in keys


def test_a_day_that_did_not_reconcile_stays_out_and_the_others_go_on(
    spark: SparkSession, cases: Cases
) -> None:
    assert date(2026, 2, 6) not in cases.merged.request_dates
    assert MISCOUNTED in cases.merged.request_dates
    keys = found(spark, cases)
    assert "whole" in keys
    assert "short" not in keys


def test_where_a_later_batch_of_a_partition_cannot_be_used_the_earlier_one_stands(
    spark: SparkSession, tmp_path: Path
) -> None:
    lakehouse = Lakehouse(str(tmp_path / "lakehouse"))
    first, second = date(2026, 2, 1), date(2026, 2, 2)
    columns = ("unique_key", "request_date", "status", "is_current", "first_seen")

    def pull(batch: str, at: datetime, unreconciled: tuple[date, ...], *days: date) -> Refinement:
        rows = [on(day, f"{day}", status=batch) for day in days]
        rows += [on(day, f"{batch} {day}", complaint_type="") for day in days]
        rows = [replace(row, updated_at=at) for row in rows]
        land(spark, lakehouse, batch, second, rows, ingested_at=at, unreconciled=unreconciled)
        return refine(spark, lakehouse, NEW_YORK, ingestion_dates=[second])

    def state() -> tuple[list[Row], list[str]]:
        requests = Table(spark, lakehouse, silver_requests(NEW_YORK)).read()
        return sorted(requests.select(*columns).collect()), sorted(
            row["source_row_id"] for row in Table(spark, lakehouse, REJECTS).read().collect()
        )

    pull("sound", UPDATED, (), first, second)
    refined = pull("broken", LATER, (first,), first, second)
    requests, rejected = state()
    assert requests == [
        (f"{first}", first, "sound", True, second),
        (f"{second}", second, "broken", True, second),
    ]
    # Those of the pull that a newer one supersedes are gone.
    assert rejected == [f"row-broken {second}", f"row-sound {first}"]
    assert refined.partitions[second] == PartitionCounts(4, 2, 0, 2)
    assert refined.rows_in_bronze == {second: 4}

    shutil.rmtree(lakehouse.path("silver.requests"))
    shutil.rmtree(lakehouse.path("silver.days"))
    refine(spark, lakehouse, NEW_YORK, ingestion_dates=[second])
    assert state() == (requests, rejected)


def test_every_day_adds_up_and_every_key_is_there_once(cases: Cases) -> None:
    assert all(account.adds_up for account in cases.merged.accounts)
    assert {account.request_date for account in cases.merged.accounts} == set(cases.partitions)
    audit = cases.merged.audit
    assert (audit.rows, audit.rows_with_nulls) == (audit.distinct_keys, 0)


def test_a_second_merge_of_the_same_pulls_changes_nothing(
    spark: SparkSession, cases: Cases
) -> None:
    before = rejects(spark, cases)
    again = refine(spark, cases.lakehouse, NEW_YORK, ingestion_dates=cases.partitions)
    assert (again.inserted, again.updated) == (0, 0)
    assert again.table_version == cases.merged.table_version
    assert rejects(spark, cases) == before
    assert (again.partitions, again.audit) == (cases.merged.partitions, cases.merged.audit)


def test_many_requests_with_several_rows_are_merged_as_a_few_are(
    spark: SparkSession, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    days = [date(2026, 2, 1), date(2026, 2, 2)]
    rows = {}
    for most, folder in ((20_000, tmp_path / "few"), (0, tmp_path / "many")):
        monkeypatch.setattr(staging, "_FEW_KEYS", most)
        lakehouse = Lakehouse(str(folder))
        for number, day in enumerate(days):
            pulled = [
                on(days[0], "once" if number == 0 else "later"),
                on(days[0], "changed", status="Open" if number == 0 else "Closed"),
                on(days[0], "copied"),
                replace(on(days[0], "copied", status="Closed"), row_id="zzz"),
            ]
            pulled[1] = replace(pulled[1], updated_at=(UPDATED, LATER)[number])
            land(spark, lakehouse, f"b{number}", day, pulled)
        refine(spark, lakehouse, NEW_YORK, ingestion_dates=days)
        columns = ("unique_key", "status", "first_seen", "last_changed", "classified_since")
        found = Table(spark, lakehouse, silver_requests(NEW_YORK)).read()
        rows[most] = sorted(found.select(*columns, "is_current").collect())
    first, second = days
    assert (
        rows[0]
        == rows[20_000]
        == [
            ("changed", "Closed", first, second, first, True),
            ("copied", "Closed", first, first, first, True),
            ("later", "Open", second, second, second, True),
            ("once", "Open", first, first, first, False),
        ]
    )


def test_the_first_rows_of_many_days_lie_in_files_of_some_days_each(
    spark: SparkSession, tmp_path: Path
) -> None:
    lakehouse = Lakehouse(str(tmp_path))
    days = [date(2026, 2, 1) + timedelta(days=number) for number in range(40)]
    land(spark, lakehouse, "b", days[-1], [on(day, f"{day}") for day in reversed(days)])
    refine(spark, lakehouse, NEW_YORK, ingestion_dates=[days[-1]])
    rows = Table(spark, lakehouse, silver_requests(NEW_YORK)).read()
    files = rows.groupBy("_metadata.file_path").agg(
        F.min("request_date").alias("first"), F.max("request_date").alias("last"), F.count("*")
    )
    spans = sorted((first, last, count) for _, first, last, count in files.collect())
    assert len(spans) == 3
    assert sum(count for *_, count in spans) == 40
    assert all(before[1] < after[0] for before, after in pairwise(spans))


def test_silver_without_bronze_says_what_to_do(spark: SparkSession, tmp_path: Path) -> None:
    with pytest.raises(NothingToRefine, match="materialize raw_311 for these partitions first"):
        refine(spark, Lakehouse(str(tmp_path)), NEW_YORK, ingestion_dates=[TYPED])


@pytest.mark.parametrize(
    ("created", "closed", "hours"),
    [
        ("2026-03-07T12:00:00.000", "2026-03-08T12:00:00.000", 23.0),
        ("2026-03-08T01:30:00.000", "2026-03-08T03:30:00.000", 1.0),
        ("2026-03-08T03:00:00.000", "2026-03-09T03:00:00.000", 24.0),
        ("2026-03-01T00:00:00.000", "2026-04-01T00:00:00.000", 31 * 24 - 1.0),
        ("2026-10-31T12:00:00.000", "2026-11-01T12:00:00.000", 25.0),
        ("2026-11-01T00:30:00.000", "2026-11-01T02:30:00.000", 3.0),
        ("2026-11-01T01:30:00.000", "2026-11-01T03:00:00.000", 2.5),
        ("2026-11-01T02:00:00.000", "2026-11-02T02:00:00.000", 24.0),
        ("2026-03-07T12:00:00.000", "2026-11-01T12:00:00.000", 239 * 24.0),
    ],
)
def test_hours_to_close_are_those_that_passed_also_where_the_clocks_change(
    spark: SparkSession, created: str, closed: str, hours: float
) -> None:
    row = PulledRow("1", created, UPDATED, {"closed_date": closed, "status": "Closed"})
    payload = spark.createDataFrame([(row.payload,)], "payload STRING")
    bronze = payload.select(
        *(F.lit(None).cast(each.type).alias(each.name) for each in RAW_311.columns[:-2]),
        "payload",
    )
    (found,) = parse(bronze, NEW_YORK).select("hours_to_close", "flags").collect()
    assert tuple(found) == (hours, [])


def test_rows_are_judged_by_all_rules_in_one_pass(
    spark: SparkSession, cases: Cases, capsys: pytest.CaptureFixture[str]
) -> None:
    bronze = Table(spark, cases.lakehouse, RAW_311).read()
    capsys.readouterr()
    judge(parse(bronze, NEW_YORK), NEW_YORK).explain("formatted")
    tree, _, _ = capsys.readouterr().out.partition("\n\n")
    steps = re.findall(r"(\w[\w ]*?) +\(\d+\)", tree)
    assert len(typed_rows(NEW_YORK).rules) > 10
    assert [step for step in steps if "Scan" in step] == ["Scan parquet"]
    assert set(steps) <= {"Scan parquet", "ColumnarToRow", "Filter", "Project"}, tree


ODD_NAMES = (
    "'; DROP TABLE silver.requests; --",
    '" OR 1=1 /*',
    "`x` \\ \\' %s {0} ${y} ? :p",
    "\u0000 nul",
    "\u0007bell\u001b[31m",
    "Ã© \u2028 \u202e",
)


def test_sql_and_control_characters_in_what_requests_are_counted_by_stay_text(
    spark: SparkSession, tmp_path: Path
) -> None:
    lakehouse = Lakehouse(str(tmp_path / "lakehouse"))
    before, day = date(2026, 2, 1), date(2026, 2, 2)
    land(spark, lakehouse, "before", before, [on(before, "sound")])
    refine(spark, lakehouse, NEW_YORK, ingestion_dates=[before])
    untidy = " O'Brien\n'); --\t"
    rows = [on(day, name, agency=name, complaint_type=name) for name in (*ODD_NAMES, untidy)]
    rejected = {"agency": "\t\n", "unique_key": " \r", "complaint_type": "\u00a0"}
    rows += [on(day, column, **{column: value}) for column, value in rejected.items()]
    land(spark, lakehouse, "odd", day, rows)
    refined = refine(spark, lakehouse, NEW_YORK, ingestion_dates=[day])
    assert refined.partitions[day] == PartitionCounts(10, 7, 0, 3)
    assert all(account.adds_up for account in refined.accounts)
    aggregate(spark, lakehouse, NEW_YORK, request_dates=[before, day])

    def read(table: Table, *columns: str) -> list[tuple[object, ...]]:
        return sorted(tuple(row) for row in table.read().select(*columns).collect())

    names = sorted((*ODD_NAMES, "O'Brien '); --"))
    columns = ("request_date", "unique_key", "agency", "complaint_type")
    assert read(Table(spark, lakehouse, silver_requests(NEW_YORK)), *columns) == [
        (before, "sound", "NYPD", USUAL),
        *((day, name, name, name) for name in names),
    ]
    assert read(Table(spark, lakehouse, REJECTS), "source_row_id", "reasons") == [
        (f"row-{column}", [f"{column} is missing"]) for column in sorted(rejected)
    ]
    assert read(Table(spark, lakehouse, DAYS), "request_date", "requests", "rejects") == [
        (before, 1, 0),
        (day, 7, 3),
    ]
    columns = ("request_date", "agency", "complaint_type", "requests")
    counted = Table(spark, lakehouse, DAILY_COUNTS)
    assert [row for row in read(counted, *columns) if row[-1]] == [
        (before, "NYPD", USUAL, 1),
        *((day, name, name, 1) for name in names),
    ]
    again = refine(spark, lakehouse, NEW_YORK, ingestion_dates=[before, day])
    assert (again.inserted, again.updated) == (0, 0)
