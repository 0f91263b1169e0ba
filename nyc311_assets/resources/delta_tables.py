"""The orchestrator's own Delta tables: made from their contracts and written without Spark."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import stamina
from deltalake import (
    CommitProperties,
    DeltaTable,
    Field,
    QueryBuilder,
    Schema,
    Transaction,
    write_deltalake,
)
from deltalake.exceptions import CommitFailedError
from deltalake.schema import PrimitiveType

from nyc311_assets.pipeline.contracts import Column, TableContract
from nyc311_assets.resources.storage_errors import storage_calls

_DELTA_TYPES = {
    "STRING": "string",
    "TIMESTAMP": "timestamp",
    "DATE": "date",
    "DOUBLE": "double",
    "BOOLEAN": "boolean",
    "INT": "integer",
}


def table_url(lakehouse_url: str, contract: TableContract) -> str:
    """Where a table is.

    Args:
        lakehouse_url: Root of the tables: a folder, or s3://… with AWS_* in the environment.
        contract: The table's.
    """
    return f"{lakehouse_url.rstrip('/')}/{contract.name.replace('.', '/')}"


def open_table(url: str) -> DeltaTable | None:
    """The newest version of a table; None if there is none yet.

    Raises:
        StorageRefused: It cannot be looked at.
    """
    with storage_calls(url):
        return DeltaTable(url) if DeltaTable.is_deltatable(url) else None


def create_table(url: str, contract: TableContract) -> None:
    """Make an empty table, if there is none."""
    if "://" not in url:
        Path(url).mkdir(parents=True, exist_ok=True)
    try:
        DeltaTable.create(
            url,
            Schema([_field(column) for column in contract.columns]),
            mode="ignore",
            name=contract.name,
            description=contract.description,
        )
    except CommitFailedError:
        # Another writer created it at the same moment.
        if not DeltaTable.is_deltatable(url):
            raise


def append_once(
    url: str, contract: TableContract, rows: Sequence[Mapping[str, Any]], transaction: str
) -> bool:
    """Append rows, at most once for one transaction id, however often and by whom it is tried.

    Args:
        url: The table's place; it is made if it is not there.
        contract: The table's.
        rows: Column -> value.
        transaction: What makes a repetition known, as Delta's application id.

    Returns:
        Whether they were written now.

    Raises:
        StorageRefused: They cannot be written.
    """
    with storage_calls(url):
        return _append_once(url, contract, rows, transaction)


def _append_once(
    url: str, contract: TableContract, rows: Sequence[Mapping[str, Any]], transaction: str
) -> bool:
    if not DeltaTable.is_deltatable(url):
        create_table(url, contract)
    written = False
    for attempt in stamina.retry_context(
        on=CommitFailedError, attempts=10, timeout=30, wait_initial=0.02, wait_max=1.0
    ):
        with attempt:
            table = DeltaTable(url)
            written = table.transaction_version(transaction) is None
            if written:
                write_deltalake(
                    table,
                    pa.Table.from_pylist(
                        [dict(row) for row in rows], schema=pa.schema(table.schema().to_arrow())
                    ),
                    mode="append",
                    commit_properties=CommitProperties(
                        app_transactions=[Transaction(transaction, 1)]
                    ),
                )
    return written


def read_rows(table: DeltaTable, statement: str = "SELECT * FROM t") -> list[dict[str, Any]]:
    """What a query answers; read so that deletion vectors count.

    Args:
        table: The table, which the query calls `t`.
        statement: The query.

    Raises:
        StorageRefused: Its files cannot be read.
    """
    with storage_calls(table.table_uri):
        answer = QueryBuilder().register("t", table).execute(statement)
        return list(pa.table(answer.read_all()).to_pylist())


def _field(column: Column) -> Field:
    return Field(
        column.name,
        PrimitiveType(_DELTA_TYPES[column.type]),
        nullable=column.nullable,
        metadata={"comment": column.description},
    )
