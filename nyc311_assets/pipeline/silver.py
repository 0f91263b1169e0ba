"""silver.requests: one typed row per request, in its newest version; broken rows kept apart."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from functools import reduce

from pyspark.sql import Row, SparkSession
from pyspark.sql import functions as F

from nyc311_assets.pipeline.accounts import DayAccount, KeyAudit, PartitionCounts
from nyc311_assets.pipeline.batches import newest_pulls
from nyc311_assets.pipeline.cities import City
from nyc311_assets.pipeline.classifications import look_up, record
from nyc311_assets.pipeline.contracts import (
    BATCHES,
    CLASSIFICATIONS,
    DAYS,
    REJECTS,
    silver_requests,
)
from nyc311_assets.pipeline.landed_days import LandedDay, newest_days
from nyc311_assets.pipeline.masks import NO_MASKS, Masks
from nyc311_assets.pipeline.merged_days import merged_before, record_days
from nyc311_assets.pipeline.merging import publish
from nyc311_assets.pipeline.staging import Staged, StagedDay, of_pulls, stage
from nyc311_assets.pipeline.tables import Lakehouse, Table, within


class NothingToRefine(RuntimeError):
    """Bronze holds no usable day for the partitions asked for."""


@dataclass(frozen=True, slots=True)
class Refinement:
    """What a run of the silver step did.

    Attributes:
        partitions: Counts per ingestion date.
        rows_in_bronze: Per ingestion date, what bronze.batches says that these pulls landed.
        accounts: Where the rows of each request date are, if the run merged its newest pull.
        audit: The published table over the run's request dates.
        request_dates: Request dates of the rows read.
        inserted: Requests that were new to silver.
        updated: Requests of which something changed.
        table_version: Version of silver.requests afterwards.
    """

    partitions: Mapping[date, PartitionCounts]
    rows_in_bronze: Mapping[date, int]
    accounts: tuple[DayAccount, ...]
    audit: KeyAudit
    request_dates: tuple[date, ...]
    inserted: int
    updated: int
    table_version: int


def refine(
    spark: SparkSession,
    lakehouse: Lakehouse,
    city: City,
    *,
    ingestion_dates: Collection[date],
    masks: Masks = NO_MASKS,
    clock: Callable[[], datetime] = lambda: datetime.now(UTC),
) -> Refinement:
    """Merge the newest usable pull of each partition's request dates into silver.

    The result does not depend on the order or the number of runs: a request's row is replaced
    only by a version that is newer at the source, and it is current as long as the newest merged
    pull of its day brings it.

    Raises:
        NothingToRefine: No partition has a reconciled day. Where such days are all held back
            nothing is merged, and their checks say why.
    """
    newest_landed = newest_days(spark, lakehouse, ingestion_dates)
    if not newest_landed:
        return _all_held_back(spark, lakehouse, city, ingestion_dates)
    landed = {(day.batch_id, day.request_date): day for day in newest_landed}
    requests = Table(spark, lakehouse, silver_requests(city)).create()
    rejects = Table(spark, lakehouse, REJECTS).create()
    days = Table(spark, lakehouse, DAYS).create()
    classifications = Table(spark, lakehouse, CLASSIFICATIONS).create()
    staged = stage(spark, lakehouse, city, newest_landed, clock(), masks)
    _keep_rejects(staged, rejects, ingestion_dates)
    merged = merged_before(days, staged.request_dates)
    newest = _newest_pulls(staged, merged)
    before = requests.version()
    findings = look_up(requests, classifications, staged, is_empty=before == 0)
    record(classifications, findings)
    published = publish(
        requests,
        classifications,
        staged,
        newest,
        elsewhere=findings.elsewhere,
        before=before,
        is_known=bool(merged),
    )
    found = audit(requests, staged.request_dates)
    moved = _moved(staged, requests, newest, found)
    record_days(days, merged, staged.days, newest, landed, moved)
    return Refinement(
        partitions=_by_partition(staged.days),
        rows_in_bronze=_landed_by_partition(newest_landed),
        accounts=tuple(
            DayAccount(
                request_date=day.request_date,
                ingestion_date=day.ingestion_date,
                rows_at_source=landed[day.batch_id, day.request_date].rows_expected,
                rows_in_bronze=landed[day.batch_id, day.request_date].rows_landed,
                requests_in_silver=found.current.get(day.request_date, 0),
                rejects=day.rows_rejected,
                duplicates=day.rows_superseded + moved.get(day.request_date, 0),
            )
            for day in newest.values()
        ),
        audit=found,
        request_dates=staged.request_dates,
        inserted=published.inserted,
        updated=published.updated,
        table_version=published.version,
    )


def _all_held_back(
    spark: SparkSession, lakehouse: Lakehouse, city: City, ingestion_dates: Collection[date]
) -> Refinement:
    first, last = min(ingestion_dates), max(ingestion_dates)
    pulled = newest_pulls(Table(spark, lakehouse, BATCHES), first, last)
    days = [day for each in ingestion_dates if each in pulled for day in pulled[each].days]
    if not any(day.held_back for day in days):
        raise NothingToRefine(
            f"No reconciled batch in bronze for {first} to {last}: materialize raw_311 for these "
            "partitions first."
        )
    return Refinement(
        partitions={},
        rows_in_bronze={},
        accounts=(),
        audit=KeyAudit(rows=0, distinct_keys=0, rows_with_nulls=0, current={}),
        request_dates=(),
        inserted=0,
        updated=0,
        table_version=Table(spark, lakehouse, silver_requests(city)).create().version(),
    )


def audit(requests: Table, request_dates: Collection[date]) -> KeyAudit:
    """Count keys, nulls and current rows in the published table over some request dates."""
    missing = reduce(
        lambda left, right: left | right,
        (F.col(name).isNull() for name in requests.contract.required),
    )
    by_day = (
        requests.read()
        .where(within(request_dates))
        .groupBy("unique_key")
        .agg(
            F.max("request_date").alias("request_date"),
            F.count("*").alias("rows"),
            F.count_if("is_current").alias("current"),
            F.count_if(missing).alias("rows_with_nulls"),
        )
        .groupBy("request_date")
        .agg(
            F.sum("rows").alias("rows"),
            F.count("*").alias("keys"),
            F.sum("current").alias("current"),
            F.sum("rows_with_nulls").alias("rows_with_nulls"),
        )
        .collect()
    )
    return KeyAudit(
        rows=sum(row["rows"] for row in by_day),
        distinct_keys=sum(row["keys"] for row in by_day),
        rows_with_nulls=sum(row["rows_with_nulls"] for row in by_day),
        current={row["request_date"]: row["current"] for row in by_day},
    )


def _newest_pulls(staged: Staged, merged: Mapping[date, Row]) -> dict[date, StagedDay]:
    """Request dates of which this run merges the newest pull that was ever merged, and that pull."""
    newest: dict[date, StagedDay] = {}
    # Ordered by time within each request date: the last one stays.
    for day in staged.days:
        before = merged.get(day.request_date)
        if before is None or (day.pulled_us, day.batch_id) >= (
            before["pulled_us"],
            before["batch_id"],
        ):
            newest[day.request_date] = day
    return newest


def _moved(
    staged: Staged, requests: Table, newest: Mapping[date, StagedDay], found: KeyAudit
) -> dict[date, int]:
    """By request date, how many requests of its newest pull stand on another day by now.

    The source has corrected when they were created, and a newer version of them came with the
    pull of that day. They are looked for only where requests are missing.
    """
    short = [
        day for day in newest.values() if found.current.get(day.request_date, 0) < day.rows_kept
    ]
    if not short:
        return {}
    pulled = staged.sound.where(of_pulls(short)).select("unique_key", "pulled_date").distinct()
    rows = (
        requests.read()
        .join(pulled, "unique_key")
        .where("request_date <> pulled_date")
        .groupBy("pulled_date")
        .count()
        .collect()
    )
    return {row["pulled_date"]: row["count"] for row in rows}


def _keep_rejects(staged: Staged, rejects: Table, ingestion_dates: Collection[date]) -> None:
    """Make the rejects of the run's partitions and days exactly those that break a rule now.

    Those of an earlier pull that this one supersedes go: else they would stay for ever, and as
    they were masked, or not, when they came.
    """
    of_these = (
        f"{within(ingestion_dates, 'ingestion_date')} AND "
        f"{within(staged.request_dates, 'pulled_date')}"
    )
    any_broken = any(day.rows_rejected for day in staged.days)
    if any_broken or not rejects.read().where(of_these).isEmpty():
        rejects.replace_where(staged.rows.where(F.size("reasons") > 0), of_these)


def _by_partition(days: Collection[StagedDay]) -> dict[date, PartitionCounts]:
    grouped: dict[date, list[StagedDay]] = defaultdict(list)
    for day in days:
        grouped[day.ingestion_date].append(day)
    return {
        partition: PartitionCounts(
            rows_read=sum(day.rows_read for day in each),
            rows_kept=sum(day.rows_kept for day in each),
            rows_superseded=sum(day.rows_superseded for day in each),
            rows_rejected=sum(day.rows_rejected for day in each),
        )
        for partition, each in sorted(grouped.items())
    }


def _landed_by_partition(landed: Collection[LandedDay]) -> dict[date, int]:
    rows: dict[date, int] = defaultdict(int)
    for day in landed:
        rows[day.ingestion_date] += day.rows_landed
    return dict(rows)
