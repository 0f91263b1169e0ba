"""bronze.batches: what was expected of each pull, and what landed."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime

from pyspark.sql import Row, SparkSession
from pyspark.sql import functions as F

from nyc311_assets.pipeline.cities import City
from nyc311_assets.pipeline.contracts import BATCHES
from nyc311_assets.pipeline.pulls import Batch, Provenance, Pull, PulledDay
from nyc311_assets.pipeline.soda.version import DatasetVersion
from nyc311_assets.pipeline.tables import Table, instant

# A condition on bronze.batches: the rows of the pull and day may go on to silver.
USABLE = "is_reconciled AND held_back IS NULL"


def known_sources(batches: Table) -> set[str]:
    """Where the rows of this lakehouse came from."""
    return {row["source"] for row in batches.read().select("source").distinct().collect()}


def record_batch(
    spark: SparkSession,
    batches: Table,
    city: City,
    batch: Batch,
    versions: Mapping[str, DatasetVersion],
) -> None:
    """Append the batch's record, at most once: with it the batch is whole."""

    def record(day: PulledDay) -> Row:
        version = versions[city.dataset_for(day.request_date).dataset_id]
        of_day = day.provenance
        return Row(
            batch_id=batch.batch_id,
            ingestion_date=day.ingestion_date,
            request_date=day.request_date,
            ingested_at=batch.pulled_at,
            dataset_id=version.dataset_id,
            dataset_version=version.rows_updated_at,
            source=batch.source,
            source_reach=day.source_reach,
            rows_expected=day.expected_rows,
            rows_landed=day.landed_rows,
            is_reconciled=day.is_reconciled,
            query=of_day.query if of_day else None,
            pages=len(of_day.page_sha256) if of_day else None,
            page_sha256=list(of_day.page_sha256) if of_day else None,
            source_columns=dict(of_day.source_columns) if of_day else None,
            held_back=day.held_back,
            rows_without_day=day.rows_without_day,
        )

    schema = ", ".join(f"{column.name} {column.type}" for column in BATCHES.columns)
    frame = spark.createDataFrame([record(day) for day in batch.days], schema)
    batches.append_once(frame.coalesce(1), f"batches:{batch.batch_id}")


def read_batch(batches: Table, batch_id: str) -> Batch | None:
    """The record of a batch, or None while it is not whole."""
    # Instants are read as microseconds: a collected TIMESTAMP is naive in the client's own zone.
    version_us = F.unix_micros("dataset_version").alias("dataset_version_us")
    pulled_us = F.unix_micros("ingested_at").alias("pulled_us")
    rows = (
        batches.read()
        .where(F.col("batch_id") == batch_id)
        .select("*", version_us, pulled_us)
        .orderBy("request_date")
        .collect()
    )
    if not rows:
        return None
    days = tuple(
        PulledDay(
            request_date=row["request_date"],
            expected_rows=row["rows_expected"],
            landed_rows=row["rows_landed"],
            ingestion_date=row["ingestion_date"],
            source_reach=row["source_reach"],
            provenance=_provenance(row),
            held_back=row["held_back"],
            rows_without_day=row["rows_without_day"],
        )
        for row in rows
    )
    newest_us = max(row["dataset_version_us"] for row in rows)
    return Batch(
        batch_id=batch_id,
        source=rows[0]["source"],
        is_new=False,
        dataset_version=instant(newest_us),
        source_reach=max((day.source_reach for day in days if day.source_reach), default=None),
        pulled_at=instant(rows[0]["pulled_us"]),
        days=days,
    )


def rows_without_day_before(batches: Table, at: datetime) -> dict[str, int]:
    """How many rows of each dataset belonged to no request day when it was last pulled.

    Args:
        batches: bronze.batches.
        at: Only batches that began before this time, aware.

    Returns:
        Dataset id -> rows, by the newest batch that recorded them.
    """
    rows = (
        batches.read()
        .where(F.col("rows_without_day").isNotNull())
        .where(F.unix_micros("ingested_at") < F.lit(round(at.timestamp() * 1_000_000)))
        .groupBy("dataset_id")
        .agg(F.max_by("rows_without_day", F.struct("ingested_at", "batch_id")).alias("rows"))
        .collect()
    )
    return {row["dataset_id"]: row["rows"] for row in rows}


def newest_pulls(batches: Table, first: date, last: date) -> dict[date, Pull]:
    """The newest whole batch of each ingestion date in a span."""
    rows = (
        batches.read()
        .where(F.col("ingestion_date").between(first, last))
        .select(
            "ingestion_date",
            "batch_id",
            # A collected TIMESTAMP is naive in the client's own zone.
            F.unix_micros("ingested_at").alias("pulled_us"),
            "request_date",
            "rows_expected",
            "rows_landed",
            "source_reach",
            "held_back",
        )
        .collect()
    )
    found: dict[date, dict[tuple[int, str], list[PulledDay]]] = {}
    for row in rows:
        batch = found.setdefault(row["ingestion_date"], {})
        batch.setdefault((row["pulled_us"], row["batch_id"]), []).append(
            PulledDay(
                row["request_date"],
                row["rows_expected"],
                row["rows_landed"],
                row["ingestion_date"],
                row["source_reach"],
                held_back=row["held_back"],
            )
        )
    return {
        ingestion_date: Pull(
            batch_id=max(pulled)[1],
            days=tuple(sorted(pulled[max(pulled)], key=lambda day: day.request_date)),
            first_pulled_at=instant(min(pulled)[0]),
        )
        for ingestion_date, pulled in found.items()
    }


def _provenance(row: Row) -> Provenance | None:
    # Batches recorded before these columns were have nulls in them.
    if row["source_columns"] is None:
        return None
    return Provenance(
        row["dataset_id"], row["query"], tuple(row["page_sha256"]), row["source_columns"]
    )
