from __future__ import annotations

import random
import shutil
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
from pyspark.sql import SparkSession
from pyspark.sql import functions as F

from nyc311_assets.pipeline.cities import NEW_YORK
from nyc311_assets.pipeline.contracts import BATCHES, DAILY_COUNTS, silver_requests
from nyc311_assets.pipeline.features import ACTIVE_DAYS
from nyc311_assets.pipeline.gold import Aggregation, NothingToCount, _parts, aggregate, totals
from nyc311_assets.pipeline.silver import refine
from nyc311_assets.pipeline.tables import Lakehouse, Table
from nyc311_assets.pipeline.time_travel import restore
from nyc311_assets.pipeline.versions import read_history
from nyc311_assets_tests.pipeline.rows import PulledRow, land

pytestmark = pytest.mark.spark

FIRST = date(2026, 1, 1)
FAR = datetime(2026, 12, 1, tzinfo=UTC)
GAP = 50
LAST = ACTIVE_DAYS + 3
OPEN = ""


def day(index: int) -> date:
    return FIRST + timedelta(days=index)


def night_after(index: int) -> datetime:
    return datetime.combine(day(index), datetime.min.time()) + timedelta(hours=2)


def rows_of(counts: dict[int, int], **fields: str) -> list[PulledRow]:
    name = "".join(fields.values())
    return [
        PulledRow(f"{name}{index}-{number}", f"{day(index)}T10:00:00.000", FAR, fields)
        for index, count in counts.items()
        for number in range(count)
    ]


def closed(index: int, closings: list[str], kind: str) -> list[PulledRow]:
    return [
        PulledRow(
            f"{kind}{number}",
            f"{day(index)}T10:00:00.000",
            FAR,
            {"complaint_type": kind, "closed_date": closing},
        )
        for number, closing in enumerate(closings)
    ]


def noise(index: int) -> int:
    return 0 if index == GAP else 1 + index % 5


def run(
    spark: SparkSession,
    lakehouse: Lakehouse,
    batch: str,
    index: int,
    rows: list[PulledRow],
    reach: int = 300,
) -> Aggregation:
    """Land, refine and count what the partition of a day brings."""
    land(spark, lakehouse, batch, day(index), rows, reach=night_after(reach), version=FAR)
    refined = refine(spark, lakehouse, NEW_YORK, ingestion_dates=[day(index)])
    return aggregate(spark, lakehouse, NEW_YORK, request_dates=refined.request_dates)


def gold(
    spark: SparkSession, lakehouse: Lakehouse, kind: str, columns: str
) -> dict[int, tuple[object, ...]]:
    rows = (
        spark.table(lakehouse.sql_name("gold.daily_counts"))
        .where(F.col("complaint_type") == kind)
        .selectExpr("request_date", *columns.split())
        .collect()
    )
    return {(row[0] - FIRST).days: tuple(row)[1:] for row in rows}


@pytest.fixture(scope="module")
def city_of_cases(spark: SparkSession, tmp_path_factory: pytest.TempPathFactory) -> Lakehouse:
    """Series for the cases below, over days 0 to LAST, of which the last is half published."""
    lakehouse = Lakehouse(str(tmp_path_factory.mktemp("cases")))
    rows = rows_of({index: noise(index) for index in range(LAST + 1)}, complaint_type="Noise")
    rows += rows_of({1: 2, 4: 1}, complaint_type="Rare")
    rows += closed(
        0,
        ["2026-01-01T12:00:00.000", "2026-01-01T14:00:00.000", "2026-01-01T09:00:00.000", OPEN],
        "Median",
    )
    rows += closed(10, ["2026-01-11T23:59:59.000", "2026-01-13T00:00:00.000", OPEN], "Backlog")
    rows += rows_of({12: 1}, complaint_type="Backlog", status="Open")
    run(spark, lakehouse, "b1", LAST, rows, reach=LAST)
    return lakehouse


def test_features_go_by_the_calendar_and_leave_out_the_day_itself(
    spark: SparkSession, city_of_cases: Lakehouse
) -> None:
    columns = "requests lag_1 lag_7 lag_28 rolling_mean_7 rolling_mean_28"
    rows = gold(spark, city_of_cases, "Noise", columns)
    for index in range(GAP):
        before = [noise(earlier) for earlier in range(index)]
        assert rows[index] == (
            noise(index),
            noise(index - 1) if index >= 1 else None,
            noise(index - 7) if index >= 7 else None,
            noise(index - 28) if index >= 28 else None,
            pytest.approx(sum(before[-7:]) / len(before[-7:])) if before else None,
            pytest.approx(sum(before[-28:]) / len(before[-28:])) if before else None,
        )


