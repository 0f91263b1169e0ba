"""bronze.batches: what was expected of each pull, and what landed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime

from pyspark.sql import Row, SparkSession
from pyspark.sql import functions as F

from nyc311_assets.pipeline.cities import City
from nyc311_assets.pipeline.contracts import BATCHES
from nyc311_assets.pipeline.soda.reconcile import DayReconciliation
from nyc311_assets.pipeline.soda.version import DatasetVersion
from nyc311_assets.pipeline.tables import Table

# A condition on bronze.batches: the rows of the pull and day may go on to silver.
USABLE = "is_reconciled AND held_back IS NULL"


@dataclass(frozen=True, slots=True)
class Provenance:
    """Where the rows of one request date came from.

    Attributes:
        dataset_id: The portal's four-by-four id.
        query: SoQL of the first page; None if none was asked for, because the source counted zero.
        page_sha256: SHA-256 of every answer that the rows came in, sorted.
        source_columns: SODA type of every column that the dataset had, by API name.
    """

    dataset_id: str
    query: str | None
    page_sha256: tuple[str, ...]
    source_columns: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class PulledDay(DayReconciliation):
    """One request date of a batch, as recorded in bronze.batches.

    Attributes:
        ingestion_date: Daily partition that its rows went to.
        source_reach: Newest created_date of its dataset, naive local time.
        provenance: Where its rows came from; None where that was not recorded or not asked.
        held_back: Why its rows are kept out of silver although they landed; None if they are not.
    """

    ingestion_date: date
    source_reach: datetime | None
    provenance: Provenance | None = None
    held_back: str | None = None

    @property
    def is_usable(self) -> bool:
        """Whether its rows may go on to silver: they are whole, and not held back."""
        return self.is_reconciled and self.held_back is None

    @property
    def is_beyond_reach(self) -> bool:
        """The day begins after the newest row that the source has published."""
        return self.source_reach is None or self.request_date > self.source_reach.date()


@dataclass(frozen=True, slots=True)
class Batch:
    """One pull.

    Attributes:
        batch_id: Its id.
        source: Where the rows came from, for people.
        is_new: False if an earlier try had already landed it and nothing was fetched.
        dataset_version: Newest rowsUpdatedAt among the datasets, aware.
        source_reach: Newest created_date at the source, naive local time.
        pulled_at: When the pull began, aware.
        days: The request dates, oldest first.
    """

    batch_id: str
    source: str
    is_new: bool
    dataset_version: datetime
    source_reach: datetime | None
    pulled_at: datetime
    days: tuple[PulledDay, ...]

    def of_partition(self, ingestion_date: date) -> tuple[PulledDay, ...]:
        """The request dates whose rows went to one partition."""
        return tuple(day for day in self.days if day.ingestion_date == ingestion_date)


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
        )
        for row in rows
    )
    newest_us = max(row["dataset_version_us"] for row in rows)
    return Batch(
        batch_id=batch_id,
        source=rows[0]["source"],
        is_new=False,
        dataset_version=datetime.fromtimestamp(newest_us / 1_000_000, UTC),
        source_reach=max((day.source_reach for day in days if day.source_reach), default=None),
        pulled_at=datetime.fromtimestamp(rows[0]["pulled_us"] / 1_000_000, UTC),
        days=days,
    )


def _provenance(row: Row) -> Provenance | None:
    # Batches recorded before these columns were have nulls in them.
    if row["source_columns"] is None:
        return None
    return Provenance(
        row["dataset_id"], row["query"], tuple(row["page_sha256"]), row["source_columns"]
    )
