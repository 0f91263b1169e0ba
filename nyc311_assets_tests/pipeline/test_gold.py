from __future__ import annotations

import random
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
from pyspark.sql import SparkSession

from nyc311_assets.pipeline.cities import NEW_YORK
from nyc311_assets.pipeline.gold import ACTIVE_DAYS, Aggregation, NothingToCount, aggregate
from nyc311_assets.pipeline.silver import refine
from nyc311_assets.pipeline.tables import Lakehouse
from nyc311_assets_tests.pipeline.rows import PulledRow, land

pytestmark = pytest.mark.spark

FIRST = date(2026, 1, 1)
FAR = datetime(2026, 12, 1, tzinfo=UTC)
FAR_REACH = datetime(2026, 12, 1, 2)


@pytest.fixture
def lakehouse(tmp_path: Path) -> Lakehouse:
    return Lakehouse(str(tmp_path))


def day(index: int) -> date:
    return FIRST + timedelta(days=index)


def rows_of(counts: dict[int, int], **fields: str) -> list[PulledRow]:
    name = "".join(fields.values())
    return [
        PulledRow(f"{name}{index}-{number}", f"{day(index)}T10:00:00.000", FAR, fields)
        for index, count in counts.items()
        for number in range(count)
    ]


def run(
    spark: SparkSession,
    lakehouse: Lakehouse,
    batch: str,
    ingestion: date,
    rows: list[PulledRow],
    reach: datetime = FAR_REACH,
) -> Aggregation:
    land(spark, lakehouse, batch, ingestion, rows, reach=reach, version=FAR)
    refined = refine(spark, lakehouse, NEW_YORK, ingestion_dates=[ingestion])
    return aggregate(spark, lakehouse, NEW_YORK, request_dates=refined.request_dates)


def gold(spark: SparkSession, lakehouse: Lakehouse, columns: str) -> dict[date, tuple[object, ...]]:
    frame = spark.table(lakehouse.sql_name("gold.daily_counts"))
    return {
        row[0]: tuple(row)[1:]
        for row in frame.selectExpr("request_date", *columns.split()).collect()
    }


def test_features_go_by_the_calendar_and_leave_out_the_day_itself(
    spark: SparkSession, lakehouse: Lakehouse
) -> None:
    counts = {index: 1 + index % 5 for index in range(30)}
    run(spark, lakehouse, "b", day(29), rows_of(counts))
    rows = gold(spark, lakehouse, "requests lag_1 lag_7 lag_28 rolling_mean_7 rolling_mean_28")
    for index in range(30):
        before = [counts[earlier] for earlier in range(index)]
        expected = (
            counts[index],
            counts[index - 1] if index >= 1 else None,
            counts[index - 7] if index >= 7 else None,
            counts[index - 28] if index >= 28 else None,
            pytest.approx(sum(before[-7:]) / len(before[-7:])) if before else None,
            pytest.approx(sum(before[-28:]) / len(before[-28:])) if before else None,
        )
        assert rows[day(index)] == expected


def test_days_of_an_active_series_without_requests_are_zero(
    spark: SparkSession, lakehouse: Lakehouse
) -> None:
    everyday = rows_of(dict.fromkeys(range(6), 1))
    rare = rows_of({1: 2, 4: 1}, complaint_type="Rodent")
    run(spark, lakehouse, "b", day(5), everyday + rare)
    frame = spark.table(lakehouse.sql_name("gold.daily_counts")).where("complaint_type = 'Rodent'")
    found = {row["request_date"]: (row["requests"], row["lag_1"]) for row in frame.collect()}
    assert found == {day(1): (2, 0), day(2): (0, 2), day(3): (0, 0), day(4): (1, 0), day(5): (0, 1)}


def test_a_series_ends_when_it_has_been_silent_for_its_active_time(
    spark: SparkSession, lakehouse: Lakehouse
) -> None:
    last = ACTIVE_DAYS + 3
    everyday = rows_of(dict.fromkeys(range(last + 1), 1))
    run(spark, lakehouse, "b", day(last), everyday + rows_of({2: 1}, complaint_type="Rodent"))
    frame = spark.table(lakehouse.sql_name("gold.daily_counts")).where("complaint_type = 'Rodent'")
    assert [row["request_date"] for row in frame.orderBy("request_date").collect()] == [
        day(index) for index in range(2, 2 + ACTIVE_DAYS)
    ]