def test_a_day_that_was_never_pulled_has_no_row_and_is_unknown_to_the_features(
    spark: SparkSession, city_of_cases: Lakehouse
) -> None:
    rows = gold(spark, city_of_cases, "Noise", "requests lag_1 lag_7 rolling_mean_7")
    assert GAP not in rows
    week = [noise(index) for index in range(GAP - 6, GAP)]
    assert rows[GAP + 1] == (noise(GAP + 1), None, week[0], pytest.approx(sum(week) / 6))
    assert rows[GAP + 7][2] is None


def test_days_of_an_active_series_without_requests_are_zero_until_it_has_been_silent_too_long(
    spark: SparkSession, city_of_cases: Lakehouse
) -> None:
    rows = gold(spark, city_of_cases, "Rare", "requests lag_1")
    assert [rows[index] for index in range(1, 6)] == [(2, 0), (0, 2), (0, 0), (1, 0), (0, 1)]
    assert sorted(rows) == [index for index in range(1, 4 + ACTIVE_DAYS) if index != GAP]


def test_days_know_their_place_in_the_calendar(
    spark: SparkSession, city_of_cases: Lakehouse
) -> None:
    rows = gold(spark, city_of_cases, "Noise", "day_of_week is_weekend holiday")
    assert rows[0] == (4, False, "New Year's Day")
    assert (rows[1], rows[2], rows[3]) == ((5, False, None), (6, True, None), (7, True, None))
    assert rows[18] == (1, False, "Martin Luther King Jr. Day")


def test_the_median_leaves_out_requests_closed_before_they_were_created(
    spark: SparkSession, city_of_cases: Lakehouse
) -> None:
    found = gold(spark, city_of_cases, "Median", "requests closed median_hours_to_close")
    assert (found[0], found[1]) == ((4, 3, 3.0), (0, 0, None))


def test_the_open_backlog_is_what_was_open_when_the_day_ended(
    spark: SparkSession, city_of_cases: Lakehouse
) -> None:
    rows = gold(spark, city_of_cases, "Backlog", "open_backlog")
    found = {index: rows[index][0] for index in range(10, 21)}
    # Three of day 10, closed on that day, on day 12 and never; one of day 12 that stays open.
    assert found == {10: 2, 11: 2, 12: 2, **dict.fromkeys(range(13, 18), 2), 18: 1, 19: 1, 20: 0}


def test_an_incomplete_day_is_kept_out_of_the_features_and_only_changed_days_are_rewritten(
    spark: SparkSession, city_of_cases: Lakehouse
) -> None:
    states = gold(spark, city_of_cases, "Noise", "is_complete is_final")
    assert (states[LAST - 1], states[LAST]) == ((True, True), (False, False))
    every_day = [day(index) for index in range(LAST + 1)]
    before = table_version(spark, city_of_cases)
    same = aggregate(spark, city_of_cases, NEW_YORK, request_dates=every_day)
    assert (same.rewritten, same.table_version) == ((), before)

    rest = rows_of({LAST: noise(LAST) + 2, LAST + 1: 5}, complaint_type="Noise")
    completed = run(spark, city_of_cases, "b2", LAST + 1, rest)
    assert completed.rewritten == (day(LAST), day(LAST + 1))
    assert completed.last_complete_day == day(LAST + 1)
    rows = gold(spark, city_of_cases, "Noise", "requests is_complete lag_1")
    assert rows[LAST] == (noise(LAST) + 2, True, noise(LAST - 1))
    assert rows[LAST + 1] == (5, True, noise(LAST) + 2)

    # Day 5 again with one request more, day 12 without most of its requests.
    again = rows_of({5: noise(5), 12: 1}, complaint_type="Noise")
    again += rows_of({5: 1}, complaint_type="Noise", status="late")
    late = run(spark, city_of_cases, "b3", LAST + 2, again)
    # The days themselves, and the 28 whose means or lags look back on them.
    assert late.rewritten == tuple(day(index) for index in range(5, 12 + 28 + 1))
    assert gold(spark, city_of_cases, "Backlog", "open_backlog")[12] == (1,)
    assert_rebuilt_alike(spark, city_of_cases)


