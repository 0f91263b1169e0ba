"""bronze.raw_311: the source's rows as they came, with what was expected of each pull."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime
from pathlib import Path

from pyspark.errors import PySparkException
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from nyc311_assets.pipeline.batches import known_sources, read_batch, record_batch
from nyc311_assets.pipeline.cities import City
from nyc311_assets.pipeline.contracts import BATCHES, RAW_311
from nyc311_assets.pipeline.days import plan_pull
from nyc311_assets.pipeline.landing import LandedRows, landed_rows
from nyc311_assets.pipeline.pulls import Batch, Provenance, PulledDay
from nyc311_assets.pipeline.soda.client import SodaClient
from nyc311_assets.pipeline.soda.errors import is_source_moved
from nyc311_assets.pipeline.soda.options import PAGE_SIZE
from nyc311_assets.pipeline.soda.queries import page_query
from nyc311_assets.pipeline.soda.reconcile import DayReconciliation, reconcile
from nyc311_assets.pipeline.soda.source import SodaDataSource, soda_options
from nyc311_assets.pipeline.source_snapshot import (
    SourceSnapshot,
    by_dataset,
    count_rows,
    take_snapshot,
)
from nyc311_assets.pipeline.tables import Lakehouse, Table, within

Inspect = Callable[[Batch, Mapping[date, Mapping[str, int]]], Mapping[date, str]]
"""Given a batch and, by request date, its rows per complaint type: the days to hold back, and why."""


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

    snapshot = _landed_before(raw, batch_id, partitions)
    if snapshot is None:
        known = known_sources(batches)
        snapshot = take_snapshot(city, client, fetch.url, plan, known, now=now)
        try:
            _append(raw, city, fetch, snapshot, plan, batch_id)
        except PySparkException as error:
            if not is_source_moved(error):
                raise
            # The source published while it was read, and nothing was written: once more, all of it.
            snapshot = take_snapshot(city, client, fetch.url, plan, known, now=now)
            _append(raw, city, fetch, snapshot, plan, batch_id)
    landed = landed_rows(raw, city, batch_id, partitions)
    rows = {day: found.rows for day, found in landed.items()}
    expected = snapshot.expected
    if any(rows.get(day, 0) > count for day, count in expected.items()):
        # Replicas disagree about young days: the larger of several counts is the true one.
        again = count_rows(client, by_dataset(city, plan))
        expected = {day: max(count, again[day]) for day, count in expected.items()}
    batch = Batch(
        batch_id=batch_id,
        source=snapshot.source,
        is_new=True,
        dataset_version=max(version.rows_updated_at for version in snapshot.versions.values()),
        source_reach=max(filter(None, snapshot.reach.values()), default=None),
        pulled_at=snapshot.asked_at,
        days=tuple(
            _pulled_day(day, plan, snapshot, city, landed.get(day.request_date))
            for day in reconcile(expected, rows)
        ),
    )
    held_back = inspect(batch, _types(landed))
    batch = replace(
        batch,
        days=tuple(replace(day, held_back=held_back.get(day.request_date)) for day in batch.days),
    )
    record_batch(spark, batches, city, batch, snapshot.versions)
    return batch


def _types(landed: Mapping[date, LandedRows]) -> dict[date, Mapping[str, int]]:
    return {day: found.types for day, found in landed.items()}


def _landed_before(
    raw: Table, batch_id: str, ingestion_dates: Collection[date]
) -> SourceSnapshot | None:
    """What an earlier try that was killed before its record had asked for, if its rows are there.

    The source may have published since: the rows are of the publication that was read.
    """
    partitions = within(ingestion_dates, "ingestion_date")
    if raw.read().where(partitions).where(F.col("batch_id") == batch_id).isEmpty():
        return None
    commits = (
        raw.history()
        .where(F.get_json_object("userMetadata", "$.batch_id") == batch_id)
        .select(F.get_json_object("userMetadata", "$.snapshot").alias("snapshot"))
        .collect()
    )
    return SourceSnapshot.from_json(json.loads(commits[0]["snapshot"])) if commits else None


def _append(
    raw: Table,
    city: City,
    fetch: Fetch,
    snapshot: SourceSnapshot,
    plan: Mapping[date, date],
    batch_id: str,
) -> None:
    """Read the planned request dates and append their rows, all or none."""
    spark = raw.spark
    spark.dataSource.register(SodaDataSource)
    options = soda_options(
        city,
        url=fetch.url,
        app_token=fetch.app_token,
        request_dates=tuple(plan),
        versions=snapshot.versions,
        parallel_requests=fetch.parallel_requests,
        cache_path=fetch.cache_folder,
        cache_source=snapshot.cache_source,
        progress_path=fetch.progress_folder,
        rows_per_day=snapshot.expected,
        page_size=PAGE_SIZE,
    )
    frame = spark.read.format("soda").options(**options).load()
    placed = _placed(frame, plan)
    batch = placed.withColumns(
        {"batch_id": F.lit(batch_id), "ingested_at": F.lit(snapshot.asked_at)}
    )
    asked = {"batch_id": batch_id, "snapshot": snapshot.to_json()}
    raw.append_once(batch, f"raw_311:{batch_id}", user_metadata=asked)


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
    snapshot: SourceSnapshot,
    city: City,
    landed: LandedRows | None,
) -> PulledDay:
    request_date = day.request_date
    dataset_id = city.dataset_for(request_date).dataset_id
    version = snapshot.versions[dataset_id]
    query = page_query(dataset_id, request_date, version.columns, PAGE_SIZE)
    return PulledDay(
        request_date=request_date,
        expected_rows=day.expected_rows,
        landed_rows=day.landed_rows,
        ingestion_date=plan[request_date],
        source_reach=snapshot.reach[dataset_id],
        provenance=Provenance(
            dataset_id=dataset_id,
            query=query.text if snapshot.expected[request_date] else None,
            page_sha256=landed.page_sha256 if landed else (),
            source_columns=version.types,
        ),
        rows_without_day=snapshot.rows_without_day[dataset_id],
    )
