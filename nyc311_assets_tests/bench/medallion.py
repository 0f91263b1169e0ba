"""Bronze, silver and gold of many days, and one day's MERGE into them, beside DuckDB."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, timedelta
from multiprocessing import get_context
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import TypeVar

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
# As many as warm up, so that the measured ones find their plans compiled.
_MERGES = 3
_MERGED_DAYS = NEW_YORK.lookback_days + 1

Tell = Callable[[str], None]
_T = TypeVar("_T")


@dataclass(frozen=True)
class Merge:
    """One day's pull, merged into silver.

    Attributes:
        partition: The day.
        rows: Rows pulled.
        inserted: Of them, requests that were new.
        updated: Requests of which something changed.
        seconds: Of the MERGE, by Delta's own account.
        step_seconds: Of the whole silver step.
    """

    partition: date
    rows: int
    inserted: int
    updated: int
    seconds: float
    step_seconds: float


@dataclass(frozen=True)
class Measured:
    """One size of the medallion.

    Attributes:
        rows: Rows landed.
        spark: Each round with Spark.
        duckdb: Each round with DuckDB.
        peak_bytes: Memory of this process, Spark and its Python workers at most; the pages are made
            by another one.
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
    landed = _apart(land, days, folder / "landed")
    tell(f"{landed.rows:,} rows, {_megabytes(landed.plain):,.0f} MB of JSON")
    ours: list[Built] = []
    theirs: list[Built] = []
    peak_bytes = 0
    with warm_spark(folder) as (spark, _):
        warm = folder / "warm up merges"
        build_with_spark(spark, _apart(land, _WARM_UP_DAYS, folder / "warm up pages"), warm)
        later = [_later(folder, age) for age in range(1, _MERGES + 1)]
        for pages in later:
            _merge_day(spark, warm, pages)
        for number in range(1, rounds + 1):
            lakehouse = folder / "lakehouse"
            shutil.rmtree(lakehouse, ignore_errors=True)
            with watched() as peak:
                ours.append(build_with_spark(spark, landed, lakehouse))
            peak_bytes = max(peak_bytes, peak.bytes)
            tell(f"Spark, round {number}: {_shown(ours[-1])}")
            shutil.rmtree(folder / "duckdb", ignore_errors=True)
            cores = os.cpu_count() or 1
            theirs.append(_apart(build_with_duckdb, landed, folder / "duckdb", cores))
            tell(f"DuckDB, round {number}: {_shown(theirs[-1])}")
        if {built.rows for built in (*ours, *theirs)} != {ours[0].rows}:
            raise SystemExit(f"The two disagree: {[each.rows for each in (*ours, *theirs)]}")
        merges = []
        for pages in later:
            merges.append(_merge_day(spark, folder / "lakehouse", pages))
            tell(_told(merges[-1]))
    return Measured(landed.rows, ours, theirs, peak_bytes, merges)


@contextmanager
def warm_spark(folder: Path) -> Iterator[tuple[SparkSession, str]]:
    """A Spark server of its own after some small builds: a session, and its address."""
    server = SparkServer(folder / "spark")
    server.start()
    try:
        spark = SparkSession.builder.remote(server.remote).create()
        spark.conf.set("spark.sql.session.timeZone", "UTC")
        pages = _apart(land, _WARM_UP_DAYS, folder / "warm up")
        for number in range(_WARM_UPS):
            build_with_spark(spark, pages, folder / f"warm up {number}")
        yield spark, server.remote
        spark.stop()
    finally:
        server.stop()


def _apart(function: Callable[..., _T], *arguments: object) -> _T:
    """Call it in a process of its own, whose memory is not counted as ours and is given back."""
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as process:
        return process.submit(function, *arguments).result()


def _later(folder: Path, age: int) -> Landed:
    """What a later partition pulls, as the source shows it by then."""
    pages = folder / f"later {age}"
    last, now = LAST_DAY + timedelta(days=age), NOW + timedelta(days=age)
    return _apart(land, _MERGED_DAYS, pages, last, now)


def _merge_day(spark: SparkSession, folder: Path, pages: Landed) -> Merge:
    """Pull a later partition, and merge it."""
    lakehouse = Lakehouse(str(folder))
    partition = pages.days[-1]
    age = partition - LAST_DAY
    with pages.client() as client:
        ingest(
            spark,
            lakehouse,
            NEW_YORK,
            client,
            pages.fetch(folder / f"progress {partition}"),
            ingestion_dates=[partition],
            batch_id=f"pull of {partition}",
            now=NOW + age,
        )
    started = perf_counter()
    refined = refine(spark, lakehouse, NEW_YORK, ingestion_dates=[partition])
    step_seconds = perf_counter() - started
    commit = Table(spark, lakehouse, silver_requests(NEW_YORK)).newest_commit()
    if commit["operation"] != "MERGE":
        raise SystemExit(f"The newest commit is a {commit['operation']}, not a MERGE.")
    return Merge(
        partition=partition,
        rows=pages.rows,
        inserted=refined.inserted,
        updated=refined.updated,
        seconds=int(commit["operationMetrics"]["executionTimeMs"]) / 1000,
        step_seconds=step_seconds,
    )


def _told(merge: Merge) -> str:
    return (
        f"merged {merge.partition}: {merge.rows:,} rows pulled, {merge.inserted:,} new, "
        f"{merge.updated:,} changed; MERGE {merge.seconds:.1f} s, silver's step "
        f"{merge.step_seconds:.1f} s"
    )


def _shown(built: Built) -> str:
    layers = ", ".join(f"{name} {seconds:.1f}" for name, seconds in built.seconds.items())
    return f"{built.total:.1f} s ({layers})"


def _megabytes(folder: Path) -> float:
    return sum(path.stat().st_size for path in folder.iterdir()) / 1e6
