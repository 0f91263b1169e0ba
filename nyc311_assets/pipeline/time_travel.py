"""Going back to an earlier version of a table."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from pyspark.errors import PySparkException
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from nyc311_assets.pipeline.contracts import DAYS
from nyc311_assets.pipeline.tables import Table
from nyc311_assets.pipeline.versions import (
    History,
    Version,
    VersionMissing,
    exists,
    read_history,
)

_LOG_IS_GONE = frozenset({"DELTA_CANNOT_RESTORE_TABLE_VERSION", "DELTA_VERSION_NOT_FOUND"})
_TOO_OLD = "DELTA_UNSUPPORTED_TIME_TRAVEL_BEYOND_DELETED_FILE_RETENTION_DURATION"
_FILES_ARE_GONE = "Not all files from version"


@dataclass(frozen=True, slots=True)
class Return:
    """Going back to an earlier version: what changes, or has changed.

    Attributes:
        from_version: The version that is, or was, current.
        to_version: The one to go back to.
        to_written_at: When that one was written, UTC.
        rows_before: Rows of the version that is left.
        rows_after: Rows of the version that is returned to.
        is_certain: Whether that version can be restored for certain; else files of it may be gone,
            and RESTORE will refuse if they are.
        pulled_since: First and last ingestion date of the batches pulled after `to_written_at`,
            and of those that silver merged after it; None if there are none.
    """

    from_version: int
    to_version: int
    to_written_at: datetime
    rows_before: int
    rows_after: int
    is_certain: bool
    pulled_since: tuple[date, date] | None


def preview(table: Table, batches: Table, history: History, target: Version) -> Return:
    """What going back to a version would change. Writes nothing.

    Args:
        table: The table.
        batches: bronze.batches, which tells what was pulled since.
        history: The table's history, read just now.
        target: A version of it.

    Raises:
        VersionMissing: The version cannot be read any more.
    """
    returned, _ = _look(table, batches, history, target)
    return returned


def restore(table: Table, batches: Table, history: History, target: Version) -> Return:
    """Make an earlier version the current one, as a new version. Nothing is lost by it.

    Delta's RESTORE brings back the rows, the schema and the table's properties; it is itself in
    the change feed, as deletes and inserts. It is not bound by `delta.appendOnly`.

    With silver.requests goes silver.days, which tells of which days it holds a whole pull: gold
    would take days that were cut down for complete ones.

    Args:
        table: The table.
        batches: bronze.batches, which tells what was pulled since.
        history: The table's history, read just now.
        target: A version of it.

    Raises:
        VersionMissing: The version's log or files are gone.
    """
    returned, days = _look(table, batches, history, target)
    if returned.from_version != target.number:
        # First the days: if this stops half-way, gold knows too few of them, not too many.
        for each, number in (*((days,) if days else ()), (table, target.number)):
            try:
                each.spark.sql(f"RESTORE TABLE {each.sql_name} TO VERSION AS OF {number}").collect()
            except PySparkException as error:
                raise _explained(error, history) from error
    return returned


def _look(
    table: Table, batches: Table, history: History, target: Version
) -> tuple[Return, tuple[Table, int] | None]:
    """What going back would change, and what of silver.days goes back with it."""
    try:
        rows_after = table.at_version(target.number).count()
    except PySparkException as error:
        raise _explained(error, history) from error
    days = _days_then(table, history, target)
    returned = Return(
        from_version=history.newest.number,
        to_version=target.number,
        to_written_at=target.written_at,
        rows_before=table.read().count(),
        rows_after=rows_after,
        is_certain=target.number >= history.oldest.number,
        pulled_since=_hull(
            _pulled_since(batches, target.written_at),
            None if days is None else _merged_since(*days),
        ),
    )
    return returned, days


def _days_then(table: Table, history: History, target: Version) -> tuple[Table, int] | None:
    """silver.days and its version when a version of silver.requests was current.

    None for any other table, and for the newest version. A run writes silver.days after
    silver.requests, so its version is the last one before the next of silver.requests.

    Raises:
        VersionMissing: The log of silver.days does not reach back so far.
    """
    later = [version for version in history.versions if version.number > target.number]
    days = Table(table.spark, table.lakehouse, DAYS)
    if table.contract.name != "silver.requests" or not later or not exists(days):
        return None
    return days, read_history(days, now=history.read_at).at(later[-1].written_at).number


def _merged_since(days: Table, then: int) -> tuple[date, date] | None:
    """First and last ingestion date of what silver.days names and did not in a version of it."""
    return _span(days.read().join(days.at_version(then), ["request_date", "batch_id"], "left_anti"))


def _pulled_since(batches: Table, at: datetime) -> tuple[date, date] | None:
    """First and last ingestion date of the batches that began after a time."""
    if not exists(batches):
        return None
    at_us = F.lit(round(at.timestamp() * 1_000_000))
    return _span(batches.read().where(F.unix_micros("ingested_at") > at_us))


def _span(pulled: DataFrame) -> tuple[date, date] | None:
    row: Any = pulled.agg(
        F.min("ingestion_date").alias("first"), F.max("ingestion_date").alias("last")
    ).first()
    return (row["first"], row["last"]) if row["first"] is not None else None


def _hull(*spans: tuple[date, date] | None) -> tuple[date, date] | None:
    found = [span for span in spans if span is not None]
    if not found:
        return None
    return min(first for first, _ in found), max(last for _, last in found)


def _explained(error: PySparkException, history: History) -> Exception:
    """What a failed look at, or return to, an earlier version means."""
    remains = f"Version {history.oldest.number} and those after it can be restored."
    if error.getCondition() == _TOO_OLD:
        hours = history.retention.total_seconds() / 3600
        return VersionMissing(
            f"That version was written longer ago than the table keeps files ({hours:g} hours), and "
            f"Delta refuses it. {remains} NYC311_VACUUM_HOURS makes maintenance keep them longer."
        )
    if error.getCondition() in _LOG_IS_GONE:
        said = str(error).splitlines()[0]
        return VersionMissing(f"The log of that version has been cleaned up: {said} {remains}")
    if _FILES_ARE_GONE in str(error):
        return VersionMissing(f"VACUUM has removed files of that version. {remains}")
    return error


def next_steps(table: str, asset: str, returned: Return) -> tuple[str, ...]:
    """What to do after a table has gone back, a sentence each.

    Args:
        table: `layer.table`.
        asset: The asset that writes it.
        returned: What was done.
    """
    layer = table.split(".", maxsplit=1)[0]
    steps = []
    if layer == "bronze":
        steps.append(
            "bronze.raw_311 and bronze.batches belong together: restore the other one to the same "
            f"time, {returned.to_written_at.isoformat(timespec='milliseconds')}."
        )
    partitions = "the newest partition"
    if returned.pulled_since is not None:
        first, last = returned.pulled_since
        partitions = f"{first} to {last}"
        steps.append(
            f"Partitions {partitions} were pulled after that version: once what was wrong is "
            f"mended, materialize {asset} for them again."
        )
    elif layer == "gold":
        steps.append(f"Materialize {asset} for {partitions}: it brings the table up to silver.")
    if layer != "gold":
        steps.append(
            f"Materialize what is downstream of {asset} for {partitions}: gold_daily_counts "
            "follows silver.requests by its change feed, in which a restore stands, too."
        )
    steps.append(
        f"To undo this, restore to version {returned.from_version}, while VACUUM leaves its files."
    )
    return tuple(steps)
