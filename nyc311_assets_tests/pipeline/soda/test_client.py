"""What the client asks a source, and how it reads the answers."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import orjson
import pytest

from nyc311_assets.pipeline.cities import NEW_YORK
from nyc311_assets.pipeline.soda import (
    AnswerCache,
    MalformedAnswerError,
    SodaClient,
    SourceMovedError,
)
from nyc311_assets_tests.pipeline.soda.portal import (
    PUBLISHED_AT,
    Dataset,
    Portal,
    Reply,
    page_body,
    requests_of,
)

DATASET = "erm2-nwe9"
DAY = date(2026, 2, 18)
FIRST_DAY = date(2020, 1, 1)
PUBLISHED = datetime(2026, 2, 18, 21, 40)
Connect = Callable[..., SodaClient]


def test_the_version_says_what_the_dataset_is_and_when_it_was_published(
    connect: Connect,
) -> None:
    version = connect().dataset_version(DATASET)

    assert version.name == "311 Service Requests"
    assert version.provenance == "official"
    assert version.rows_updated_at == datetime.fromtimestamp(PUBLISHED_AT, UTC)
    assert version.columns == ("unique_key", "created_date", "agency", "descriptor", "location")
    assert version.types == {
        **dict.fromkeys(version.columns, "text"),
        "created_date": "floating_timestamp",
        "location": "point",
    }


def test_the_reach_is_the_newest_wall_time(portal: Portal, connect: Connect) -> None:
    portal.datasets[DATASET].rows = requests_of(DAY, ["02:04:31.000", "01:00:00.000"])

    assert connect().reach(DATASET, PUBLISHED) == datetime(2026, 2, 18, 2, 4, 31)


def test_a_row_created_after_the_publication_that_shows_it_is_no_reach(
    portal: Portal, connect: Connect
) -> None:
    portal.datasets[DATASET].rows = [
        *requests_of(DAY, ["02:04:31.000", "21:40:00.000", "21:40:00.001"]),
        *requests_of(date(2099, 1, 1), ["00:00:00.000"], first_key=4),
        *without_created(5),
    ]

    assert connect().reach(DATASET, PUBLISHED) == PUBLISHED


def test_an_empty_dataset_reaches_nowhere(connect: Connect) -> None:
    assert connect().reach(DATASET, PUBLISHED) is None


def without_created(key: int) -> list[dict[str, Any]]:
    """A row that lacks its creation time, as the portal leaves out what is null."""
    rows = requests_of(DAY, ["00:00:00.000"], first_key=key)
    return [{name: row[name] for name in row if name != "created_date"} for row in rows]


def test_rows_that_no_day_has_are_counted(portal: Portal, connect: Connect) -> None:
    dataset = portal.datasets[DATASET]
    dataset.rows = [
        *requests_of(FIRST_DAY, ["00:00:00.000"]),
        *requests_of(DAY, ["21:40:00.000"], first_key=2),
    ]
    assert connect().rows_without_day(DATASET, FIRST_DAY, PUBLISHED) == 0

    dataset.rows += [
        *without_created(3),
        *requests_of(date(1900, 1, 1), ["00:00:00.000"] * 2, first_key=4),
        *requests_of(date(2019, 12, 31), ["23:59:59.999"], first_key=6),
        *requests_of(DAY, ["21:40:00.001"], first_key=7),
        *requests_of(date(2099, 1, 1), ["00:00:00.000"] * 3, first_key=8),
    ]
    assert connect().rows_without_day(DATASET, FIRST_DAY, PUBLISHED) == 8


@pytest.mark.parametrize(
    "answer", [b"[]", b"{}", b"[{}]", b'[{"row_count":"many"}]', b'[{"row_count":"1"},{}]', b"[1]"]
)
def test_a_count_that_cannot_be_read_is_asked_again(
    portal: Portal, connect: Connect, answer: bytes
) -> None:
    portal.misbehave(Reply(answer, headers={"content-type": "application/json"}), requests="other")
    client = connect()

    assert client.rows_without_day(DATASET, FIRST_DAY, PUBLISHED) == 0
    assert client.retries == 1


def test_days_without_rows_are_counted_as_zero(portal: Portal, connect: Connect) -> None:
    portal.datasets[DATASET].rows = requests_of(DAY, ["01:00:00.000", "02:00:00.000"])

    counts = connect().rows_per_day(DATASET, date(2026, 2, 17), date(2026, 2, 19))

    assert counts == {date(2026, 2, 17): 0, DAY: 2, date(2026, 2, 19): 0}


def test_the_largest_of_several_counts_is_taken_day_by_day(
    portal: Portal, connect: Connect
) -> None:
    def count(**rows: int) -> Reply:
        body = page_body(
            {"day": f"2026-02-{day[1:]}T00:00:00.000", "row_count": str(n)}
            for day, n in rows.items()
        )
        return Reply(body, headers={"content-type": "application/json"})

    portal.misbehave(count(d17=10, d18=3), count(d17=9, d18=5), count(d17=8), requests="other")

    counts = connect().rows_per_day(DATASET, date(2026, 2, 17), DAY, reads=3)

    assert counts == {date(2026, 2, 17): 10, DAY: 5}
    assert len(portal.requests) == 3


def test_a_count_of_a_day_that_was_not_asked_for_is_asked_again(
    portal: Portal, connect: Connect
) -> None:
    wrong = page_body([{"day": "2020-01-01T00:00:00.000", "row_count": "7"}])
    portal.misbehave(Reply(wrong, headers={"content-type": "application/json"}), requests="other")
    client = connect()

    assert client.rows_per_day(DATASET, DAY, DAY, reads=1) == {DAY: 0}
    assert client.retries == 1


def test_a_page_keeps_the_rows_as_they_were_sent(portal: Portal, connect: Connect) -> None:
    (row,) = portal.datasets[DATASET].rows = requests_of(DAY, ["02:25:16.000"])
    client = connect()

    (page,) = client.pages(DATASET, DAY, client.dataset_version(DATASET))

    (landed,) = page.rows.to_pylist()
    fields = {name: value for name, value in row.items() if not name.startswith(":")}
    body = page_body([row])
    assert landed["source_row_id"] == row[":id"]
    assert landed["source_updated_at"] == datetime(2026, 2, 19, 2, 39, 36, 123_000, UTC)
    assert landed["payload"].encode() == orjson.dumps(fields)
    assert "Señal dañada: «Ñandú» 信号" in landed["payload"]
    assert '"coordinates":[-73.825455857029,40.712001388288]' in landed["payload"]
    assert page.sha256 == hashlib.sha256(body).hexdigest()


def test_pages_ask_for_named_columns_and_the_two_system_fields_in_key_order(
    portal: Portal, connect: Connect
) -> None:
    portal.datasets[DATASET].rows = requests_of(DAY, ["01:00:00.000"])
    client = connect(page_size=123)

    list(client.pages(DATASET, DAY, client.dataset_version(DATASET)))

    (request,) = portal.page_requests
    assert request.path == "/resource/erm2-nwe9.json"
    assert request.parameters == {
        "$select": ":id,:updated_at,unique_key,created_date,agency,descriptor,location",
        "$where": "created_date >= '2026-02-18T00:00:00.000' "
        "AND created_date < '2026-02-19T00:00:00.000'",
        "$order": "created_date,:id",
        "$limit": "123",
    }


def test_a_page_of_exactly_the_limit_is_followed_by_the_next(
    portal: Portal, connect: Connect
) -> None:
    portal.datasets[DATASET].rows = requests_of(DAY, ["01:00:00.000"] * 4)
    client = connect(page_size=2)

    pages = list(client.pages(DATASET, DAY, client.dataset_version(DATASET)))

    assert [page.row_count for page in pages] == [2, 2, 0]
    assert len({row["source_row_id"] for page in pages for row in page.rows.to_pylist()}) == 4


def test_each_day_is_asked_of_the_dataset_that_holds_it(portal: Portal, connect: Connect) -> None:
    days = (date(2019, 12, 31), date(2020, 1, 1))
    portal.datasets = {
        "76ig-c548": Dataset(requests_of(days[0], ["23:59:59.000"])),
        "erm2-nwe9": Dataset(requests_of(days[1], ["00:00:00.000"], first_key=2)),
    }
    client = connect()

    landed = {}
    for day in days:
        dataset_id = NEW_YORK.dataset_for(day).dataset_id
        (page,) = client.pages(dataset_id, day, client.dataset_version(dataset_id))
        landed[dataset_id] = orjson.loads(page.rows["payload"][0].as_py())["created_date"]

    assert landed == {
        "76ig-c548": "2019-12-31T23:59:59.000",
        "erm2-nwe9": "2020-01-01T00:00:00.000",
    }


@pytest.mark.parametrize(
    ("day", "times"),
    [
        (date(2024, 3, 10), ["01:59:59.000", "03:00:00.000"]),
        (date(2024, 11, 3), ["01:30:00.000", "01:30:00.000", "23:59:59.999"]),
    ],
    ids=["the day of 23 hours", "the day of 25 hours"],
)
def test_a_day_is_wall_time_from_midnight_to_midnight(
    portal: Portal, connect: Connect, day: date, times: list[str]
) -> None:
    portal.datasets[DATASET].rows = requests_of(day, times)
    client = connect()

    (page,) = client.pages(DATASET, day, client.dataset_version(DATASET))

    assert page.row_count == len(times)


def test_a_day_without_rows_is_one_empty_page(connect: Connect) -> None:
    client = connect()

    (page,) = client.pages(DATASET, DAY, client.dataset_version(DATASET))

    assert page.row_count == 0
    assert page.last_key is None


def test_a_second_read_of_the_same_version_asks_for_no_page(
    portal: Portal, connect: Connect, tmp_path_factory: pytest.TempPathFactory
) -> None:
    portal.datasets[DATASET].rows = requests_of(DAY, ["01:00:00.000"] * 5)
    client = connect(page_size=2, cache=AnswerCache(tmp_path_factory.mktemp("cache"), portal.url))
    version = client.dataset_version(DATASET)
    first = list(client.pages(DATASET, DAY, version))
    asked = len(portal.requests)

    assert list(client.pages(DATASET, DAY, version)) == first
    assert len(portal.requests) == asked


@pytest.mark.parametrize("left_out", [2, 1], ids=["an empty day", "a short day"])
def test_what_one_replica_leaves_out_is_read_again_and_not_cached(
    portal: Portal,
    connect: Connect,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
    left_out: int,
) -> None:
    rows = portal.datasets[DATASET].rows = requests_of(DAY, ["01:00:00.000"] * 2)
    client = connect(cache=AnswerCache(tmp_path / "cache", portal.url))
    version = client.dataset_version(DATASET)
    short = Reply(page_body(rows[left_out:]), headers={"content-type": "application/json"})

    portal.misbehave(short, short)
    (page,) = client.pages(DATASET, DAY, version, expected_rows=2)
    assert page.row_count == 2 - left_out
    assert "Reading the day once more" in caplog.text

    portal.misbehave(short)
    (page,) = client.pages(DATASET, DAY, version, expected_rows=2)
    assert page.row_count == 2
    assert len(portal.page_requests) == 4

    (page,) = client.pages(DATASET, DAY, version, expected_rows=2)
    assert page.row_count == 2
    assert len(portal.page_requests) == 4


def test_a_cached_day_that_is_shorter_than_expected_is_fetched_again(
    portal: Portal, connect: Connect, tmp_path: Path
) -> None:
    rows = requests_of(DAY, ["01:00:00.000"] * 3)
    client = connect(cache=AnswerCache(tmp_path / "cache", portal.url))
    version = client.dataset_version(DATASET)
    portal.datasets[DATASET].rows = rows[:2]
    list(client.pages(DATASET, DAY, version))
    portal.datasets[DATASET].rows = rows

    (page,) = client.pages(DATASET, DAY, version, expected_rows=3)

    assert page.row_count == 3


def test_a_day_counted_as_empty_is_asked_for_once_until_the_count_says_otherwise(
    portal: Portal, connect: Connect, tmp_path: Path
) -> None:
    client = connect(cache=AnswerCache(tmp_path / "cache", portal.url))
    version = client.dataset_version(DATASET)

    for _ in range(2):
        list(client.pages(DATASET, DAY, version, expected_rows=0))
    assert len(portal.page_requests) == 1

    portal.datasets[DATASET].rows = requests_of(DAY, ["01:00:00.000"])
    (page,) = client.pages(DATASET, DAY, version, expected_rows=1)
    assert page.row_count == 1


def test_a_dataset_that_is_published_again_while_it_is_read_stops_the_read(
    portal: Portal, connect: Connect, tmp_path_factory: pytest.TempPathFactory
) -> None:
    portal.datasets[DATASET].rows = requests_of(DAY, ["01:00:00.000"])
    folder = tmp_path_factory.mktemp("cache")
    client = connect(cache=AnswerCache(folder, portal.url))
    version = client.dataset_version(DATASET)
    portal.datasets[DATASET].published_at += 1

    with pytest.raises(SourceMovedError, match=r"erm2-nwe9 was published again .* start the pull"):
        list(client.pages(DATASET, DAY, version))
    assert not [path for path in folder.rglob("*") if path.is_file()]


@pytest.mark.parametrize(
    "metadata",
    [b"[]", b"{}", b'{"columns":[],"name":"x","rowsUpdatedAt":1}', b'{"columns":[{}]}', b"{"],
)
def test_metadata_that_cannot_be_read_is_asked_again(
    portal: Portal, connect: Connect, metadata: bytes
) -> None:
    reply = Reply(metadata, headers={"content-type": "application/json"})
    portal.misbehave(*[reply] * 4, requests="other")

    with pytest.raises(MalformedAnswerError, match=r"metadata.* Gave up after 4 attempts"):
        connect().dataset_version(DATASET)


@pytest.mark.parametrize(
    "answer", [b"[]", b"{}", b'[{"reach":"yesterday"}]', b'[{"reach":1},{}]', b"[1]"]
)
def test_a_reach_that_cannot_be_read_is_asked_again(
    portal: Portal, connect: Connect, answer: bytes
) -> None:
    portal.misbehave(Reply(answer, headers={"content-type": "application/json"}), requests="other")
    client = connect()

    assert client.reach(DATASET, PUBLISHED) is None
    assert client.retries == 1
