"""silver.requests: one typed row per request, in its newest version; broken rows kept apart."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from functools import reduce

from pyspark.sql import SparkSession
from pyspark.sql import functions as F

from nyc311_assets.pipeline.cities import City
from nyc311_assets.pipeline.contracts import DAYS, REJECTS, silver_requests
from nyc311_assets.pipeline.masks import NO_MASKS, Masks
from nyc311_assets.pipeline.merging import publish
from nyc311_assets.pipeline.staging import LandedDay, Staged, StagedDay, newest_days, stage
from nyc311_assets.pipeline.tables import Lakehouse, Table, within


class NothingToRefine(RuntimeError):
    """Bronze holds no usable day for the partitions asked for."""


@dataclass(frozen=True, slots=True)
class PartitionCounts:
    """What became of one partition's rows: read = kept + superseded + rejected.

    Attributes:
        rows_read: Rows of its newest batch, in usable request dates.
        rows_kept: Sound rows, each request once.
        rows_superseded: Older or equal copies of a request in the same pull.
        rows_rejected: Rows that break the contract.
    """

    rows_read: int = 0
    rows_kept: int = 0
    rows_superseded: int = 0
    rows_rejected: int = 0

    @property
    def reject_rate(self) -> float:
        """Rejected rows as a share of the rows read; 0 for none read."""
        return self.rows_rejected / self.rows_read if self.rows_read else 0.0


@dataclass(frozen=True, slots=True)
class DayAccount:
    """Where the rows of a request date's newest merged pull are.

    Attributes:
        request_date: The date of the query.
        ingestion_date: Daily partition of the pull.
        rows_at_source: The source's own count.
        rows_in_bronze: Rows that landed.
        requests_in_silver: Current rows of the day in the published silver.requests.
        rejects: Rows of the pull that break the contract.
        duplicates: Older or equal copies of a request in the pull.
    """

    request_date: date
    ingestion_date: date
    rows_at_source: int
    rows_in_bronze: int
    requests_in_silver: int
    rejects: int
    duplicates: int

    @property
    def adds_up(self) -> bool:
        """Source = bronze = silver + rejects + duplicates."""
        accounted = self.requests_in_silver + self.rejects + self.duplicates
        return self.rows_at_source == self.rows_in_bronze == accounted


@dataclass(frozen=True, slots=True)
class KeyAudit:
    """silver.requests, as it stands, over the request dates of a run.

    Attributes:
        rows: Its rows.
        distinct_keys: Different unique_keys among them.
        rows_with_nulls: Rows with a null in a column that the contract requires.
        current: Current rows per request date.
    """

    rows: int
    distinct_keys: int
    rows_with_nulls: int
    current: Mapping[date, int]


@dataclass(frozen=True, slots=True)
class Refinement:
    """What a run of the silver step did.

    Attributes:
        partitions: Counts per ingestion date.
        rows_in_bronze: Per ingestion date, what bronze.batches says its newest batch landed.
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
    """Merge the newest whole batch of each partition into silver.

    The result does not depend on the order or the number of runs: a request's row is replaced
    only by a version that is newer at the source, and it is current as long as the newest merged
    pull of its day brings it.

    Raises:
        NothingToRefine: No partition has a usable day in its newest batch.
    """
    newest_landed = newest_days(spark, lakehouse, ingestion_dates)
    if not newest_landed:
        raise NothingToRefine(
            f"No reconciled batch in bronze for {min(ingestion_dates)} to {max(ingestion_dates)}, "
            "or all its days are held back: materialize raw_311 for these partitions first, and see "
            "its checks not_flat_lined and not_doubled."
        )
    landed = {(day.batch_id, day.request_date): day for day in newest_landed}
    requests = Table(spark, lakehouse, silver_requests(city)).create()
    rejects = Table(spark, lakehouse, REJECTS).create()
    days = Table(spark, lakehouse, DAYS).create()
    staged = stage(spark, lakehouse, city, newest_landed, clock(), masks)
    _keep_rejects(staged, rejects, ingestion_dates)
    merged = _merged(staged, days)
    newest = _newest_pulls(staged, merged)
    published = publish(requests, staged, newest, is_known=bool(merged))
    _record(days, newest, landed)
    found = audit(requests, staged.request_dates)
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
                duplicates=day.rows_superseded,
            )
            for day in newest.values()
        ),
        audit=found,
        request_dates=staged.request_dates,
        inserted=published.inserted,
        updated=published.updated,
        table_version=published.version,
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


def _merged(staged: Staged, days: Table) -> dict[date, tuple[int, str]]:
    """Request date -> moment (microseconds) and batch of the newest pull merged before this run."""
    rows = (
        days.read()
        .where(within(staged.request_dates))
        .select("request_date", F.unix_micros("ingested_at"), "batch_id")
        .collect()
    )
    return {request_date: (pulled_us, batch_id) for request_date, pulled_us, batch_id in rows}


def _newest_pulls(staged: Staged, merged: Mapping[date, tuple[int, str]]) -> dict[date, StagedDay]:
    """Request dates of which this run merges the newest pull that was ever merged, and that pull."""
    newest: dict[date, StagedDay] = {}
    # Ordered by time within each request date: the last one stays.
    for day in staged.days:
        if (day.pulled_us, day.batch_id) >= merged.get(day.request_date, (0, "")):
            newest[day.request_date] = day
    return newest


def _record(
    days: Table,
    newest: Mapping[date, StagedDay],
    landed: Mapping[tuple[str, date], LandedDay],
) -> None:
    if not newest:
        return
    rows = [
        (
            day.request_date,
            day.ingestion_date,
            day.batch_id,
            datetime.fromtimestamp(day.pulled_us / 1_000_000, UTC),
            landed[day.batch_id, day.request_date].rows_expected,
            landed[day.batch_id, day.request_date].rows_landed,
            day.rows_kept,
            day.rows_rejected,
            day.rows_superseded,
        )
        for day in newest.values()
    ]
    schema = ", ".join(f"{column.name} {column.type}" for column in DAYS.columns)
    frame = days.spark.createDataFrame(rows, schema).coalesce(1)
    days.replace_where(frame, within(newest))


def _keep_rejects(staged: Staged, rejects: Table, ingestion_dates: Collection[date]) -> None:
    """Make the rejects of the run's pulls exactly those that break a rule now."""
    batches = ", ".join(f"'{batch}'" for batch in sorted({day.batch_id for day in staged.days}))
    of_these = f"batch_id IN ({batches}) AND {within(ingestion_dates, 'ingestion_date')}"
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
