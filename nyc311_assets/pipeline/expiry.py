"""Lets superseded pulls expire: the only deletion from bronze."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime

from pyspark.sql import DataFrame, SparkSession, Window
from pyspark.sql import functions as F

from nyc311_assets.pipeline.batches import USABLE
from nyc311_assets.pipeline.contracts import BATCHES, RAW_311
from nyc311_assets.pipeline.tables import Lakehouse, Table, within
from nyc311_assets.pipeline.versions import exists, properties, set_properties

_APPEND_ONLY = "delta.appendOnly"


def superseded_pulls(batches: DataFrame, *, before: datetime) -> DataFrame:
    """The pulls of a request date that nobody will read again.

    A pull is superseded when the same partition has a newer one of the same request date that
    is usable: reconciled and not held back. The newest usable pull is never among them, nor any
    after it.

    Args:
        batches: bronze.batches.
        before: Only pulls that began before this time, aware.

    Returns:
        ingestion_date, request_date, batch_id.
    """
    age = F.struct("ingested_at", "batch_id")
    same_day = Window.partitionBy("ingestion_date", "request_date")
    # The next pull adds the column to a table from before there was one.
    usable = F.expr(USABLE if "held_back" in batches.columns else "is_reconciled")
    return (
        batches.withColumn("newest", F.max(F.when(usable, age)).over(same_day))
        .where(age < F.col("newest"))
        .where(F.unix_micros("ingested_at") < F.lit(round(before.timestamp() * 1_000_000)))
        .select("ingestion_date", "request_date", "batch_id")
    )


def expire_superseded(
    spark: SparkSession, lakehouse: Lakehouse, *, before: datetime, dry_run: bool = False
) -> int:
    """Delete the rows of superseded pulls from bronze.raw_311, which is append-only otherwise.

    Every day can still be rebuilt: the newest usable pull of each partition and request date
    stays. bronze.batches keeps the records of all pulls.

    Args:
        spark: The session.
        lakehouse: Where the tables are.
        before: Pulls that began before this time, aware.
        dry_run: Only count.

    Returns:
        Rows deleted; in a dry run, rows that would be.
    """
    raw = Table(spark, lakehouse, RAW_311)
    batches = Table(spark, lakehouse, BATCHES)
    if not exists(batches):
        return 0
    pulls = superseded_pulls(batches.read(), before=before)
    dates = [row[0] for row in pulls.select("ingestion_date").distinct().collect()]
    _keep_append_only(raw, dry_run=dry_run)
    if not dates:
        return 0
    if dry_run:
        keys = ["ingestion_date", "request_date", "batch_id"]
        rows = raw.read().where(within(dates, "ingestion_date"))
        return rows.join(pulls, keys, "left_semi").count()
    version = raw.version()
    with _deletes_allowed(raw):
        raw.merge(
            pulls,
            f"{within(dates, 'target.ingestion_date')} AND target.ingestion_date = source.ingestion_date "
            "AND target.request_date = source.request_date AND target.batch_id = source.batch_id",
            "WHEN MATCHED THEN DELETE",
        )
    merges = [
        row["operationMetrics"]
        for row in raw.history().where(F.col("version") > version).collect()
        if row["operation"] == "MERGE"
    ]
    return sum(int(metrics.get("numTargetRowsDeleted", 0)) for metrics in merges)


def _keep_append_only(raw: Table, *, dry_run: bool) -> None:
    """Make the table append-only again, if a run was killed while it was not."""
    if not dry_run and properties(raw).get(_APPEND_ONLY) != "true":
        set_properties(raw, {_APPEND_ONLY: "true"})


@contextmanager
def _deletes_allowed(raw: Table) -> Iterator[None]:
    set_properties(raw, {_APPEND_ONLY: "false"})
    try:
        yield
    finally:
        set_properties(raw, {_APPEND_ONLY: "true"})
