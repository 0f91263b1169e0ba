"""Rejected rows that stand: those of the newest merged pull of each request date."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from nyc311_assets.pipeline.contracts import DAYS, REJECTS
from nyc311_assets.pipeline.tables import Lakehouse, Table
from nyc311_assets.pipeline.versions import exists


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which rejected rows; None where all are meant.

    Attributes:
        day: The date of the query that returned them.
        first_partition: First ingestion date.
        last_partition: Last ingestion date.
        reason: Text that one of their reasons holds, in any case.
    """

    day: date | None = None
    first_partition: date | None = None
    last_partition: date | None = None
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class Summary:
    """How many rejected rows stand.

    Attributes:
        rows: All of them.
        reasons: Rows by reason, most first; a row with two reasons counts for both.
        partitions: Rows by ingestion date, oldest first.
    """

    rows: int
    reasons: Mapping[str, int]
    partitions: Mapping[date, int]


class RejectsMissing(LookupError):
    """No row has been judged yet."""


def standing_rejects(spark: SparkSession, lakehouse: Lakehouse, wanted: Wanted) -> DataFrame:
    """The rejected rows that stand.

    Returns:
        The columns of silver.rejects, plus unique_key: the payload's, null if it cannot be read.

    Raises:
        RejectsMissing: silver.rejects or silver.days has not been written.
    """
    rejects, days = Table(spark, lakehouse, REJECTS), Table(spark, lakehouse, DAYS)
    if not (exists(rejects) and exists(days)):
        raise RejectsMissing("There is no silver.rejects yet: materialize silver_requests first.")
    newest = days.read().select(
        "ingestion_date", "batch_id", F.col("request_date").alias("pulled_date")
    )
    rows = (
        rejects.read()
        .join(F.broadcast(newest), ["ingestion_date", "batch_id", "pulled_date"], "left_semi")
        .withColumn("unique_key", F.get_json_object("payload", "$.unique_key"))
    )
    if wanted.day is not None:
        rows = rows.where(F.col("pulled_date") == F.lit(wanted.day))
    if wanted.first_partition is not None:
        rows = rows.where(F.col("ingestion_date") >= F.lit(wanted.first_partition))
    if wanted.last_partition is not None:
        rows = rows.where(F.col("ingestion_date") <= F.lit(wanted.last_partition))
    if wanted.reason is not None:
        text = F.lit(wanted.reason.lower())
        rows = rows.where(F.exists("reasons", lambda reason: F.lower(reason).contains(text)))
    return rows


def summarize(rows: DataFrame) -> Summary:
    """Count rejected rows by reason and by partition, in one query."""
    reasons: Counter[str] = Counter()
    partitions: Counter[date] = Counter()
    for row in rows.groupBy("ingestion_date", "reasons").count().collect():
        partitions[row["ingestion_date"]] += row["count"]
        for reason in row["reasons"]:
            reasons[reason] += row["count"]
    return Summary(
        rows=partitions.total(),
        reasons=dict(reasons.most_common()),
        partitions=dict(sorted(partitions.items())),
    )
