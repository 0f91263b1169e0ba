"""Where tables are, and the only ways in which they are written."""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

from pyspark.errors import PySparkException
from pyspark.sql import DataFrame, Row, SparkSession

from nyc311_assets.pipeline.contracts import TableContract
from nyc311_assets.pipeline.days import unbroken


@dataclass(frozen=True, slots=True)
class Lakehouse:
    """The place of all tables: a Unity Catalog catalog, or a folder.

    Attributes:
        root: A catalog's name, or a path when `is_catalog` is false.
        is_catalog: Which of the two `root` is.
        location: Of a catalog, the address below which each table's files are (s3://…), so that
            they can be read without Spark, too; None leaves them where the catalog puts them.
    """

    root: str
    is_catalog: bool = False
    location: str | None = None

    def path(self, name: str) -> str:
        """Folder of `layer.table`; only for a lakehouse of folders."""
        return f"{self.root}/{name.replace('.', '/')}"

    def sql_name(self, name: str) -> str:
        """The name of `layer.table` in a SQL statement."""
        return f"`{self.root}`.{name}" if self.is_catalog else f"delta.`{self.path(name)}`"


_MOST_RANGES = 16
# Another run is creating the table at the same moment: asked again, there is nothing left to do.
_CREATED_MEANWHILE = frozenset(
    {
        "DELTA_CREATE_TABLE_WITH_NON_EMPTY_LOCATION",
        "DELTA_METADATA_CHANGED",
        "DELTA_PROTOCOL_CHANGED",
    }
)
# A creation that failed, as on a full disk, leaves a log without a version, which Delta takes for a
# table when it is to create one and for none when it is to read it.
_NEVER_CREATED = "DELTA_TABLE_NOT_FOUND"
_CREATE_ATTEMPTS = 4
_CREATE_WAIT_SECONDS = 0.5


class ContractBroken(RuntimeError):
    """A table is not what its contract says, and cannot be made so without its rows."""


