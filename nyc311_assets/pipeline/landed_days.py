"""The request dates in bronze that silver may take, and their rows."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date

from pyspark.sql import DataFrame, SparkSession, Window
from pyspark.sql import functions as F

from nyc311_assets.pipeline.batches import USABLE
from nyc311_assets.pipeline.contracts import BATCHES, RAW_311
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
    """

    batch_id: str
    ingestion_date: date
    request_date: date
    rows_expected: int
    rows_landed: int


def newest_days(
    spark: SparkSession, lakehouse: Lakehouse, ingestion_dates: Collection[date]
) -> tuple[LandedDay, ...]:
    """Of each partition and request date the newest pull that is reconciled and not held back.

    It is the one that `expiry` keeps: where the newest batch has a day that cannot be used, an
    earlier batch of the partition stands for that day, so that bronze alone gives silver again.
    """
    newest_first = Window.partitionBy("ingestion_date", "request_date").orderBy(
        F.col("ingested_at").desc(), F.col("batch_id").desc()
    )
    rows = (
        Table(spark, lakehouse, BATCHES)
        .create()
        .read()
        .where(within(ingestion_dates, "ingestion_date"))
        .where(USABLE)
        .withColumn("newest", F.first("batch_id").over(newest_first))
        .where(F.col("batch_id") == F.col("newest"))
        .select("batch_id", "ingestion_date", "request_date", "rows_expected", "rows_landed")
        .collect()
    )
    return tuple(LandedDay(*row) for row in rows)


def rows_of(spark: SparkSession, lakehouse: Lakehouse, landed: Collection[LandedDay]) -> DataFrame:
    """The rows in bronze.raw_311 of some batches' request dates."""
    keys = [(day.batch_id, day.request_date) for day in landed]
    wanted = spark.createDataFrame(keys, "batch_id STRING, request_date DATE")
    partitions = within((day.ingestion_date for day in landed), "ingestion_date")
    raw = Table(spark, lakehouse, RAW_311).create().read()
    return raw.where(partitions).join(F.broadcast(wanted), ["batch_id", "request_date"])