def test_a_day_that_was_never_pulled_has_no_row_and_is_unknown_to_the_features(
    spark: SparkSession, lakehouse: Lakehouse
) -> None:
    run(spark, lakehouse, "b", day(4), rows_of({0: 4, 1: 2, 3: 6, 4: 1}))
    rows = gold(spark, lakehouse, "requests lag_1 rolling_mean_7")
    assert day(2) not in rows
    assert rows[day(3)] == (6, None, 3.0)
    assert rows[day(4)] == (1, 6, 4.0)


def test_an_incomplete_day_is_marked_and_kept_out_of_the_features(
    spark: SparkSession, lakehouse: Lakehouse
) -> None:
    reach = datetime.combine(day(1), datetime.min.time()) + timedelta(hours=2)
    run(spark, lakehouse, "b1", day(1), rows_of({0: 4, 1: 1}), reach)
    assert gold(spark, lakehouse, "is_complete is_final") == {
        day(0): (True, True),
        day(1): (False, False),
    }
    result = run(spark, lakehouse, "b2", day(2), rows_of({1: 3, 2: 5}))
    assert gold(spark, lakehouse, "requests is_complete lag_1")[day(1)] == (3, True, 4)
    assert gold(spark, lakehouse, "lag_1")[day(2)] == (3,)
    assert day(0) not in result.rewritten


def test_only_days_that_changed_are_rewritten(spark: SparkSession, lakehouse: Lakehouse) -> None:
    first = run(spark, lakehouse, "b1", day(40), rows_of(dict.fromkeys(range(41), 2)))
    assert len(first.rewritten) == 41
    same = aggregate(spark, lakehouse, NEW_YORK, request_dates=[day(index) for index in range(41)])
    assert (same.rewritten, same.table_version) == ((), first.table_version)
    late = run(spark, lakehouse, "b2", day(41), rows_of({5: 2}) + rows_of({5: 1}, status="late"))
    # The day itself, and the 28 days whose means or lags look back on it.
    assert late.rewritten == tuple(day(index) for index in range(5, 34))


def test_gold_adds_up_to_silver_whatever_comes_in_whatever_order(
    spark: SparkSession, lakehouse: Lakehouse
) -> None:
    chance = random.Random(7)
    types = ("Noise", "Rodent", "Heat")
    pulls = {
        index: [
            row
            for kind in types
            for row in rows_of(
                {max(index - age, 0): chance.randint(0, 4) for age in range(3)}, complaint_type=kind
            )
        ]
        for index in (4, 1, 6)
    }
    for index, rows in pulls.items():
        result = run(spark, lakehouse, f"b{index}", day(index), rows)
    # The newest pull of a day has all its requests, whichever was merged last.
    newest = {row.request_date: pulls[index] for index in sorted(pulls) for row in pulls[index]}
    independent = {
        day: sum(row.request_date == day for row in rows) for day, rows in newest.items()
    }
    assert {total.request_date: total.requests for total in result.days} == independent
    assert all(total.requests == total.silver_requests for total in result.days)


def test_the_median_leaves_out_requests_closed_before_they_were_created(
    spark: SparkSession, lakehouse: Lakehouse
) -> None:
    closings = ["2026-01-01T12:00:00.000", "2026-01-01T14:00:00.000", "2026-01-01T09:00:00.000", ""]
    rows = [
        PulledRow(str(index), "2026-01-01T10:00:00.000", FAR, {"closed_date": closed})
        for index, closed in enumerate(closings)
    ]
    run(spark, lakehouse, "b", FIRST, rows)
    assert gold(spark, lakehouse, "requests closed median_hours_to_close") == {FIRST: (4, 3, 3.0)}


def test_gold_without_silver_says_what_to_do(spark: SparkSession, lakehouse: Lakehouse) -> None:
    with pytest.raises(NothingToCount, match="materialize silver_requests first"):
        aggregate(spark, lakehouse, NEW_YORK, request_dates=[FIRST])
