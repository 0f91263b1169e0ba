"""The medallion as the project builds it, on a warm local Spark."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from pathlib import Path
from time import perf_counter

from pyspark.sql import SparkSession

from nyc311_assets.pipeline.bronze import ingest
from nyc311_assets.pipeline.cities import NEW_YORK
from nyc311_assets.pipeline.gold import aggregate
from nyc311_assets.pipeline.silver import refine
from nyc311_assets.pipeline.tables import Lakehouse
from nyc311_assets_tests.bench.landed import NOW, Landed


@dataclass(frozen=True)
class Built:
    """A medallion that was built.

    Attributes:
        seconds: Per layer.
        requests: Rows of silver.
        rejects: Rows kept apart.
        counted: Sum of the requests in gold.
        series_days: Rows of gold.
    """

    seconds: dict[str, float]
    requests: int
    rejects: int
    counted: int
    series_days: int

    @property
    def total(self) -> float:
        """Seconds of all layers."""
        return sum(self.seconds.values())

    @property
    def rows(self) -> tuple[int, int, int, int]:
        """What both sides must agree on."""
        return self.requests, self.rejects, self.counted, self.series_days


def partitions_of(landed: Landed) -> list[date]:
    """The partitions whose pulls cover just the landed days."""
    return landed.days[NEW_YORK.lookback_days :]


def build_with_spark(spark: SparkSession, landed: Landed, folder: Path) -> Built:
    """Bronze, silver and gold of all landed days, as one range."""
    lakehouse = Lakehouse(str(folder))
    partitions = partitions_of(landed)
    started = perf_counter()
    with landed.client() as client:
        batch = ingest(
            spark,
            lakehouse,
            NEW_YORK,
            client,
            landed.fetch(folder / "progress"),
            ingestion_dates=partitions,
            batch_id="bench",
            now=NOW,
        )
    bronze = perf_counter()
    refined = refine(spark, lakehouse, NEW_YORK, ingestion_dates=partitions)
    silver = perf_counter()
    gold = aggregate(spark, lakehouse, NEW_YORK, request_dates=refined.request_dates)
    seconds = {
        "bronze": bronze - started,
        "silver": silver - bronze,
        "gold": perf_counter() - silver,
    }
    landed_rows = sum(day.landed_rows for day in batch.days)
    assert landed_rows == landed.rows
    return Built(
        seconds,
        requests=refined.inserted,
        rejects=sum(counts.rows_rejected for counts in refined.partitions.values()),
        counted=sum(day.requests for day in gold.days),
        series_days=gold.rows,
    )
