"""Paging: each row exactly once, by keyset and by offset, whatever the page size."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path

import orjson
from hypothesis import given, settings
from hypothesis import strategies as st

from nyc311_assets.local.feed.files.source import FileSource
from nyc311_assets.local.feed.soql.binding import bind
from nyc311_assets.local.feed.soql.execution import execute
from nyc311_assets.local.feed.soql.parser import query_from_parameters
from nyc311_assets.local.feed.source import Publication
from nyc311_assets.local.feed.synthetic.source import SyntheticSource
from nyc311_assets.local.feed.wire import json_body

CURRENT = "erm2-nwe9"
DAY = "created_date >= '2026-06-01T00:00:00.000' AND created_date < '2026-06-02T00:00:00.000'"


def ask(publication: Publication, **clauses: str) -> list[dict[str, str]]:
    query = query_from_parameters({f"${name}": value for name, value in clauses.items()})
    rows: list[dict[str, str]] = orjson.loads(json_body(execute(bind(query, CURRENT), publication)))
    return rows


def keyset_pages(publication: Publication, day: str, limit: int) -> list[str]:
    found: list[str] = []
    after = ""
    while True:
        page = ask(
            publication,
            select=":id,created_date",
            where=day + after,
            order="created_date,:id",
            limit=str(limit),
        )
        found += [row[":id"] for row in page]
        if len(page) < limit:
            return found
        created, row_id = page[-1]["created_date"], page[-1][":id"]
        after = (
            f" AND (created_date > '{created}' OR (created_date = '{created}'"
            f" AND :id > '{row_id}'))"
        )


def offset_pages(publication: Publication, day: str, order: str, limit: int) -> list[str]:
    found: list[str] = []
    while True:
        page = ask(
            publication,
            select=":id",
            where=day,
            order=order,
            limit=str(limit),
            offset=str(len(found)),
        )
        found += [row[":id"] for row in page]
        if len(page) < limit:
            return found


@settings(max_examples=40, deadline=None)
@given(
    seconds=st.lists(st.sampled_from([0, 1, 43_200, 86_399]), min_size=1, max_size=25),
    limit=st.integers(1, 7),
)
def test_each_row_is_in_exactly_one_page_though_times_repeat(
    seconds: list[int], limit: int
) -> None:
    midnight = datetime(2026, 6, 1)
    rows = [
        {
            "unique_key": str(number),
            "created_date": (midnight + timedelta(seconds=second)).isoformat(),
        }
        for number, second in enumerate([*seconds, 86_400])
    ]
    with tempfile.TemporaryDirectory() as folder:
        page = Path(folder) / "page.json"
        page.write_bytes(orjson.dumps(rows))
        publication = FileSource([page]).publication(CURRENT)
    expected = [row[":id"] for row in ask(publication, select=":id", where=DAY)]
    assert len(set(expected)) == len(seconds)
    assert keyset_pages(publication, DAY, limit) == expected
    assert offset_pages(publication, DAY, "created_date,:id", limit) == expected
    assert sorted(offset_pages(publication, DAY, ":id DESC", limit)) == sorted(expected)
    assert ask(publication, select="count(*)", where=DAY) == [{"count": str(len(seconds))}]


def test_pages_of_a_synthetic_day_hold_each_row_once(
    synthetic_source: Callable[[str], SyntheticSource],
) -> None:
    publication = synthetic_source("2026-06-10T12:00:00-04:00").publication(CURRENT)
    expected = [row[":id"] for row in ask(publication, select=":id", where=DAY, limit="50000")]
    assert keyset_pages(publication, DAY, 997) == expected
    assert offset_pages(publication, DAY, "created_date,:id", 4_000) == expected
    counted = ask(
        publication,
        select="date_trunc_ymd(created_date) AS day,count(*) AS row_count",
        where=DAY,
        group="day",
    )
    assert counted == [{"day": "2026-06-01T00:00:00.000", "row_count": str(len(expected))}]


def test_an_order_over_many_days_is_that_of_all_their_rows(
    synthetic_source: Callable[[str], SyntheticSource],
) -> None:
    publication = synthetic_source("2026-06-10T12:00:00-04:00").publication(CURRENT)
    weeks = "created_date >= '2026-05-05' AND created_date < '2026-06-02'"
    top = ask(publication, select="unique_key", where=weeks, order=":id", limit="50", offset="25")
    all_rows = ask(publication, select=":id,unique_key", where=weeks, limit="500000")
    by_id = sorted(all_rows, key=lambda row: row[":id"])
    assert len(all_rows) > 250_000
    assert [row["unique_key"] for row in top] == [row["unique_key"] for row in by_id[25:75]]


def test_the_newest_rows_come_without_a_look_at_older_days(
    synthetic_source: Callable[[str], SyntheticSource],
) -> None:
    publication = synthetic_source("2026-06-10T12:00:00-04:00").publication(CURRENT)
    newest = ask(publication, select="created_date", order="created_date DESC", limit="3")
    reach = ask(publication, select="max(created_date) AS reach")
    assert newest[0]["created_date"] == reach[0]["reach"]
    assert reach[0]["reach"].startswith("2026-06-09T0")
    oldest = ask(publication, select="created_date", order="created_date", limit="1")
    assert oldest[0]["created_date"].startswith("2020-01-01T00:0")
