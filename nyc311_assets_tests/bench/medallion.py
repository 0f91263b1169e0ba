"""Bronze, silver and gold of many days, and one day's MERGE into them, beside DuckDB."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from multiprocessing import get_context
from pathlib import Path
from statistics import median
from time import perf_counter

from pyspark.sql import SparkSession

from nyc311_assets.local.spark import SparkServer
from nyc311_assets.pipeline.bronze import ingest
from nyc311_assets.pipeline.cities import NEW_YORK
from nyc311_assets.pipeline.contracts import silver_requests
from nyc311_assets.pipeline.silver import refine
from nyc311_assets.pipeline.tables import Lakehouse, Table
from nyc311_assets_tests.bench.landed import LAST_DAY, NOW, Landed, land
from nyc311_assets_tests.bench.memory import watched
from nyc311_assets_tests.bench.with_duckdb import build_with_duckdb
from nyc311_assets_tests.bench.with_spark import Built, build_with_spark

# 11,000 requests a day: about 900,000 and 3,000,000.
DAYS = (82, 274)
_WARM_UP_DAYS = 9
_WARM_UPS = 3
_MERGED_DAYS = NEW_YORK.lookback_days + 1

Tell = Callable[[str], None]


@dataclass(frozen=True)
class Merge:
    """One day's pull, merged into silver.

    Attributes:
        rows: Rows pulled.
        seconds: Of the MERGE, by Delta's own account.
        step_seconds: Of the whole silver step.
    """

    rows: int
    seconds: float
    step_seconds: float


@dataclass(frozen=True)
class Measured:
    """One size of the medallion.

    Attributes:
        rows: Rows landed.
        spark: Each round with Spark.
        duckdb: Each round with DuckDB.
        peak_bytes: Memory of this process, Spark and its Python workers at most.
        merges: Days that were merged afterwards, one after the other.
    """

    rows: int
    spark: list[Built]
    duckdb: list[Built]
    peak_bytes: int
    merges: list[Merge]

    @property
    def ratio(self) -> float:
        """Spark's median over DuckDB's."""
        ours, theirs = ([each.total for each in side] for side in (self.spark, self.duckdb))
        return median(ours) / median(theirs)


def measure_medallion(days: int, rounds: int, folder: Path, tell: Tell) -> Measured:
    """Build the same days alternately with Spark and with DuckDB, then merge later pulls.

    Args:
        days: How many request days.
        rounds: How often each builds them.
        folder: For pages and tables.
        tell: Is told what happens.
    """
    tell(f"landing {days} days …")
    landed = land(days, folder / "landed")
    tell(f"{landed.rows:,} rows, {_megabytes(landed.plain):,.0f} MB of JSON")
    ours: list[Built] = []
    theirs: list[Built] = []
    peak_bytes = 0
    with warm_spark(folder) as (spark, _):
        for number in range(1, rounds + 1):
            lakehouse = folder / "lakehouse"
            shutil.rmtree(lakehouse, ignore_errors=True)
            with watched() as peak:
                ours.append(build_with_spark(spark, landed, lakehouse))
            peak_bytes = max(peak_bytes, peak.bytes)
            tell(f"Spark, round {number}: {_shown(ours[-1])}")
            theirs.append(_with_duckdb(landed, folder / "duckdb"))
            tell(f"DuckDB, round {number}: {_shown(theirs[-1])}")
        if {built.rows for built in (*ours, *theirs)} != {ours[0].rows}:
            raise SystemExit(f"The two disagree: {[each.rows for each in (*ours, *theirs)]}")
        merges = [_merge_day(spark, folder, age, tell) for age in range(1, rounds + 1)]
    return Measured(landed.rows, ours, theirs, peak_bytes, merges)


@contextmanager
def warm_spark(folder: Path) -> Iterator[tuple[SparkSession, str]]:
    """A Spark server of its own after some small builds: a session, and its address."""
    server = SparkServer(folder / "spark")
    server.start()
    try:
        spark = SparkSession.builder.remote(server.remote).create()
        spark.conf.set("spark.sql.session.timeZone", "UTC")
        pages = land(_WARM_UP_DAYS, folder / "warm up")
        for number in range(_WARM_UPS):
            build_with_spark(spark, pages, folder / f"warm up {number}")
        yield spark, server.remote
        spark.stop()
    finally:
        server.stop()


def _with_duckdb(landed: Landed, folder: Path) -> Built:
    """In a process of its own, whose memory is not counted as ours and is given back."""
    shutil.rmtree(folder, ignore_errors=True)
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as process:
        return process.submit(build_with_duckdb, landed, folder, os.cpu_count() or 1).result()


def _merge_day(spark: SparkSession, folder: Path, age: int, tell: Tell) -> Merge:
    """Pull the partition of a later day, as the source shows it by then, and merge it."""
    lakehouse = Lakehouse(str(folder / "lakehouse"))
    partition = LAST_DAY + timedelta(days=age)
    pages = land(
        _MERGED_DAYS,
        folder / f"later {age}",
        last=partition,
        now=NOW + timedelta(days=age),
    )
    with pages.client() as client:
        ingest(
            spark,
            lakehouse,
            NEW_YORK,
            client,
            pages.fetch(folder / f"later {age}" / "progress"),
            ingestion_dates=[partition],
            batch_id=f"day {age}",
            now=NOW + timedelta(days=age),
        )
    started = perf_counter()
    refined = refine(spark, lakehouse, NEW_YORK, ingestion_dates=[partition])
    seconds = perf_counter() - started
    commit = Table(spark, lakehouse, silver_requests(NEW_YORK)).newest_commit()
    if commit["operation"] != "MERGE":
        raise SystemExit(f"The newest commit is a {commit['operation']}, not a MERGE.")
    merge = int(commit["operationMetrics"]["executionTimeMs"]) / 1000
    tell(
        f"merged {partition}: {pages.rows:,} rows pulled, {refined.inserted:,} new, "
        f"{refined.updated:,} changed; MERGE {merge:.1f} s, silver's step {seconds:.1f} s"
    )
    return Merge(pages.rows, merge, seconds)


def _shown(built: Built) -> str:
    layers = ", ".join(f"{name} {seconds:.1f}" for name, seconds in built.seconds.items())
    return f"{built.total:.1f} s ({layers})"


def _megabytes(folder: Path) -> float:
    return sum(path.stat().st_size for path in folder.iterdir()) / 1e6
