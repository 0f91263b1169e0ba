"""The versions of a table: which there are, what made them, and how far back they can be had."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo

from pyspark.errors import PySparkException
from pyspark.sql import functions as F

from nyc311_assets.pipeline.tables import Table, instant

FILE_RETENTION = "delta.deletedFileRetentionDuration"
DEFAULT_RETENTION = timedelta(days=7)
_VACUUM = "VACUUM START"
# The first name that an operation's metrics have is the one that counts.
_ROWS_INSERTED = ("numTargetRowsInserted", "numOutputRows")
_ROWS_UPDATED = ("numTargetRowsUpdated", "numUpdatedRows")
_ROWS_DELETED = ("numTargetRowsDeleted", "numDeletedRows")
_NOT_A_TABLE = frozenset(
    {
        "DELTA_MISSING_DELTA_TABLE",
        "DELTA_TABLE_NOT_FOUND",
        "DELTA_TABLE_ONLY_OPERATION",
        "PATH_NOT_FOUND",
        "TABLE_OR_VIEW_NOT_FOUND",
    }
)


class TableMissing(LookupError):
    """The table has not been written yet."""


class VersionMissing(LookupError):
    """The version, or the table as it was at that time, cannot be had any more, or never was."""


@dataclass(frozen=True, slots=True)
class Version:
    """One version of a table, and the operation that made it.

    Attributes:
        number: Its number.
        written_at: When it was committed, UTC.
        operation: Delta's name of the operation.
        rows_inserted: Rows that it added; None if the operation does not count them.
        rows_updated: Rows that it changed.
        rows_deleted: Rows that it took away.
        vacuum_retention: For a VACUUM, how old a file must be to be removed.
    """

    number: int
    written_at: datetime
    operation: str
    rows_inserted: int | None = None
    rows_updated: int | None = None
    rows_deleted: int | None = None
    vacuum_retention: timedelta | None = None


@dataclass(frozen=True, slots=True)
class History:
    """A table's log, as it was read.

    Attributes:
        versions: All versions in it, newest first; at least one.
        retention: For how long the table keeps the files of earlier versions.
        read_at: When it was read, aware.
    """

    versions: tuple[Version, ...]
    retention: timedelta
    read_at: datetime

    @property
    def newest(self) -> Version:
        """The current version."""
        return self.versions[0]

    @property
    def first(self) -> Version:
        """The oldest version in the log; Delta cleans it up after `delta.logRetentionDuration`."""
        return self.versions[-1]

    @property
    def vacuumed_at(self) -> datetime | None:
        """When VACUUM last ran, as far as the log tells."""
        vacuums = (each for each in self.versions if each.vacuum_retention is not None)
        return next((vacuum.written_at for vacuum in vacuums), None)

    @property
    def oldest(self) -> Version:
        """The oldest version that can be read and restored for certain.

        Two things bound it. VACUUM removes files that no version has used since its horizon, so
        that only what was current then, or came later, is whole. And newer Delta (4.1) refuses to
        read a version, or to start a change feed with one, that was written before the table's
        retention began, even where its files are there; the current version excepted.
        """
        vacuums = (each for each in self.versions if each.vacuum_retention is not None)
        horizon = max(
            (vacuum.written_at - (vacuum.vacuum_retention or timedelta()) for vacuum in vacuums),
            default=None,
        )
        whole = self.first
        if horizon is not None:
            whole = next((each for each in self.versions if each.written_at <= horizon), whole)
        kept_since = self.read_at - self.retention
        kept = [each for each in self.versions if each.written_at >= kept_since]
        oldest_kept = kept[-1] if kept else self.newest
        return max(whole, oldest_kept, key=lambda version: version.number)

    def find(self, number: int, *, zone: tzinfo = UTC) -> Version:
        """The version of that number; an error tells times in the given zone.

        Raises:
            VersionMissing: The log does not hold it.
        """
        for version in self.versions:
            if version.number == number:
                return version
        raise VersionMissing(f"There is no version {number} in the log. {self._choices(zone)}")

    def at(self, time: datetime, *, zone: tzinfo = UTC) -> Version:
        """The version that was current at a time: the newest that had been written by then.

        Raises:
            VersionMissing: The time is to come, or before the first version in the log.
        """
        if time > self.read_at:
            raise VersionMissing(f"{_told(time, zone)} is still to come. {self._choices(zone)}")
        for version in self.versions:
            if version.written_at <= time:
                return version
        raise VersionMissing(
            f"At {_told(time, zone)} the table was not there, or its log has been cleaned up "
            f"since. {self._choices(zone)}"
        )

    def _choices(self, zone: tzinfo) -> str:
        oldest, newest = self.oldest, self.newest
        return (
            f"Choose a version from {oldest.number} ({_told(oldest.written_at, zone)}) "
            f"to {newest.number} ({_told(newest.written_at, zone)})."
        )


def _told(time: datetime, zone: tzinfo) -> str:
    return time.astimezone(zone).isoformat(" ", timespec="seconds")


def exists(table: Table) -> bool:
    """Whether the table has been created."""
    try:
        properties(table)
    except TableMissing:
        return False
    return True


def properties(table: Table) -> Mapping[str, str]:
    """The table's properties, as they were set.

    Raises:
        TableMissing: It has not been created.
    """
    try:
        detail = table.spark.sql(f"DESCRIBE DETAIL {table.sql_name}").select("properties").collect()
    except PySparkException as error:
        if error.getCondition() in _NOT_A_TABLE:
            raise TableMissing(
                f"{table.contract.name} has not been written yet: materialize its asset first."
            ) from error
        raise
    found: Mapping[str, str] = detail[0]["properties"]
    return found


def set_properties(table: Table, values: Mapping[str, str]) -> None:
    """Give a table some properties."""
    listed = ", ".join(f"'{name}' = '{value}'" for name, value in values.items())
    table.spark.sql(f"ALTER TABLE {table.sql_name} SET TBLPROPERTIES ({listed})")


def read_history(table: Table, *, now: datetime) -> History:
    """Read the table's log.

    Args:
        table: The table.
        now: The present time, aware.

    Raises:
        TableMissing: It has not been created.
    """
    retention = retention_of(properties(table))
    # Instants are read as microseconds: a collected TIMESTAMP is naive in the client's own zone.
    columns = ("version", "operation", "operationMetrics", "operationParameters")
    rows = (
        table.history()
        .select(*columns, F.unix_micros("timestamp").alias("written_us"))
        .orderBy(F.col("version").desc())
        .collect()
    )
    versions = tuple(
        version_of(
            row["version"],
            instant(row["written_us"]),
            row["operation"],
            row["operationMetrics"] or {},
            row["operationParameters"] or {},
        )
        for row in rows
    )
    return History(versions, retention, now)


def version_of(
    number: int,
    written_at: datetime,
    operation: str,
    metrics: Mapping[str, str],
    parameters: Mapping[str, str],
) -> Version:
    """A version from one commit of the log, with Delta's own metrics and parameters."""

    def metric(names: Sequence[str]) -> int | None:
        return next((int(metrics[name]) for name in names if name in metrics), None)

    retention_ms = parameters.get("specifiedRetentionMillis") or parameters.get(
        "defaultRetentionMillis"
    )
    return Version(
        number=number,
        written_at=written_at,
        operation=operation,
        rows_inserted=metric(_ROWS_INSERTED),
        rows_updated=metric(_ROWS_UPDATED),
        rows_deleted=metric(_ROWS_DELETED),
        vacuum_retention=(
            timedelta(milliseconds=int(retention_ms))
            if operation == _VACUUM and retention_ms
            else None
        ),
    )


def retention_of(table_properties: Mapping[str, str]) -> timedelta:
    """How long a table keeps the files of earlier versions.

    Raises:
        ValueError: The property is not an interval of weeks, days and hours.
    """
    text = table_properties.get(FILE_RETENTION)
    if text is None:
        return DEFAULT_RETENTION
    parts = re.findall(r"(\d+)\s*(week|day|hour)s?", text)
    rest = re.sub(r"(\d+)\s*(week|day|hour)s?|interval|\s", "", text)
    if not parts or rest:
        raise ValueError(
            f"{FILE_RETENTION} is {text!r}, which cannot be read here: set it to weeks, days or "
            "hours, as in 'interval 168 hours'."
        )
    return sum((timedelta(**{f"{unit}s": int(count)}) for count, unit in parts), timedelta())
