"""Requests per day and complaint type, which the checks of raw_311 and of gold look back on."""

from __future__ import annotations

from collections.abc import Collection
from datetime import date, timedelta

from pyspark.sql import SparkSession
from pyspark.sql import functions as F

from nyc311_assets.pipeline.checks.levels import LEVEL_HISTORY_DAYS
from nyc311_assets.pipeline.contracts import DAILY_COUNTS
from nyc311_assets.pipeline.tables import Lakehouse, Table
from nyc311_assets.pipeline.versions import exists


def daily_types(
    spark: SparkSession, lakehouse: Lakehouse, first: date, last: date
) -> dict[date, dict[str, int]]:
    """Requests per complete request date and complaint type, from gold.daily_counts.

    A lakehouse without gold has none.
    """
    counts = Table(spark, lakehouse, DAILY_COUNTS)
    if not exists(counts):
        return {}
    rows = (
        counts.read()
        .where(F.col("request_date").between(first, last) & F.col("is_complete"))
        .groupBy("request_date", "complaint_type")
        .agg(F.sum("requests").alias("requests"))
    )
    days: dict[date, dict[str, int]] = {}
    for row in rows.collect():
        if row["requests"]:
            days.setdefault(row["request_date"], {})[row["complaint_type"]] = row["requests"]
    return days


def types_with_history(
    spark: SparkSession, lakehouse: Lakehouse, request_dates: Collection[date]
) -> dict[date, dict[str, int]]:
    """`daily_types` of some request dates and of the days before that their level looks back on."""
    first = min(request_dates) - timedelta(days=LEVEL_HISTORY_DAYS)
    return daily_types(spark, lakehouse, first, max(request_dates))