class Table:
    """One Delta table of a lakehouse, written only by append, MERGE or replaceWhere."""

    def __init__(self, spark: SparkSession, lakehouse: Lakehouse, contract: TableContract) -> None:
        self.spark = spark
        self.lakehouse = lakehouse
        self.contract = contract
        self.sql_name = lakehouse.sql_name(contract.name)

    def create(self) -> Table:
        """Create the table, and on a catalog its schema, where it is not there yet.

        A table that is there gets the columns that its contract has gained since.

        Raises:
            ContractBroken: A column has another type than its contract, or a new one may not be
                null.
        """
        contract = self.contract
        if self.lakehouse.is_catalog:
            layer = contract.name.split(".", maxsplit=1)[0]
            self.spark.sql(f"CREATE SCHEMA IF NOT EXISTS `{self.lakehouse.root}`.{layer}")
        columns = ", ".join(column.ddl for column in contract.columns)
        layout = ""
        if contract.partitioned_by:
            layout = f"PARTITIONED BY ({', '.join(contract.partitioned_by)})"
        elif contract.clustered_by:
            layout = f"CLUSTER BY ({', '.join(contract.clustered_by)})"
        properties = ", ".join(f"'{key}' = '{value}'" for key, value in contract.properties.items())
        statement = (
            f"CREATE TABLE IF NOT EXISTS {self.sql_name} ({columns}) USING DELTA {layout} "
            f"COMMENT '{contract.description}' {self._location()} "
            + (f"TBLPROPERTIES ({properties})" if properties else "")
        )
        for attempt in range(1, _CREATE_ATTEMPTS + 1):
            try:
                self.spark.sql(statement)
                self._add_missing_columns()
                break
            except PySparkException as error:
                may_pass = error.getCondition() in _CREATED_MEANWHILE | {_NEVER_CREATED}
                if not may_pass or attempt == _CREATE_ATTEMPTS:
                    raise
                time.sleep(_CREATE_WAIT_SECONDS)
                if error.getCondition() == _NEVER_CREATED and attempt == _CREATE_ATTEMPTS - 1:
                    self._clear_log_without_versions()
        return self

    def read(self) -> DataFrame:
        """The table's current rows."""
        return self.spark.table(self.sql_name)

    def append_once(
        self, frame: DataFrame, transaction: str, user_metadata: Mapping[str, Any] | None = None
    ) -> None:
        """Append, at most once for one transaction id, however often it is tried."""
        options = {"txnAppId": transaction, "txnVersion": "1"}
        self._save(frame, "append", options | _metadata_option(user_metadata))

    def replace_where(
        self, frame: DataFrame, predicate: str, user_metadata: Mapping[str, Any] | None = None
    ) -> None:
        """Replace exactly the rows that match a predicate; the frame must match it throughout."""
        options = {"replaceWhere": predicate}
        self._save(frame, "overwrite", options | _metadata_option(user_metadata))

    def merge(self, source: DataFrame, condition: str, clauses: str) -> None:
        """MERGE rows, as `source`, into the table, as `target`."""
        view = f"merged_{uuid4().hex}"
        source.createOrReplaceTempView(view)
        self.spark.sql(
            f"MERGE INTO {self.sql_name} AS target USING {view} AS source ON {condition} {clauses}"
        )
        # Other jobs may have this session after this one.
        self.spark.catalog.dropTempView(view)

    def version(self) -> int:
        """The table's newest version."""
        return int(self.newest_commit()["version"])

    def table_id(self) -> str:
        """Delta's id of the table; one that is dropped and created again has another."""
        detail = self.spark.sql(f"DESCRIBE DETAIL {self.sql_name}").select("id").collect()
        return str(detail[0]["id"])

    def newest_commit(self) -> Row:
        """The newest row of `history`: version, operation, operationMetrics and more."""
        row = self.history(limit=1).first()
        if row is None:
            raise LookupError(f"{self.sql_name} has no history: create the table first.")
        return row

    def history(self, limit: int | None = None) -> DataFrame:
        """DESCRIBE HISTORY, newest version first; the newest `limit` of them."""
        newest = "" if limit is None else f" LIMIT {limit}"
        return self.spark.sql(f"DESCRIBE HISTORY {self.sql_name}{newest}")

    def changes(self, first: int, last: int) -> DataFrame:
        """The change feed of some versions, the first and the last one included."""
        return self._read_with(
            {"readChangeFeed": "true", "startingVersion": str(first), "endingVersion": str(last)}
        )

    def at_version(self, number: int) -> DataFrame:
        """The rows as they were in a version."""
        return self._read_with({"versionAsOf": str(number)})

    def _location(self) -> str:
        lakehouse = self.lakehouse
        if not lakehouse.is_catalog or lakehouse.location is None:
            return ""
        place = f"{lakehouse.location.rstrip('/')}/{self.contract.name.replace('.', '/')}"
        return f"LOCATION '{place}'"

    def _read_with(self, options: Mapping[str, str]) -> DataFrame:
        reader = self.spark.read.options(**options)
        if self.lakehouse.is_catalog:
            return reader.table(self.sql_name)
        return reader.format("delta").load(self.lakehouse.path(self.contract.name))

    def _add_missing_columns(self) -> None:
        found = dict(self.read().dtypes)
        missing = [column for column in self.contract.columns if column.name not in found]
        required = [column.name for column in missing if not column.nullable]
        if required:
            raise ContractBroken(
                f"{self.sql_name} lacks {', '.join(required)}, which its contract requires, and "
                "its rows have no value for it. Drop the table and build it again from the layer "
                "before it, or add the column with values by hand."
            )
        for column in self.contract.columns:
            if column.name in found and found[column.name] != _data_type(column.type):
                raise ContractBroken(
                    f"Column {column.name} of {self.sql_name} is {found[column.name]}, and its "
                    f"contract says {_data_type(column.type)}. Use the version of this package "
                    "that wrote the table, or drop the table and build it again."
                )
        if missing:
            added = ", ".join(column.ddl for column in missing)
            self.spark.sql(f"ALTER TABLE {self.sql_name} ADD COLUMNS ({added})")

    def _clear_log_without_versions(self) -> None:
        """Remove what a failed creation left in a folder; nothing was ever written by that log."""
        if self.lakehouse.is_catalog:
            return
        log = Path(self.lakehouse.path(self.contract.name)) / "_delta_log"
        if log.is_dir() and not any(log.rglob("*.json")):
            shutil.rmtree(log)

    def _save(self, frame: DataFrame, mode: str, options: Mapping[str, str]) -> None:
        writer = (
            frame.select(*self.contract.column_names)
            .write.format("delta")
            .mode(mode)
            .options(**options)
        )
        if self.lakehouse.is_catalog:
            writer.saveAsTable(self.sql_name)
        else:
            writer.save(self.lakehouse.path(self.contract.name))


def _metadata_option(user_metadata: Mapping[str, Any] | None) -> dict[str, str]:
    """The option of a writer that keeps a value with the commit, for `history`."""
    return {} if user_metadata is None else {"userMetadata": json.dumps(user_metadata)}


def _data_type(sql_type: str) -> str:
    """A contract's SQL type as DataFrame.dtypes names it."""
    return sql_type.lower().replace(" ", "")


def instant(microseconds: int) -> datetime:
    """The time that F.unix_micros gave: a TIMESTAMP itself is collected in the client's own zone."""
    return datetime.fromtimestamp(microseconds / 1_000_000, UTC)


def within(days: Iterable[date], column: str = "request_date") -> str:
    """A SQL condition on a date column that holds for these days: a range for each run of them.

    Scattered days are listed instead: Spark takes long to plan hundreds of ranges.
    """
    ordered = sorted(set(days))
    if not ordered:
        return "false"
    spans = unbroken(ordered)
    if len(spans) > _MOST_RANGES:
        listed = ", ".join(f"DATE'{day}'" for day in ordered)
        return f"({_between(column, ordered[0], ordered[-1])} AND {column} IN ({listed}))"
    return f"({' OR '.join(_between(column, first, last) for first, last in spans)})"


def _between(column: str, first: date, last: date) -> str:
    return f"{column} BETWEEN DATE'{first}' AND DATE'{last}'"
