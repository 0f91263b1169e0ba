"""bronze.raw_311: the source's rows as they came, with what was expected of each pull."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from urllib.parse import urlsplit

from pyspark.sql import DataFrame, Row, SparkSession
from pyspark.sql import functions as F

from nyc311_assets.pipeline.cities import City
from nyc311_assets.pipeline.contracts import BATCHES, RAW_311
from nyc311_assets.pipeline.days import plan_pull
from nyc311_assets.pipeline.soda.client import SodaClient
from nyc311_assets.pipeline.soda.source import SodaDataSource, soda_options
from nyc311_assets.pipeline.soda.version import DatasetVersion
from nyc311_assets.pipeline.tables import Lakehouse, Table

_LOCAL_HOSTS = {"127.0.0.1", "localhost", "::1"}


class SourceMixed(RuntimeError):
    """Rows of two different sources would land in one lakehouse."""


class EmptyPull(RuntimeError):
    """The source has no row at all for what was asked."""


@dataclass(frozen=True, slots=True)
class PulledDay:
    """One request date of a batch, as recorded in bronze.batches."""

    request_date: date
    ingestion_date: date
    rows_expected: int
    rows_landed: int
    source_reach: datetime | None

    @property
    def is_reconciled(self) -> bool:
        """Every expected row landed, no other did, and there was at least one."""
        return self.rows_landed == self.rows_expected > 0

    @property
    def is_empty(self) -> bool:
        """The source had no row for the day."""
        return self.rows_expected == 0 and self.rows_landed == 0

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
        days: The request dates, oldest first.
    """

    batch_id: str
    source: str
    is_new: bool
    dataset_version: datetime
    source_reach: datetime | None
    days: tuple[PulledDay, ...]

    def of_partition(self, ingestion_date: date) -> tuple[PulledDay, ...]:
        """The request dates whose rows went to one partition."""
        return tuple(day for day in self.days if day.ingestion_date == ingestion_date)


@dataclass(frozen=True, slots=True)
class Fetch:
    """How the source is read.

    Attributes:
        url: Base address of the SODA source.
        app_token: Socrata app token, if there is one.
        parallel_requests: Most requests at one time.
        cache_folder: Folder of cached answers, reachable from every worker.
        progress_folder: Folder where workers mark finished request dates.
    """

    url: str
    app_token: str | None
    parallel_requests: int
    cache_folder: Path
    progress_folder: Path


def source_name(url: str, version: DatasetVersion) -> str:
    """Name of a source that tells a city's own rows from made-up ones."""
    host = urlsplit(url).hostname or url
    return version.provenance if host in _LOCAL_HOSTS else host


def ingest(
    spark: SparkSession,
    lakehouse: Lakehouse,
    city: City,
    client: SodaClient,
    fetch: Fetch,
    *,
    ingestion_dates: Iterable[date],
    batch_id: str,
    now: datetime,
) -> Batch:
    """Pull the request dates of the given partitions and append them to bronze.

    A batch that has already landed is not fetched again: its record is returned.

    Raises:
        SourceMixed: The lakehouse holds rows of another source.
        EmptyPull: The source has no row for any of the request dates.
        SodaError: The source did not answer as it should.
    """
    raw = Table(spark, lakehouse, RAW_311).create()
    batches = Table(spark, lakehouse, BATCHES).create()
    recorded = _recorded(batches, batch_id)
    if recorded is not None:
        return recorded

    plan = plan_pull(city, ingestion_dates)
    by_dataset = _by_dataset(city, plan)
    versions = {dataset_id: client.dataset_version(dataset_id) for dataset_id in by_dataset}
    source = _one_source(batches, fetch.url, versions.values())
    reach = {dataset_id: client.reach(dataset_id) for dataset_id in by_dataset}
    expected = _count(client, by_dataset)
    if not any(expected.values()):
        first, last = min(plan), max(plan)
        raise EmptyPull(
            f"{source} has no row for {first} to {last} (newest: {max(filter(None, reach.values()), default=None)}). "
            "Nothing was written. Choose partitions the source has published, or wait for it to publish."
        )

    spark.dataSource.register(SodaDataSource)
    frame = (
        spark.read.format("soda")
        .options(
            **soda_options(
                city,
                url=fetch.url,
                app_token=fetch.app_token,
                request_dates=tuple(plan),
                versions=versions,
                parallel_requests=fetch.parallel_requests,
                cache_path=fetch.cache_folder,
                progress_path=fetch.progress_folder,
            )
        )
        .load()
    )
    raw.append_once(_with_batch(frame, plan, batch_id, now), f"raw_311:{batch_id}")
    landed = _landed(raw, plan, batch_id)
    if any(landed.get(day, 0) > count for day, count in expected.items()):
        # Replicas disagree about young days: the larger of several counts is the true one.
        again = _count(client, by_dataset)
        expected = {day: max(count, again[day]) for day, count in expected.items()}
    days = tuple(
        PulledDay(
            request_date,
            ingestion_date,
            expected[request_date],
            landed.get(request_date, 0),
            reach[city.dataset_for(request_date).dataset_id],
        )
        for request_date, ingestion_date in plan.items()
    )
    batch = Batch(
        batch_id=batch_id,
        source=source,
        is_new=True,
        dataset_version=max(version.rows_updated_at for version in versions.values()),
        source_reach=max(filter(None, reach.values()), default=None),
        days=days,
    )
    _record(spark, batches, city, batch, versions, now)
    return batch


