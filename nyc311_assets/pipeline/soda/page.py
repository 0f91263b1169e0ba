"""A page of rows: read from the answer's bytes, checked against its query, kept as columns."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from itertools import pairwise
from typing import Any

import orjson
import pyarrow as pa

from nyc311_assets.pipeline.soda.errors import MalformedAnswerError
from nyc311_assets.pipeline.soda.queries import Query, RowKey, window

ROWS_SCHEMA = pa.schema(
    [
        pa.field("source_row_id", pa.string(), nullable=False),
        pa.field("source_updated_at", pa.timestamp("us", tz="UTC"), nullable=False),
        pa.field("payload", pa.string(), nullable=False),
    ]
)
_ROW_SEPARATOR = b"\n,"
_TIMESTAMP_LENGTH = len("2026-02-18T02:25:16.000")


@dataclass(frozen=True, slots=True)
class Page:
    """One page of a request day.

    Attributes:
        query: The query it answers.
        sha256: Digest of the answer's body, uncompressed, in hexadecimal.
        rows: Columns source_row_id (`:id`), source_updated_at (`:updated_at`, UTC) and payload
            (the row's JSON text as sent, without the `:` system fields).
        last_key: Key of the last row; None when the page is empty.
    """

    query: Query
    sha256: str
    rows: pa.RecordBatch
    last_key: RowKey | None

    @property
    def row_count(self) -> int:
        """Rows in the page."""
        return int(self.rows.num_rows)


def parse_page(
    body: bytes,
    query: Query,
    request_date: date,
    *,
    limit: int,
    seen: set[str],
    after: RowKey | None = None,
    created_field: str = "created_date",
) -> Page:
    """Read an answer's body, and refuse it unless it can be the answer to its query.

    Args:
        body: The whole body, uncompressed.
        query: The query it answers, for messages and for the page.
        request_date: The day that every row must belong to.
        limit: Most rows that the query asked for.
        seen: `:id` of every row of the day's earlier pages. The page's own are added.
        after: Key of the last row of the page before.
        created_field: The column of the request's creation time.

    Raises:
        MalformedAnswerError: Not a JSON list of rows; a row without `:id`, `:updated_at` or
            creation time; rows out of order, outside the day, repeated, or more than the limit.
    """
    columns = _columns(body, query, created_field)
    rows = _record_batch(columns, query)
    _check_order(query, request_date, columns.created, after)
    _check_row_ids(query, columns.row_ids, limit, seen)
    seen.update(columns.row_ids)
    return Page(
        query=query,
        sha256=hashlib.sha256(body).hexdigest(),
        rows=rows,
        last_key=RowKey(columns.created[-1], columns.row_ids[-1]) if columns.row_ids else None,
    )


@dataclass(frozen=True, slots=True)
class _Columns:
    row_ids: list[str]
    updated_at: list[str]
    created: list[str]
    payloads: list[bytes]


def _columns(body: bytes, query: Query, created_field: str) -> _Columns:
    """The columns of a JSON list of rows.

    Socrata separates rows by a raw newline and a comma. JSON allows no raw newline inside a
    string, so if every piece between two separators is a whole JSON value, the pieces are the
    rows, and each can be kept as it came, with one parsed row in memory at a time. Any other
    layout of the same JSON takes the longer way.
    """
    pieces = body.split(_ROW_SEPARATOR)
    pieces[0] = pieces[0].lstrip()
    pieces[-1] = pieces[-1].rstrip()
    if not (pieces[0].startswith(b"[") and pieces[-1].endswith(b"]")):
        raise MalformedAnswerError(
            f"The answer for {query} is not a JSON list, or is cut off: "
            f"it begins {body[:60]!r} and ends {body[-20:]!r}."
        )
    pieces[0] = pieces[0][1:]
    pieces[-1] = pieces[-1][:-1]
    if len(pieces) == 1 and not pieces[0].strip():
        pieces = []
    try:
        return _split(((piece, orjson.loads(piece)) for piece in pieces), query, created_field)
    except orjson.JSONDecodeError:
        try:
            rows = orjson.loads(body)
        except orjson.JSONDecodeError as error:
            raise MalformedAnswerError(
                f"The answer for {query} is not JSON, or is cut off: {error}."
            ) from error
        return _split(((b"", row) for row in rows), query, created_field)


def _split(rows: Iterable[tuple[bytes, Any]], query: Query, created_field: str) -> _Columns:
    columns = _Columns([], [], [], [])
    for text, row in rows:
        try:
            row_id, updated_at, created = row[":id"], row[":updated_at"], row[created_field]
        except (KeyError, TypeError) as error:
            raise MalformedAnswerError(
                f"A row of {query} is not an object with :id, :updated_at and {created_field}."
            ) from error
        columns.row_ids.append(row_id)
        columns.updated_at.append(updated_at)
        columns.created.append(created)
        columns.payloads.append(_payload(text, row, row_id, updated_at))
    return columns


def _payload(text: bytes, row: dict[str, Any], row_id: str, updated_at: str) -> bytes:
    prefix = f'{{":id":"{row_id}",":updated_at":"{updated_at}",'.encode()
    if text.startswith(prefix) and text.endswith(b"}") and text.find(b',":', len(prefix) - 1) < 0:
        return b"{" + text[len(prefix) :]
    return orjson.dumps({name: value for name, value in row.items() if not name.startswith(":")})


def _record_batch(columns: _Columns, query: Query) -> pa.RecordBatch:
    try:
        arrays = [
            pa.array(columns.row_ids, pa.string()),
            pa.array(columns.updated_at, pa.string()).cast(ROWS_SCHEMA.types[1]),
            pa.array(columns.payloads, pa.string()),
        ]
    except (pa.ArrowInvalid, pa.ArrowTypeError) as error:
        raise MalformedAnswerError(
            f"A row of {query} has an :id or :updated_at that cannot be read: {error}."
        ) from error
    if any(array.null_count for array in arrays):
        raise MalformedAnswerError(f"A row of {query} has an empty :id or :updated_at.")
    return pa.RecordBatch.from_arrays(arrays, schema=ROWS_SCHEMA)


def _check_order(
    query: Query, request_date: date, created: list[str], after: RowKey | None
) -> None:
    """Refuse rows outside the day or out of order.

    Floating timestamps have one length, so their text sorts as they do. Rows with the same
    timestamp are in the source's own order of `:id`, which its text does not show.
    """
    for value in created:
        if not isinstance(value, str) or len(value) != _TIMESTAMP_LENGTH:
            raise MalformedAnswerError(
                f"A row of {query} was created at {value!r}, which is not a floating timestamp."
            )
    if not created:
        return
    if any(later < earlier for earlier, later in pairwise(created)):
        raise MalformedAnswerError(f"The rows of {query} are not in the order asked for.")
    start, end = window(request_date)
    if created[0] < (after.created if after else start) or created[-1] >= end:
        raise MalformedAnswerError(
            f"Rows from {created[0]} to {created[-1]} do not all belong to {query}."
        )


def _check_row_ids(query: Query, row_ids: list[str], limit: int, seen: set[str]) -> None:
    if len(row_ids) > limit:
        raise MalformedAnswerError(
            f"{len(row_ids)} rows came for {query}, more than the limit of {limit}."
        )
    unique = set(row_ids)
    repeated = len(row_ids) - len(unique) + len(unique & seen)
    if repeated:
        raise MalformedAnswerError(f"{repeated} rows of {query} came twice.")
