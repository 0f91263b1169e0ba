"""Sends rows of files down the whole road, without an orchestrator."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, date, datetime
from pathlib import Path

from pyspark.sql import SparkSession

from nyc311_assets.local.feed.files.source import FileSource
from nyc311_assets.local.feed.server import running_feed
from nyc311_assets.pipeline.bronze import Fetch, ingest
from nyc311_assets.pipeline.cities import NEW_YORK
from nyc311_assets.pipeline.pulls import Batch
from nyc311_assets.pipeline.soda.client import SodaClient
from nyc311_assets.pipeline.tables import Lakehouse

COLUMNS = ("unique_key", "created_date", "agency", "complaint_type", "borough", "status")


def write_rows(path: Path, rows: Iterable[Mapping[str, str]]) -> Path:
    """Write rows as the API's CSV."""
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, COLUMNS)
        writer.writeheader()
        writer.writerows(rows)
    return path


def request(key: int, created: str, **fields: str) -> dict[str, str]:
    """One row of a file."""
    return {
        "unique_key": str(key),
        "created_date": created,
        "agency": "NYPD",
        "complaint_type": "Noise",
        "borough": "BRONX",
        "status": "Open",
        **fields,
    }


@contextmanager
def serving(*paths: Path) -> Iterator[str]:
    """Serve files as the source; yields its address."""
    with running_feed(FileSource([str(path) for path in paths])) as feed:
        yield feed.url


def pull(
    spark: SparkSession,
    lakehouse: Lakehouse,
    volume: Path,
    url: str,
    partitions: Iterable[date],
    batch_id: str,
) -> Batch:
    """Run the bronze step."""
    with SodaClient(url) as client:
        return ingest(
            spark,
            lakehouse,
            NEW_YORK,
            client,
            Fetch(url, None, 2, volume / "cache", volume / "progress" / batch_id),
            ingestion_dates=partitions,
            batch_id=batch_id,
            now=datetime.now(UTC),
        )