def _by_dataset(city: City, request_dates: Iterable[date]) -> dict[str, list[date]]:
    by_dataset: dict[str, list[date]] = {}
    for request_date in request_dates:
        by_dataset.setdefault(city.dataset_for(request_date).dataset_id, []).append(request_date)
    return by_dataset


def _count(client: SodaClient, by_dataset: Mapping[str, list[date]]) -> dict[date, int]:
    counts: dict[date, int] = {}
    for dataset_id, days in by_dataset.items():
        wanted = set(days)
        per_day = client.rows_per_day(dataset_id, min(days), max(days))
        counts.update({day: count for day, count in per_day.items() if day in wanted})
    return counts


def _one_source(batches: Table, url: str, versions: Iterable[DatasetVersion]) -> str:
    sources = {source_name(url, version) for version in versions}
    known = {row["source"] for row in batches.read().select("source").distinct().collect()}
    if len(sources | known) > 1:
        raise SourceMixed(
            f"This lakehouse holds rows of {', '.join(sorted(known)) or 'no source'}; "
            f"the configured source is {', '.join(sorted(sources))} at {url}. "
            "Use another NYC311_HOME (or catalog) for each source: mixed rows cannot be told apart."
        )
    return sources.pop()


def _with_batch(
    frame: DataFrame, plan: Mapping[date, date], batch_id: str, now: datetime
) -> DataFrame:
    first = min(plan.values())
    # A request date goes to its own partition, or to the first of the range when it is older;
    # only partitions with gaps between them need the explicit map.
    moved = {day: to for day, to in plan.items() if to != max(day, first)}
    ingestion_date = F.greatest(F.col("request_date"), F.lit(first))
    for day, to in moved.items():
        ingestion_date = F.when(F.col("request_date") == F.lit(day), F.lit(to)).otherwise(
            ingestion_date
        )
    return (
        frame.withColumn("ingestion_date", ingestion_date)
        .withColumn("batch_id", F.lit(batch_id))
        .withColumn("ingested_at", F.lit(now))
    )


def _landed(raw: Table, plan: Mapping[date, date], batch_id: str) -> dict[date, int]:
    partitions = sorted(set(plan.values()))
    rows = (
        raw.read()
        .where(F.col("ingestion_date").between(partitions[0], partitions[-1]))
        .where(F.col("batch_id") == batch_id)
        .groupBy("request_date")
        .agg(F.count("*").alias("rows"))
        .collect()
    )
    return {row["request_date"]: row["rows"] for row in rows}


def _record(
    spark: SparkSession,
    batches: Table,
    city: City,
    batch: Batch,
    versions: Mapping[str, DatasetVersion],
    now: datetime,
) -> None:
    def record(day: PulledDay) -> Row:
        version = versions[city.dataset_for(day.request_date).dataset_id]
        return Row(
            batch_id=batch.batch_id,
            ingestion_date=day.ingestion_date,
            request_date=day.request_date,
            ingested_at=now,
            dataset_id=version.dataset_id,
            dataset_version=version.rows_updated_at,
            source=batch.source,
            source_reach=day.source_reach,
            rows_expected=day.rows_expected,
            rows_landed=day.rows_landed,
            is_reconciled=day.is_reconciled,
        )

    schema = ", ".join(f"{column.name} {column.type}" for column in BATCHES.columns)
    frame = spark.createDataFrame([record(day) for day in batch.days], schema)
    batches.append_once(frame.coalesce(1), f"batches:{batch.batch_id}")


def _recorded(batches: Table, batch_id: str) -> Batch | None:
    # Instants are read as microseconds: a collected TIMESTAMP is naive in the client's own zone.
    version_us = F.unix_micros("dataset_version").alias("dataset_version_us")
    rows = (
        batches.read()
        .where(F.col("batch_id") == batch_id)
        .select("*", version_us)
        .orderBy("request_date")
        .collect()
    )
    if not rows:
        return None
    days = tuple(
        PulledDay(
            row["request_date"],
            row["ingestion_date"],
            row["rows_expected"],
            row["rows_landed"],
            row["source_reach"],
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
        days=days,
    )