def test_gold_adds_up_to_silver_whatever_comes_in_whatever_order(
    spark: SparkSession, tmp_path: Path
) -> None:
    lakehouse = Lakehouse(str(tmp_path))
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
        for index in (3, 1)
    }
    for index, rows in pulls.items():
        run(spark, lakehouse, f"b{index}", index, rows)
    # The newest pull of a day has all its requests, whichever was merged last.
    newest = {row.request_date: pulls[index] for index in sorted(pulls) for row in pulls[index]}
    independent = {
        day: sum(row.request_date == day for row in rows) for day, rows in newest.items()
    }
    result = aggregate(spark, lakehouse, NEW_YORK, request_dates=independent)
    assert {total.request_date: total.requests for total in result.days} == independent
    assert all(total.requests == total.silver_requests for total in result.days)
    assert not any(total.differing for total in result.days)
    assert_rebuilt_alike(spark, lakehouse)


def test_a_day_that_only_bronze_has_is_unknown_and_complete_by_what_silver_merged(
    spark: SparkSession, tmp_path: Path
) -> None:
    lakehouse = Lakehouse(str(tmp_path))
    rows = {index: rows_of({index: 3}, complaint_type="Noise") for index in range(4)}
    run(spark, lakehouse, "b0", 0, rows[0])
    for index in (1, 2):
        land(spark, lakehouse, f"b{index}", day(index), rows[index], reach=night_after(300))
    run(spark, lakehouse, "b3", 3, rows[3], reach=3)
    assert gold(spark, lakehouse, "Noise", "requests is_complete lag_1") == {
        0: (3, True, None),
        3: (3, False, None),
    }
    # Pulled again when it was over, but not merged yet: silver has the unfinished day.
    late = rows_of({3: 1}, status="late")
    land(spark, lakehouse, "b3 again", day(3), rows[3] + late, reach=night_after(300))
    days = [day(index) for index in range(4)]
    aggregate(spark, lakehouse, NEW_YORK, request_dates=days)
    assert gold(spark, lakehouse, "Noise", "requests is_complete")[3] == (3, False)
    refine(spark, lakehouse, NEW_YORK, ingestion_dates=days)
    aggregate(spark, lakehouse, NEW_YORK, request_dates=days)
    assert gold(spark, lakehouse, "Noise", "requests is_complete lag_1") == {
        0: (3, True, None),
        1: (3, True, 3),
        2: (3, True, 3),
        3: (3, True, 3),
    }


def test_gold_forgets_what_a_restore_of_silver_takes_away_with_all_that_looked_back_on_it(
    spark: SparkSession, tmp_path: Path
) -> None:
    lakehouse = Lakehouse(str(tmp_path))
    noise = {"complaint_type": "Noise"}
    run(spark, lakehouse, "b2", 2, rows_of({2: 3}, **noise))
    run(spark, lakehouse, "b5", 5, rows_of({5: 1}, **noise), reach=5)
    requests = Table(spark, lakehouse, silver_requests(NEW_YORK))
    before = requests.version()
    columns = "requests is_complete lag_1 rolling_mean_7"
    expected = {2: (3, True, None, None), 5: (1, False, None, 3.0)}
    assert gold(spark, lakehouse, "Noise", columns) == expected

    run(spark, lakehouse, "b0", 0, rows_of({0: 7}, **noise))
    run(spark, lakehouse, "b6", 6, rows_of({3: 2, 5: 3, 6: 1}, **noise))
    full = gold(spark, lakehouse, "Noise", columns)
    assert (sorted(full), full[5][:2]) == ([0, 2, 3, 5, 6], (3, True))
    history = read_history(requests, now=datetime.now(UTC))
    batches = Table(spark, lakehouse, BATCHES)
    returned = restore(requests, batches, history, history.find(before))
    # They were pulled long before that version, but merged after it.
    assert returned.pulled_since == (day(0), day(6))
    aggregate(spark, lakehouse, NEW_YORK, request_dates=[])
    assert gold(spark, lakehouse, "Noise", columns) == expected
    assert_rebuilt_alike(spark, lakehouse)

    # What the steps after a restore say.
    refine(spark, lakehouse, NEW_YORK, ingestion_dates=[day(index) for index in range(7)])
    aggregate(spark, lakehouse, NEW_YORK, request_dates=[])
    assert gold(spark, lakehouse, "Noise", columns) == full


