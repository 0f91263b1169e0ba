"""Reading a page from its bytes."""

from __future__ import annotations

import json
from datetime import date
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nyc311_assets.pipeline.soda import MalformedAnswerError, Page
from nyc311_assets.pipeline.soda.page import parse_page
from nyc311_assets.pipeline.soda.queries import RowKey, page_query
from nyc311_assets_tests.pipeline.soda.portal import page_body, requests_of

DAY = date(2026, 2, 18)
QUERY = page_query("erm2-nwe9", DAY, ("unique_key", "created_date"), 10)
ROWS = requests_of(DAY, ["01:00:00.000", "02:00:00.000", "02:00:00.000"])


def parse(body: bytes, *, seen: set[str] | None = None, after: RowKey | None = None) -> Page:
    return parse_page(body, QUERY, DAY, limit=10, seen=set() if seen is None else seen, after=after)


def payloads(page: Page) -> list[dict[str, Any]]:
    return [json.loads(payload) for payload in page.rows["payload"].to_pylist()]


def without_system_fields(row: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in row.items() if not name.startswith(":")}


LAYOUTS = {
    "as Socrata writes it": page_body(ROWS),
    "in one line": json.dumps(ROWS).encode(),
    "indented": json.dumps(ROWS, indent=2).encode(),
    "with carriage returns": page_body(ROWS).replace(b"\n,", b"\r\n,"),
    "a separator inside rows too": page_body(ROWS).replace(b',"agency"', b'\n,"agency"'),
    "with system fields elsewhere": page_body(
        {"unique_key": row["unique_key"], **row, ":version": "rv-1"} for row in ROWS
    ),
    "with more system fields": page_body({**row, ":version": "rv-1"} for row in ROWS),
}


@pytest.mark.parametrize("body", LAYOUTS.values(), ids=LAYOUTS)
def test_rows_are_the_same_in_every_layout_of_the_same_json(body: bytes) -> None:
    page = parse(body)

    assert page.rows["source_row_id"].to_pylist() == [row[":id"] for row in ROWS]
    assert payloads(page) == [without_system_fields(row) for row in ROWS]
    assert page.last_key == RowKey("2026-02-18T02:00:00.000", ROWS[-1][":id"])


_VALUES = st.text(max_size=8) | st.none() | st.booleans() | st.integers(-(2**53), 2**53)


@settings(max_examples=50, deadline=None)
@given(
    st.lists(
        st.dictionaries(
            st.text().filter(lambda name: not name.startswith(":") and name != "created_date"),
            _VALUES
            | st.lists(_VALUES, max_size=3)
            | st.dictionaries(st.text(max_size=4), _VALUES, max_size=3),
        ),
        max_size=3,
    )
)
def test_a_payload_keeps_any_value_and_the_order_of_its_keys(extras: list[dict[str, Any]]) -> None:
    rows = [
        {**row, **extra}
        for row, extra in zip(requests_of(DAY, ["01:00:00.000"] * len(extras)), extras, strict=True)
    ]

    landed = payloads(parse(page_body(rows)))

    assert [list(row.items()) for row in landed] == [
        list(without_system_fields(row).items()) for row in rows
    ]


def changed(**fields: object) -> bytes:
    return page_body([ROWS[0], {**ROWS[1], **fields}])


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b"", "not a JSON list, or is cut off"),
        (b'{"rows":[]}', "not a JSON list"),
        (b"[{]", "not JSON"),
        (b"[[]\n,[]]", "not an object with :id"),
        (changed(created_date=None), "None, which is not a floating timestamp"),
        (changed(created_date="2026-02-18"), "'2026-02-18', which is not a floating timestamp"),
        (changed(created_date="2026-02-19T00:00:00.000"), "do not all belong to"),
        (changed(created_date="2026-02-18T00:30:00.000"), "not in the order asked for"),
        (changed(**{":id": 7}), "cannot be read"),
        (changed(**{":id": None}), "empty :id or :updated_at"),
        (changed(**{":id": ROWS[0][":id"]}), "1 rows .* came twice"),
        (changed(**{":updated_at": "lately"}), "cannot be read"),
        (changed(**{":updated_at": None}), "empty :id or :updated_at"),
        (page_body(requests_of(DAY, ["01:00:00.000"] * 11)), "11 rows .* more than the limit"),
    ],
)
def test_what_cannot_be_the_answer_is_refused(body: bytes, message: str) -> None:
    with pytest.raises(MalformedAnswerError, match=message):
        parse(body)


def test_a_row_of_an_earlier_page_is_refused() -> None:
    seen: set[str] = set()
    parse(page_body(ROWS[:1]), seen=seen)

    with pytest.raises(MalformedAnswerError, match=r"1 rows .* came twice"):
        parse(page_body(ROWS), seen=seen)


def test_a_row_before_the_last_key_is_refused() -> None:
    after = RowKey("2026-02-18T01:30:00.000", "row-1")

    with pytest.raises(MalformedAnswerError, match="do not all belong to"):
        parse(page_body(ROWS), after=after)


def test_a_page_that_was_refused_leaves_no_trace() -> None:
    seen: set[str] = set()
    with pytest.raises(MalformedAnswerError):
        parse(page_body([*ROWS, ROWS[0]]), seen=seen)

    assert parse(page_body(ROWS), seen=seen).row_count == 3


@pytest.mark.parametrize("body", [b"[]", b"[]\n", b"[ ]", b" [\n] "])
def test_an_empty_list_is_an_empty_page(body: bytes) -> None:
    page = parse(body)

    assert page.row_count == 0
    assert page.last_key is None
