"""The SoQL that is sent."""

from __future__ import annotations

from datetime import date, datetime

import pytest

from nyc311_assets.pipeline.soda.queries import (
    RowKey,
    page_query,
    reach_query,
    rows_per_day_query,
    rows_without_day_queries,
    window,
)

DAY = date(2026, 2, 18)
PUBLISHED = datetime(2026, 2, 18, 21, 40, 8)


def test_the_next_page_begins_after_the_last_key() -> None:
    key = RowKey("2026-02-18T02:25:16.000", "row-kq2x~7hds.w3n4")

    where = page_query("erm2-nwe9", DAY, ("agency",), 50_000, after=key).parameters["$where"]

    assert where == (
        "created_date >= '2026-02-18T00:00:00.000' AND created_date < '2026-02-19T00:00:00.000'"
        " AND (created_date > '2026-02-18T02:25:16.000'"
        " OR (created_date = '2026-02-18T02:25:16.000' AND :id > 'row-kq2x~7hds.w3n4'))"
    )


def test_a_quote_in_a_key_is_written_twice() -> None:
    where = page_query("x", DAY, (), 1, after=RowKey("t", "row-'1")).parameters["$where"]

    assert ":id > 'row-''1'" in where


@pytest.mark.parametrize("day", [date(2024, 3, 10), date(2024, 11, 3), date(2024, 12, 31)])
def test_a_day_ends_where_the_next_begins(day: date) -> None:
    start, end = window(day)

    assert start.startswith(day.isoformat())
    assert (end, start < end) == (window(date.fromisoformat(end[:10]))[0], True)


def test_days_are_counted_with_one_grouped_query() -> None:
    query = rows_per_day_query("erm2-nwe9", date(2026, 2, 11), DAY)

    assert query.parameters == {
        "$select": "date_trunc_ymd(created_date) AS day,count(*) AS row_count",
        "$where": "created_date >= '2026-02-11T00:00:00.000' "
        "AND created_date < '2026-02-19T00:00:00.000'",
        "$group": "day",
        "$order": "day",
        "$limit": "50000",
    }


def test_rows_without_a_day_are_counted_with_one_condition_at_a_time() -> None:
    queries = rows_without_day_queries("erm2-nwe9", date(2020, 1, 1), PUBLISHED)

    assert {query.dataset_id for query in queries} == {"erm2-nwe9"}
    assert {query.parameters["$select"] for query in queries} == {"count(*) AS row_count"}
    assert [query.parameters["$where"] for query in queries] == [
        "created_date IS NULL",
        "created_date < '2020-01-01T00:00:00.000'",
        "created_date > '2026-02-18T21:40:08.000'",
    ]


def test_another_city_may_name_its_creation_time_differently() -> None:
    assert reach_query("x", PUBLISHED, created_field="open_dt").parameters == {
        "$select": "max(open_dt) AS reach",
        "$where": "open_dt <= '2026-02-18T21:40:08.000'",
    }
    assert (
        "date_trunc_ymd(open_dt)" in rows_per_day_query("x", DAY, DAY, created_field="open_dt").text
    )
    page = page_query("x", DAY, (), 1, after=RowKey("t", "r"), created_field="open_dt")
    assert "created_date" not in page.text
    for query in rows_without_day_queries("x", DAY, PUBLISHED, created_field="open_dt"):
        assert query.parameters["$where"].startswith("open_dt ")


def test_a_query_names_its_dataset_and_its_days() -> None:
    assert str(page_query("erm2-nwe9", DAY, ("agency",), 1)) == (
        "dataset erm2-nwe9 where created_date >= '2026-02-18T00:00:00.000' "
        "AND created_date < '2026-02-19T00:00:00.000'"
    )
    assert str(reach_query("erm2-nwe9", PUBLISHED)) == (
        "dataset erm2-nwe9 where created_date <= '2026-02-18T21:40:08.000'"
    )
