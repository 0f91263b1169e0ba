"""Counts of requests as they were known on a past date."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta

from pyspark.sql import Column, DataFrame, SparkSession
from pyspark.sql import functions as F

from nyc311_assets.pipeline.cities import City
from nyc311_assets.pipeline.contracts import CLASSIFICATIONS, silver_requests
from nyc311_assets.pipeline.tables import Lakehouse, Table
from nyc311_assets.pipeline.versions import Version, VersionMissing, exists, read_history
from nyc311_assets.pipeline.vocabulary import canonical_type

_SERIES = ("request_date", "complaint_type", "borough", "agency")


def counts_as_known(
    spark: SparkSession, lakehouse: Lakehouse, city: City, known_on: date
) -> DataFrame:
    """Counts of requests as the partitions up to a date would have given them.

    A request counts if one of these partitions brought it, also one that the source has removed
    since: when a request went is not kept. Its borough is today's. Its complaint
    type and agency are those of that date: what stands in silver.requests if its present content
    was known by then, else the newest classification that was, under its name of today.

    Args:
        spark: The session.
        lakehouse: Where the tables are.
        city: Gives the fields of silver.requests, and the names of complaint types.
        known_on: The last ingestion date that counts.

    Returns:
        request_date, complaint_type, borough, agency, requests.
    """
    known = (
        Table(spark, lakehouse, silver_requests(city))
        .read()
        .where(F.col("first_seen") <= F.lit(known_on))
        .select("unique_key", "last_changed", *_SERIES)
    )
    classifications = Table(spark, lakehouse, CLASSIFICATIONS)
    if exists(classifications):
        by_then = (
            classifications.read()
            .where(F.col("since") <= F.lit(known_on))
            .groupBy("unique_key")
            # Two of one date: any, but always the same.
            .agg(F.max(F.struct("since", "complaint_type", "agency")).alias("then"))
            .select("unique_key", "then.agency", _name_of_today(city).alias("complaint_type"))
            .alias("by_then")
        )
        is_later = F.col("last_changed") > F.lit(known_on)
        known = (
            known.alias("now")
            .join(by_then, "unique_key", "left")
            .select(
                "request_date",
                "borough",
                *(
                    F.when(is_later, F.coalesce(f"by_then.{name}", f"now.{name}"))
                    .otherwise(F.col(f"now.{name}"))
                    .alias(name)
                    for name in ("complaint_type", "agency")
                ),
            )
        )
    return known.groupBy(*_SERIES).agg(F.count("*").alias("requests"))


def _name_of_today(city: City) -> Column:
    """A type may have been recorded before the city's table knew its new name."""
    return canonical_type(city, F.col("then.complaint_type"), F.col("then.agency"))


def counts_exactly(
    spark: SparkSession, lakehouse: Lakehouse, city: City, known_on: date, *, now: datetime
) -> tuple[DataFrame, Version]:
    """Counts in the version of silver.requests that was current when a date ended, local time.

    Unlike `counts_as_known` this is what a reader really got then, late or failed runs and all.

    Returns:
        request_date, complaint_type, borough, agency, requests; and the version.

    Raises:
        TableMissing: There is no silver.requests.
        VersionMissing: The date has not ended, or its version is gone.
    """
    requests = Table(spark, lakehouse, silver_requests(city))
    history = read_history(requests, now=now)
    end = datetime.combine(known_on + timedelta(days=1), time(), city.time_zone)
    version = history.at(end, zone=city.time_zone)
    oldest = history.oldest
    if version.number < oldest.number:
        raise VersionMissing(
            f"At the end of {known_on} silver.requests was at version {version.number}, which "
            f"Delta does not keep whole any more: it does from version {oldest.number} "
            f"({oldest.written_at.astimezone(city.time_zone).isoformat(' ', 'seconds')}) on. "
            "Count by partitions (not exactly): that needs no old version."
        )
    counts = requests.at_version(version.number).where("is_current").groupBy(*_SERIES)
    return counts.agg(F.count("*").alias("requests")), version
