"""One statement on a SQL warehouse, through Databricks' Statement Execution API."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, date, datetime
from typing import Any

import pyarrow as pa
from databricks.sdk import WorkspaceClient
from databricks.sdk.service.sql import (
    ColumnInfo,
    Disposition,
    ExecuteStatementRequestOnWaitTimeout,
    Format,
    ResultData,
    StatementParameterListItem,
    StatementResponse,
    StatementState,
)

from nyc311_assets.resources.workspace_errors import workspace_calls

# A warehouse that sleeps wakes in seconds where it is serverless, and in minutes elsewhere.
TIMEOUT_SECONDS = 300.0
_WAIT = "20s"
_LOOK_SECONDS = 0.5
_UNDER_WAY = frozenset({StatementState.PENDING, StatementState.RUNNING})

Value = str | int | float | bool | date | datetime | None
_TYPES: Mapping[str, tuple[pa.DataType, Callable[[str], Any]]] = {
    "BOOLEAN": (pa.bool_(), lambda text: text == "true"),
    **dict.fromkeys(("BYTE", "TINYINT"), (pa.int8(), int)),
    **dict.fromkeys(("SHORT", "SMALLINT"), (pa.int16(), int)),
    "INT": (pa.int32(), int),
    **dict.fromkeys(("LONG", "BIGINT"), (pa.int64(), int)),
    **dict.fromkeys(("FLOAT", "DOUBLE", "DECIMAL"), (pa.float64(), float)),
    "DATE": (pa.date32(), date.fromisoformat),
    "TIMESTAMP": (pa.timestamp("us", "UTC"), datetime.fromisoformat),
    "TIMESTAMP_NTZ": (pa.timestamp("us"), datetime.fromisoformat),
    "ARRAY": (pa.list_(pa.string()), json.loads),
}
_TEXT: tuple[pa.DataType, Callable[[str], Any]] = (pa.string(), str)


class StatementFailed(RuntimeError):
    """A statement did not succeed; the message names the warehouse and what it said.

    Attributes:
        reason: What the warehouse said.
    """

    def __init__(self, warehouse_id: str, reason: str) -> None:
        super().__init__(f"The SQL warehouse {warehouse_id} did not answer: {reason}")
        self.reason = reason


def run_statement(
    client: WorkspaceClient,
    warehouse_id: str,
    statement: str,
    parameters: Mapping[str, Value] | None = None,
    *,
    timeout_seconds: float = TIMEOUT_SECONDS,
    clock: Callable[[], float] = time.monotonic,
) -> pa.Table:
    """Run a statement and take its whole answer; meant for answers of some thousand rows.

    Args:
        client: The workspace.
        warehouse_id: The warehouse; it is billed from its first statement until it sleeps again.
        statement: The statement, with its values as `:name`.
        parameters: Name -> value; they travel beside the statement, never in it.
        timeout_seconds: It is cancelled after this long.
        clock: Seconds that pass.

    Returns:
        The answer; decimals are floats, arrays are lists of texts, other nested types are JSON.

    Raises:
        StatementFailed: It failed, was cancelled, or took too long.
        WorkspaceRefused: The workspace refused it.
        WorkspaceUnreachable: It did not answer.
    """
    deadline = clock() + timeout_seconds
    with workspace_calls(client.config.host or ""):
        response = client.statement_execution.execute_statement(
            statement=statement,
            warehouse_id=warehouse_id,
            parameters=[_parameter(*each) for each in (parameters or {}).items()],
            disposition=Disposition.INLINE,
            format=Format.JSON_ARRAY,
            wait_timeout=_WAIT,
            on_wait_timeout=ExecuteStatementRequestOnWaitTimeout.CONTINUE,
        )
        statement_id = response.statement_id or ""
        while _state(response) in _UNDER_WAY:
            if clock() > deadline:
                client.statement_execution.cancel_execution(statement_id)
                raise StatementFailed(
                    warehouse_id,
                    f"the statement took longer than {timeout_seconds:g} s and was cancelled. Ask "
                    "whether the warehouse starts, and whether it is busy.",
                )
            time.sleep(_LOOK_SECONDS)
            response = client.statement_execution.get_statement(statement_id)
        if (state := _state(response)) is not StatementState.SUCCEEDED:
            error = response.status.error if response.status else None
            said = (error.message if error else None) or "no reason given"
            raise StatementFailed(warehouse_id, f"{state.value if state else 'no state'}, {said}")
        return _table(response, _all_rows(client, statement_id, response.result))


def _state(response: StatementResponse) -> StatementState | None:
    return response.status.state if response.status else None


def _all_rows(
    client: WorkspaceClient, statement_id: str, chunk: ResultData | None
) -> list[Sequence[str | None]]:
    rows: list[Sequence[str | None]] = []
    while chunk is not None:
        rows += chunk.data_array or []
        following = chunk.next_chunk_index
        if following is None:
            break
        chunk = client.statement_execution.get_statement_result_chunk_n(statement_id, following)
    return rows


def _table(response: StatementResponse, rows: Sequence[Sequence[str | None]]) -> pa.Table:
    schema = response.manifest.schema if response.manifest else None
    columns: Sequence[ColumnInfo] = (schema.columns if schema else None) or ()
    arrays = []
    for place, column in enumerate(columns):
        kind, read = _type(column)
        values = [None if row[place] is None else read(str(row[place])) for row in rows]
        arrays.append(pa.array(values, kind))
    return pa.table(arrays, names=[column.name or "" for column in columns])


def _type(column: ColumnInfo) -> tuple[pa.DataType, Callable[[str], Any]]:
    name = (column.type_text or "").upper().replace("(", "<").split("<")[0].strip()
    return _TYPES.get(name, _TEXT)


def _parameter(name: str, value: Value) -> StatementParameterListItem:
    return StatementParameterListItem(name=name, value=_written(value), type=_type_name(value))


def _type_name(value: Value) -> str:
    # A truth value is a whole number, and a moment a day, to isinstance.
    kinds = (
        (bool, "BOOLEAN"), (int, "BIGINT"), (float, "DOUBLE"), (datetime, "TIMESTAMP"),
        (date, "DATE"),
    )  # fmt: skip
    return next((name for kind, name in kinds if isinstance(value, kind)), "STRING")


def _written(value: Value) -> str | None:
    if value is None:
        return None
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, datetime):
        if value.tzinfo is None:
            raise TypeError(f"A time needs a zone, or nobody knows which it is: {value}")
        return value.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    return value.isoformat() if isinstance(value, date) else str(value)
