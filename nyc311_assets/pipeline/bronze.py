"""bronze.raw_311: the source's rows as they came, with what was expected of each pull."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime, time, timedelta
from pathlib import Path
from urllib.parse import urlsplit

from pyspark.errors import PySparkException
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from nyc311_assets.pipeline.batches import known_sources, read_batch, record_batch
from nyc311_assets.pipeline.cities import City, Dataset
from nyc311_assets.pipeline.contracts import BATCHES, RAW_311
from nyc311_assets.pipeline.days import plan_pull
from nyc311_assets.pipeline.landing import LandedRows, landed_rows
from nyc311_assets.pipeline.pulls import Batch, Provenance, PulledDay, published_at
from nyc311_assets.pipeline.soda.client import SodaClient
from nyc311_assets.pipeline.soda.errors import EmptyPullError, is_source_moved
from nyc311_assets.pipeline.soda.options import PAGE_SIZE
from nyc311_assets.pipeline.soda.queries import page_query
from nyc311_assets.pipeline.soda.reconcile import DayReconciliation, reconcile
from nyc311_assets.pipeline.soda.source import SodaDataSource, soda_options
from nyc311_assets.pipeline.soda.version import DatasetVersion
from nyc311_assets.pipeline.tables import Lakehouse, Table

_LOCAL_HOSTS = {"127.0.0.1", "localhost", "::1"}


Inspect = Callable[[Batch, Mapping[date, Mapping[str, int]]], Mapping[date, str]]
"""Given a batch and, by request date, its rows per complaint type: the days to hold back, and why."""


class SourceMixed(RuntimeError):
    """Rows of two different sources would land in one lakehouse."""


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


def hold_back_nothing(batch: Batch, types: Mapping[date, Mapping[str, int]]) -> Mapping[date, str]:
    """An Inspect that lets every day go on."""
    del batch, types
    return {}


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
    inspect: Inspect = hold_back_nothing,
) -> Batch:
    """Pull the request dates of the given partitions and append them to bronze.

    A batch that has already landed is not fetched again: its record is returned.

    Args:
        spark: The session.
        lakehouse: Where the tables are.
        city: Whose requests they are.
        client: Asks the source what it has.
        fetch: How its rows are read.
        ingestion_dates: The partitions.
        batch_id: The pull; the same in a retry.
        now: When it began, aware.
        inspect: Judges what has landed before it is recorded, and names the days that silver must
            not take. Of a batch that had landed it is asked once more, and its record stays.

    Raises:
        SourceMixed: The lakehouse holds rows of another source.
        EmptyPullError: The source has no row for any of the request dates.
        SodaError: The source did not answer as it should.
    """
    raw = Table(spark, lakehouse, RAW_311).create()
    batches = Table(spark, lakehouse, BATCHES).create()
    plan = plan_pull(city, ingestion_dates)
    partitions = set(plan.values())
    recorded = read_batch(batches, batch_id)
    if recorded is not None:
        inspect(recorded, _types(landed_rows(raw, city, batch_id, partitions)))
        return recorded

    known = known_sources(batches)
    pull = _prepare(city, client, fetch.url, plan, known)
    try:
        _append(raw, city, fetch, pull, plan, batch_id, now)
    except PySparkException as error:
        if not is_source_moved(error):
            raise
        # The source published while it was read, and nothing was written: once more, all of it.
        pull = _prepare(city, client, fetch.url, plan, known)
        _append(raw, city, fetch, pull, plan, batch_id, now)
    landed = landed_rows(raw, city, batch_id, partitions)
    rows = {day: found.rows for day, found in landed.items()}
    expected = pull.expected
    if any(rows.get(day, 0) > count for day, count in expected.items()):
        # Replicas disagree about young days: the larger of several counts is the true one.
        again = _count(client, by_dataset(city, plan))
        expected = {day: max(count, again[day]) for day, count in expected.items()}
    batch = Batch(
        batch_id=batch_id,
        source=pull.source,
        is_new=True,
        dataset_version=max(version.rows_updated_at for version in pull.versions.values()),
        source_reach=max(filter(None, pull.reach.values()), default=None),
        pulled_at=now,
        days=tuple(
            _pulled_day(day, plan, pull, city, landed.get(day.request_date))
            for day in reconcile(expected, rows)
        ),
    )
    held_back = inspect(batch, _types(landed))
    batch = replace(
        batch,
        days=tuple(replace(day, held_back=held_back.get(day.request_date)) for day in batch.days),
    )
    record_batch(spark, batches, city, batch, pull.versions)
    return batch


def _types(landed: Mapping[date, LandedRows]) -> dict[date, Mapping[str, int]]:
    return {day: found.types for day, found in landed.items()}


@dataclass(frozen=True, slots=True)
class _Pull:
    """What the source says of itself before a pull."""

    source: str
    versions: Mapping[str, DatasetVersion]
    reach: Mapping[str, datetime | None]
    rows_without_day: Mapping[str, int]
    expected: Mapping[date, int]

    @property
    def cache_source(self) -> str | None:
        """A name under which cached answers stay good when an embedded feed changes its port."""
        names = ", ".join(sorted({version.name for version in self.versions.values()}))
        return f"{self.source}: {names}" if self.source == "synthetic" else None


def _prepare(
    city: City, client: SodaClient, url: str, plan: Mapping[date, date], known: set[str]
) -> _Pull:
    datasets = by_dataset(city, plan)
    versions = {dataset_id: client.dataset_version(dataset_id) for dataset_id in datasets}
    source = _one_source(known, url, versions.values())
    published = {id_: published_at(city, version) for id_, version in versions.items()}
    reach = {dataset_id: client.reach(dataset_id, until) for dataset_id, until in published.items()}
    rows_without_day = {
        dataset.dataset_id: client.rows_without_day(
            dataset.dataset_id,
            dataset.first_date,
            _last_moment(dataset, published[dataset.dataset_id]),
        )
        for dataset in city.datasets
        if dataset.dataset_id in datasets
    }
    expected = _count(client, datasets)
    if not any(expected.values()):
        newest = max(filter(None, reach.values()), default=None)
        raise EmptyPullError(
            f"{source} has no row for {min(plan)} to {max(plan)} (its newest is of {newest}). "
            "Nothing was written. Choose partitions that the source has published, or wait until "
            "it publishes them."
        )
    return _Pull(source, versions, reach, rows_without_day, expected)


def _last_moment(dataset: Dataset, published: datetime) -> datetime:
    """The last moment at which a row of a dataset can have been created, naive local time."""
    if dataset.last_date is None:
        return published
    # SODA's times are in milliseconds.
    end = datetime.combine(dataset.last_date + timedelta(days=1), time.min)
    return min(published, end - timedelta(milliseconds=1))


def _append(
    raw: Table,
    city: City,
    fetch: Fetch,
    pull: _Pull,
    plan: Mapping[date, date],
    batch_id: str,
    now: datetime,
) -> None:
    """Read the planned request dates and append their rows, all or none."""
    spark = raw.spark
    spark.dataSource.register(SodaDataSource)
    options = soda_options(
        city,
        url=fetch.url,
        app_token=fetch.app_token,
        request_dates=tuple(plan),
        versions=pull.versions,
        parallel_requests=fetch.parallel_requests,
        cache_path=fetch.cache_folder,
        cache_source=pull.cache_source,
        progress_path=fetch.progress_folder,
        rows_per_day=pull.expected,
        page_size=PAGE_SIZE,
    )
    frame = spark.read.format("soda").options(**options).load()
    placed = _placed(frame, plan)
    batch = placed.withColumn("batch_id", F.lit(batch_id)).withColumn("ingested_at", F.lit(now))
    raw.append_once(batch, f"raw_311:{batch_id}")


def by_dataset(city: City, request_dates: Iterable[date]) -> dict[str, list[date]]:
    """The request dates that each dataset holds."""
    datasets: dict[str, list[date]] = {}
    for request_date in request_dates:
        datasets.setdefault(city.dataset_for(request_date).dataset_id, []).append(request_date)
    return datasets


def _count(client: SodaClient, datasets: Mapping[str, list[date]]) -> dict[date, int]:
    counts: dict[date, int] = {}
    for dataset_id, days in datasets.items():
        wanted = set(days)
        per_day = client.rows_per_day(dataset_id, min(days), max(days))
        counts.update({day: count for day, count in per_day.items() if day in wanted})
    return counts


def _one_source(known: set[str], url: str, versions: Iterable[DatasetVersion]) -> str:
    sources = {source_name(url, version) for version in versions}
    if len(sources | known) > 1:
        raise SourceMixed(
            f"This lakehouse holds rows of {', '.join(sorted(known)) or 'no source'}; "
            f"the configured source is {', '.join(sorted(sources))} at {url}. "
            "Use another NYC311_HOME (or catalog) for each source: mixed rows cannot be told apart."
        )
    return sources.pop()


def _placed(frame: DataFrame, plan: Mapping[date, date]) -> DataFrame:
    """Rows with the partition that each one's request date goes to, as ingestion_date."""
    first = min(plan.values())
    if all(partition == max(day, first) for day, partition in plan.items()):
        return frame.withColumn("ingestion_date", F.greatest("request_date", F.lit(first)))
    # Partitions with gaps between them follow no formula.
    places = frame.sparkSession.createDataFrame(
        list(plan.items()), "request_date DATE, ingestion_date DATE"
    )
    return frame.join(F.broadcast(places), "request_date")


def _pulled_day(
    day: DayReconciliation,
    plan: Mapping[date, date],
    pull: _Pull,
    city: City,
    landed: LandedRows | None,
) -> PulledDay:
    request_date = day.request_date
    dataset_id = city.dataset_for(request_date).dataset_id
    version = pull.versions[dataset_id]
    query = page_query(dataset_id, request_date, version.columns, PAGE_SIZE)
    return PulledDay(
        request_date=request_date,
        expected_rows=day.expected_rows,
        landed_rows=day.landed_rows,
        ingestion_date=plan[request_date],
        source_reach=pull.reach[dataset_id],
        provenance=Provenance(
            dataset_id=dataset_id,
            query=query.text if pull.expected[request_date] else None,
            page_sha256=landed.page_sha256 if landed else (),
            source_columns=version.types,
        ),
        rows_without_day=pull.rows_without_day[dataset_id],
    )
