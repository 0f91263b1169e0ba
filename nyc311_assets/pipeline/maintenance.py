"""Upkeep of the tables: compact and cluster, remove old files, let superseded pulls expire."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from pyspark.errors import PySparkException
from pyspark.sql import SparkSession

from nyc311_assets.pipeline.contracts import RAW_311
from nyc311_assets.pipeline.expiry import expire_superseded
from nyc311_assets.pipeline.tables import Table
from nyc311_assets.pipeline.versions import (
    FILE_RETENTION,
    properties,
    read_history,
    set_properties,
)

# Readers and writers that have been at work for less than this still find all files. It is
# Delta's own limit, and within it every version can be restored.
MINIMUM_VACUUM_HOURS = 168
_LOG_RETENTION = "delta.logRetentionDuration"
_LOG_RETENTION_HOURS = 30 * 24
_SETTING_IS_FIXED = frozenset({"CANNOT_MODIFY_CONFIG", "CONFIG_NOT_AVAILABLE"})


@dataclass(frozen=True, slots=True)
class TableStatistics:
    """One table, as it stands.

    Attributes:
        rows: Its rows.
        files: Its data files.
        size_bytes: Their size.
        hidden_rows: Rows in the files that deletion vectors hide; None where the catalog does not
            tell.
        versions: Versions in the log.
        oldest_version: The oldest version that can be read and restored for certain.
        oldest_at: When it was written, UTC.
    """

    rows: int
    files: int
    size_bytes: int
    hidden_rows: int | None
    versions: int
    oldest_version: int
    oldest_at: datetime


@dataclass(frozen=True, slots=True)
class Upkeep:
    """What maintenance did to one table; in a dry run, what it would do.

    Attributes:
        table: `layer.table`.
        before: Statistics before.
        after: Statistics afterwards; in a dry run the same.
        rows_expired: Rows of superseded pulls that were deleted.
        files_compacted: Files that OPTIMIZE rewrote; None in a dry run: OPTIMIZE has none.
        files_written: Files that it wrote instead.
        files_removed: Old files that VACUUM removed; None where it leaves no record. A dry run
            counts directories too, and stops at 1,000.
    """

    table: str
    before: TableStatistics
    after: TableStatistics
    rows_expired: int
    files_compacted: int | None
    files_written: int | None
    files_removed: int | None


def statistics(table: Table, *, now: datetime) -> TableStatistics:
    """Measure a table.

    Args:
        table: The table.
        now: The present time, aware.

    Raises:
        TableMissing: It has not been created.
    """
    history = read_history(table, now=now)
    detail = table.spark.sql(f"DESCRIBE DETAIL {table.sql_name}").collect()[0].asDict()
    rows = table.read().count()
    return TableStatistics(
        rows=rows,
        files=detail["numFiles"],
        size_bytes=detail["sizeInBytes"],
        hidden_rows=_hidden_rows(table, rows, detail.get("statistics")),
        versions=len(history.versions),
        oldest_version=history.oldest.number,
        oldest_at=history.oldest.written_at,
    )


def _hidden_rows(table: Table, rows: int, told: dict[str, int] | None) -> int | None:
    """Rows that deletion vectors hide: as the catalog tells, or by the files' own footers."""
    if told is not None and "numRowsDeletedByDeletionVectors" in told:
        return int(told["numRowsDeletedByDeletionVectors"])
    if table.lakehouse.is_catalog:
        # A catalog's files cannot be read past the table.
        return None
    files = table.read().inputFiles()
    if not files:
        return 0
    return table.spark.read.parquet(*files).count() - rows


def maintain(
    table: Table,
    *,
    vacuum_hours: int,
    bronze_retention: timedelta,
    now: datetime,
    dry_run: bool = False,
) -> Upkeep:
    """Expire superseded pulls (bronze.raw_311 only), OPTIMIZE, and VACUUM one table.

    VACUUM looks through the folder (not LITE, which trusts the log): that also finds what killed
    jobs left behind. After it no version that was superseded before `vacuum_hours` can be read,
    and silver's change feed begins there.

    Args:
        table: The table; it must exist.
        vacuum_hours: Age at which files that no version uses any more are removed.
        bronze_retention: Age at which superseded pulls expire.
        now: The present time, aware.
        dry_run: Only tell; the table is not touched.

    Raises:
        ValueError: `vacuum_hours` is less than MINIMUM_VACUUM_HOURS.
        TableMissing: The table has not been created.
    """
    if vacuum_hours < MINIMUM_VACUUM_HOURS:
        raise ValueError(
            f"VACUUM must leave files for {MINIMUM_VACUUM_HOURS} hours at least, not "
            f"{vacuum_hours}: a run under way may still read or write them. Set "
            f"NYC311_VACUUM_HOURS to {MINIMUM_VACUUM_HOURS} or more."
        )
    before = statistics(table, now=now)
    is_raw = table.contract.name == RAW_311.name
    expired = (
        expire_superseded(
            table.spark, table.lakehouse, before=now - bronze_retention, dry_run=dry_run
        )
        if is_raw
        else 0
    )
    if dry_run:
        old = table.spark.sql(f"VACUUM {table.sql_name} RETAIN {vacuum_hours} HOURS DRY RUN")
        return Upkeep(table.contract.name, before, before, expired, None, None, len(old.collect()))
    compacted, written = _optimize(table)
    removed = _vacuum(table, vacuum_hours)
    return Upkeep(
        table.contract.name,
        before,
        statistics(table, now=now),
        expired,
        compacted,
        written,
        removed,
    )


def _optimize(table: Table) -> tuple[int, int]:
    """Compact small files, and cluster what is not clustered yet.

    Not OPTIMIZE FULL: that rewrites all of a clustered table, which only other clustering columns
    would call for.

    Returns:
        Files rewritten, and files written instead.
    """
    metrics = table.spark.sql(f"OPTIMIZE {table.sql_name}").collect()[0]["metrics"]
    return metrics["numFilesRemoved"], metrics["numFilesAdded"]


def _vacuum(table: Table, hours: int) -> int | None:
    """Remove old files; returns how many, if VACUUM leaves a record of it."""
    _keep_files(table, hours)
    _log_vacuum(table.spark)
    before = table.version()
    table.spark.sql(f"VACUUM {table.sql_name} RETAIN {hours} HOURS").collect()
    row = table.newest_commit()
    if row["version"] == before or row["operation"] != "VACUUM END":
        return None
    return int(row["operationMetrics"].get("numDeletedFiles", 0))


def _keep_files(table: Table, hours: int) -> None:
    """Have the table keep the files of earlier versions for so long.

    Newer Delta goes by this property and takes no notice of RETAIN, older Delta by RETAIN. The
    log must be kept as long: without it the files are of no use.
    """
    found = properties(table)
    if hours == MINIMUM_VACUUM_HOURS and FILE_RETENTION not in found:
        return
    wanted = {FILE_RETENTION: f"interval {hours} hours"}
    if hours > _LOG_RETENTION_HOURS:
        wanted[_LOG_RETENTION] = f"interval {hours} hours"
    if any(found.get(name) != value for name, value in wanted.items()):
        set_properties(table, wanted)


def _log_vacuum(spark: SparkSession) -> None:
    """Have VACUUM written to the history, which Delta by itself does not do on every storage."""
    try:
        spark.conf.set("spark.databricks.delta.vacuum.logging.enabled", "true")
    except PySparkException as error:
        # Serverless compute has no such setting. RESTORE still finds out which files are gone.
        if error.getCondition() not in _SETTING_IS_FIXED:
            raise
