from __future__ import annotations

from datetime import UTC, datetime
from functools import partial

import numpy as np
import orjson
import pyarrow as pa

from nyc311_assets.local.feed.row_ids import mixed, row_ids
from nyc311_assets.local.feed.rows import FIXED_TIMESTAMP, FLOATING_TIMESTAMP, Codebook, Coded, Rows
from nyc311_assets.local.feed.soql.binding import bind
from nyc311_assets.local.feed.soql.execution import Result
from nyc311_assets.local.feed.soql.parser import parse
from nyc311_assets.local.feed.synthetic.calendar import scattered
from nyc311_assets.local.feed.wire import csv_body, json_body, text_values


def result(select: str, rows: Rows) -> Result:
    return Result(bind(parse(f"SELECT {select}"), "erm2-nwe9").outputs, (rows,))


def test_timestamps_before_1970_and_parts_of_seconds_are_written_right() -> None:
    moments = [
        datetime(1900, 1, 1),
        None,
        datetime(1969, 12, 31, 23, 59, 59, 5000),
        datetime(2026, 2, 28, 12),
    ]
    text = text_values(pa.array(moments, FLOATING_TIMESTAMP), "floating_timestamp")
    assert text.to_pylist() == [
        "1900-01-01T00:00:00.000",
        None,
        "1969-12-31T23:59:59.005",
        "2026-02-28T12:00:00.000",
    ]
    aware = pa.array([datetime(2026, 2, 28, 12, tzinfo=UTC)], FIXED_TIMESTAMP)
    assert text_values(aware, "fixed_timestamp").to_pylist() == ["2026-02-28T12:00:00.000Z"]


def test_rows_without_any_selected_value_are_empty_objects() -> None:
    rows = Rows(2, {"agency": pa.array(["DOT", None])})
    assert json_body(result("descriptor", rows)) == b"[{}\n,{}]\n"
    assert json_body(result("agency", rows)) == b'[{"agency":"DOT"}\n,{}]\n'
    assert csv_body(result("agency,descriptor", rows)) == b'"agency","descriptor"\n"DOT",\n,\n'


def test_coded_columns_are_written_as_plain_ones_are() -> None:
    agencies, cities = pa.array(["DOT", "NYPD", None]), pa.array(['a"b', None, "c"])
    codes = pa.array([2, 0, 1, 0], pa.int32())
    coded = Rows(4, {}, (Coded(Codebook({"agency": agencies, "city": cities}), codes),))
    plain = Rows(4, {"agency": agencies.take(codes), "city": cities.take(codes)})
    for select in ("agency,city", "city,agency", "agency AS a,city", "agency,descriptor,city"):
        assert json_body(result(select, coded)) == json_body(result(select, plain))
        assert csv_body(result(select, coded)) == csv_body(result(select, plain))
    assert orjson.loads(json_body(result("city", coded)))[1] == {"city": 'a"b'}


def test_a_codebook_keeps_only_its_last_forms() -> None:
    codebook = Codebook({"agency": pa.array(["DOT"])})
    made: list[str] = []

    def make(name: str, _: Codebook) -> pa.Array:
        made.append(name)
        return pa.array([name])

    for number in range(40):
        codebook.derived(f"form{number}", (), partial(make, str(number)))
    assert codebook.derived("form39", (), partial(make, "again")).to_pylist() == ["39"]
    assert codebook.derived("form0", (), partial(make, "again")).to_pylist() == ["again"]
    assert len(made) == 41


def test_row_ids_look_like_the_portals_and_differ() -> None:
    ids = row_ids(mixed(np.arange(50_000, dtype=np.uint64))).to_pylist()
    assert len(set(ids)) == 50_000
    assert all(len(row_id) == 18 and row_id.startswith("row-") for row_id in ids)
    assert set("".join(ids)) <= set("abcdefghijklmnopqrstuvwxyz23456789-._~")


def test_scattered_numbers_depend_on_seed_stream_and_number_alone() -> None:
    numbers = np.array([1, 2, 3])
    first = scattered(7, 1, numbers)
    assert (first == scattered(7, 1, numbers)).all()
    assert first[1] == scattered(7, 1, np.array([2]))[0]
    assert not (first == scattered(8, 1, numbers)).any()
    assert not (first == scattered(7, 2, numbers)).any()