def test_gold_counts_anew_when_silver_was_built_again_or_gold_restored_by_time(
    spark: SparkSession, tmp_path: Path
) -> None:
    lakehouse = Lakehouse(str(tmp_path))
    noise = {"complaint_type": "Noise"}
    for index in (0, 1, 2):
        run(spark, lakehouse, f"b{index}", index, rows_of({index: 3}, **noise))
    counts = Table(spark, lakehouse, DAILY_COUNTS)
    spark.sql(f"RESTORE TABLE {counts.sql_name} TO TIMESTAMP AS OF '{last_written(counts)}'")
    land(spark, lakehouse, "more", day(2), rows_of({2: 5}, **noise), ingested_at=FAR)
    refine(spark, lakehouse, NEW_YORK, ingestion_dates=[day(2)])
    aggregate(spark, lakehouse, NEW_YORK, request_dates=[])
    assert gold(spark, lakehouse, "Noise", "requests") == {0: (3,), 1: (3,), 2: (5,)}

    for name in ("silver.requests", "silver.days"):
        shutil.rmtree(lakehouse.path(name))
    land(spark, lakehouse, "fewer", day(1), rows_of({1: 1}, **noise), ingested_at=FAR)
    refine(spark, lakehouse, NEW_YORK, ingestion_dates=[day(1), day(2)])
    aggregate(spark, lakehouse, NEW_YORK, request_dates=[])
    assert gold(spark, lakehouse, "Noise", "requests") == {1: (1,), 2: (5,)}


def last_written(table: Table) -> str:
    newest = table.history(limit=1).selectExpr("string(timestamp)").collect()
    return str(newest[0][0])


def test_a_series_that_gold_has_wrong_is_found_though_the_day_adds_up(
    spark: SparkSession, city_of_cases: Lakehouse, tmp_path: Path
) -> None:
    lakehouse = Lakehouse(str(shutil.copytree(city_of_cases.root, tmp_path / "lakehouse")))
    counts = Table(spark, lakehouse, DAILY_COUNTS)
    current = Table(spark, lakehouse, silver_requests(NEW_YORK)).read()
    (sound,) = totals(current, counts, [day(1)])
    assert (sound.requests, sound.silver_requests, sound.differing) == (4, 4, 0)
    spark.sql(
        f"UPDATE {counts.sql_name} SET requests = IF(complaint_type = 'Noise', 3, 1) "
        f"WHERE request_date = DATE'{day(1)}' AND complaint_type IN ('Noise', 'Rare')"
    )
    (found,) = totals(current, counts, [day(1)])
    assert (found.requests, found.silver_requests, found.differing) == (4, 4, 2)


def test_gold_without_silver_says_what_to_do(spark: SparkSession, tmp_path: Path) -> None:
    with pytest.raises(NothingToCount, match="materialize silver_requests first"):
        aggregate(spark, Lakehouse(str(tmp_path)), NEW_YORK, request_dates=[FIRST])


def table_version(spark: SparkSession, lakehouse: Lakehouse) -> int:
    return Table(spark, lakehouse, DAILY_COUNTS).version()


def assert_rebuilt_alike(spark: SparkSession, lakehouse: Lakehouse) -> None:
    """Gold, followed change by change, is what counting all of silver anew gives."""
    counts = Table(spark, lakehouse, DAILY_COUNTS)
    followed = sorted(map(repr, counts.read().collect()))
    shutil.rmtree(lakehouse.path(DAILY_COUNTS.name))
    aggregate(spark, lakehouse, NEW_YORK, request_dates=[])
    assert sorted(map(repr, counts.read().collect())) == followed


def test_days_are_made_in_parts_that_are_short_and_bridge_no_gap_of_months() -> None:
    long_ago = [day(index) for index in range(3)]
    now = [day(index) for index in range(1000, 1900)]
    parts = _parts({*now, *long_ago})
    assert parts == [tuple(long_ago), *(tuple(now[at : at + 400]) for at in (0, 400, 800))]
