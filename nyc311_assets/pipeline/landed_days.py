"""The request dates in bronze that silver may take, and their rows."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date, datetime

from pyspark.sql import DataFrame, Row, SparkSession
from pyspark.sql import functions as F

from nyc311_assets.pipeline.batches import USABLE
from nyc311_assets.pipeline.contracts import BATCHES, RAW_311
from nyc311_assets.pipeline.days import is_past
from nyc311_assets.pipeline.tables import Lakehouse, Table, within


@dataclass(frozen=True, slots=True)
class LandedDay:
    """A usable request date of a batch, as recorded in bronze.batches.

    Attributes:
        batch_id: The pull.
        ingestion_date: Its daily partition.
        request_date: The date of the query.
        rows_expected: The source's own count.
        rows_landed: Rows in bronze.raw_311.
        source_reach: Newest created_date at the source then, naive local time.
    """

    batch_id: str
    ingestion_date: date
    request_date: date
    rows_expected: int
    rows_landed: int
    source_reach: datetime | None

    @property
    def is_whole(self) -> bool:
        """The source had got past the end of the day."""
        return is_past(self.request_date, self.source_reach)


def newest_days(
    spark: SparkSession, lakehouse: Lakehouse, ingestion_dates: Collection[date]
) -> tuple[LandedDay, ...]:
    """Of each partition and request date the newest pull that is reconciled and not held back.

    It is the one that `expiry` keeps: where the newest batch has a day that cannot be used, an
    earlier batch of the partition stands for that day, so that bronze alone gives silver again.
    """
    rows = (
        Table(spark, lakehouse, BATCHES)
        .create()
        .read()
        .where(within(ingestion_dates, "ingestion_date"))
        .where(USABLE)
        .select(
            *("batch_id", "ingestion_date", "request_date"),
            *("rows_expected", "rows_landed", "source_reach"),
            # A collected TIMESTAMP is naive in the client's own zone.
            F.unix_micros("ingested_at").alias("pulled_us"),
        )
        .collect()
    )
    newest: dict[tuple[date, date], Row] = {}
    # Some rows a day: Spark takes longer to plan a window over them than to send them all.
    for row in sorted(rows, key=lambda each: (each["pulled_us"], each["batch_id"])):
        newest[row["ingestion_date"], row["request_date"]] = row
    return tuple(LandedDay(*row[:-1]) for row in newest.values())


def rows_of(spark: SparkSession, lakehouse: Lakehouse, landed: Collection[LandedDay]) -> DataFrame:
    """The rows in bronze.raw_311 of some batches' request dates."""
    keys = [(day.batch_id, day.request_date) for day in landed]
    wanted = spark.createDataFrame(keys, "batch_id STRING, request_date DATE")
    partitions = within((day.ingestion_date for day in landed), "ingestion_date")
    raw = Table(spark, lakehouse, RAW_311).create().read()
    return raw.where(partitions).join(F.broadcast(wanted), ["batch_id", "request_date"])
