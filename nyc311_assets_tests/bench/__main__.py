"""Measures the road and prints a table; nothing here passes or fails."""

from __future__ import annotations

import argparse
import os
import platform
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path
from uuid import uuid4

import dagster as dg
from dagster._core.storage.event_log import SqliteEventLogStorage
from rich.console import Console
from rich.table import Table

from nyc311_assets.cli.benchmark import Request as BenchmarkRequest
from nyc311_assets.cli.benchmark import run as run_benchmark
from nyc311_assets.definitions import build_definitions
from nyc311_assets.local.dagster_home import prepare_dagster_home
from nyc311_assets.local.lifecycle import ensure_workspace, stop_workspace
from nyc311_assets.local.spark import SparkServer
from nyc311_assets.partitions import daily_partitions
from nyc311_assets.pipeline.cities import NEW_YORK
from nyc311_assets.pipeline.soda.client import SodaClient
from nyc311_assets.resources.event_log import LocalEventLog
from nyc311_assets.settings import Settings
from nyc311_assets_tests.bench.dashboard import measure_dashboard
from nyc311_assets_tests.bench.events import EVENTS, event_folder, log_evaluations
from nyc311_assets_tests.bench.fetching import fetch_plainly, fetch_with_spark
from nyc311_assets_tests.bench.medallion import DAYS, measure_medallion, warm_spark
from nyc311_assets_tests.bench.models import SERIES, TRAINED_SERIES, measure_models
from nyc311_assets_tests.bench.steps import hardened_steps, stock_steps
from nyc311_assets_tests.trouble.kill_campaign import changing_sources, run_campaign

FIRST_SEED = 1_000
LAYERS = ("raw_311", "silver_requests", "gold_daily_counts")


def main() -> None:
    """Run the measurements that are asked for."""
    parser = argparse.ArgumentParser(prog="make bench", description=__doc__)
    parser.add_argument("--days", type=int, default=90, help="days to fetch and to backfill")
    parser.add_argument("--rounds", type=int, default=3, help="repetitions of the short ones")
    parser.add_argument("--kills", type=int, default=100, help="processes to kill")
    choices = ["fetch", "steps", "events", "road", "medallion", "models", "anomalies", "dashboard"]
    choices += ["kills"]
    parser.add_argument("--only", choices=choices, action="append", help="just these")
    arguments = parser.parse_args()
    wanted = arguments.only or choices
    console = Console(width=110)
    console.print(
        f"{platform.platform()}, {os.cpu_count()} cores, Python {platform.python_version()}"
    )
    table = Table("what", "median", "all rounds")
    busy = os.getloadavg()[0]
    console.print(
        f"load average before: {busy:.1f}" + (" (others are at work)" if busy > 1 else "")
    )
    with tempfile.TemporaryDirectory(prefix="nyc311-bench-") as folder:
        home = Path(folder) / "home"
        settings = Settings(home=home, start_date=date(2024, 1, 1))
        try:
            if "fetch" in wanted:
                _measure_fetching(console, table, settings, arguments.days)
            if "steps" in wanted:
                _measure_steps(console, table, settings, arguments.rounds)
            if "events" in wanted:
                _measure_events(console, table, home, arguments.rounds)
            if "road" in wanted:
                _measure_road(console, table, settings, arguments.days, arguments.rounds)
            if "medallion" in wanted:
                _measure_medallion(console, table, Path(folder), arguments.rounds)
            if "models" in wanted:
                _measure_models(console, table, Path(folder), arguments.rounds)
            if "anomalies" in wanted:
                run_benchmark(console, BenchmarkRequest())
            if "dashboard" in wanted:
                _measure_dashboard(console, table, Path(folder), arguments.rounds)
            if "kills" in wanted:
                _kill(console, table, Path(folder), arguments.kills)
        finally:
            stop_workspace(home)
    console.print(table)


def _add(table: Table, what: str, values: list[float], unit: str) -> None:
    shown = ", ".join(f"{value:,.1f}" for value in values)
    table.add_row(what, f"{statistics.median(values):,.1f} {unit}", shown)


def _timed(console: Console, what: str, work: Callable[[], object]) -> float:
    console.print(f"{what} …")
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def _measure_fetching(console: Console, table: Table, settings: Settings, days: int) -> None:
    """Rows a second from the embedded feed into Delta, cold answers, both on these cores."""
    url = ensure_workspace(settings.home).feed_url
    last = _newest_partition(settings) - timedelta(days=1)
    wanted = [last - timedelta(days=age) for age in range(days)]
    server = SparkServer(settings.home / "bench-spark")
    server.start()
    try:
        with SodaClient(url) as client:
            dataset = NEW_YORK.datasets[-1].dataset_id
            rows = sum(client.rows_per_day(dataset, wanted[-1], wanted[0]).values())
        fetch_with_spark(server.remote, url, wanted[:2], settings.home / "warm-up")
        for name, work in (
            (
                "soda data source → Delta",
                lambda: fetch_with_spark(server.remote, url, wanted, settings.home / "spark"),
            ),
            (
                "plain loop: httpx, offset pages → pandas → delta-rs",
                lambda: fetch_plainly(url, wanted, settings.home / "plain"),
            ),
        ):
            seconds = _timed(console, f"{name}, {days} days, {rows:,} rows", work)
            _add(table, f"{name} ({days} days)", [rows / seconds], "rows/s")
    finally:
        server.stop()


def _measure_steps(console: Console, table: Table, settings: Settings, rounds: int) -> None:
    """Seconds of a step that does nothing but attach to Spark, on a warm workspace."""
    workspace = ensure_workspace(settings.home)
    hardened_steps(workspace, settings.home, 1)
    for name, work in (("our client", hardened_steps), ("stock client, poll 0.2 s", stock_steps)):
        seconds = [
            _timed(console, name, lambda work=work: work(workspace, settings.home, 1))  # type: ignore[misc] # a lambda per client
            for _ in range(rounds)
        ]
        _add(table, f"a step that only attaches to Spark: {name}", seconds, "s")


def _measure_events(console: Console, table: Table, home: Path, rounds: int) -> None:
    """Seconds to log the checks of a 120-day backfill of one asset."""
    for name, storage in (
        ("our SQLite event log", LocalEventLog(event_folder(home, "ours"))),
        ("Dagster's own", SqliteEventLogStorage(event_folder(home, "stock"))),
    ):
        seconds = [
            _timed(console, name, lambda storage=storage: log_evaluations(storage, str(uuid4())))  # type: ignore[misc] # a lambda per storage
            for _ in range(rounds)
        ]
        _add(table, f"{EVENTS} check evaluations: {name}", seconds, "s")
        storage.dispose()


def _newest_partition(settings: Settings) -> date:
    key = daily_partitions(settings).get_last_partition_key()
    return date.fromisoformat(key or settings.start_date.isoformat())


def _measure_road(
    console: Console, table: Table, settings: Settings, days: int, rounds: int
) -> None:
    """A backfill, then new days on the warm workspace, through Dagster."""
    os.environ["DAGSTER_HOME"] = str(prepare_dagster_home(settings.dagster_home))
    last = _newest_partition(settings) - timedelta(days=rounds)
    definitions = build_definitions(settings, in_production=False)
    with dg.DagsterInstance.get() as instance:

        def run(first: date, until: date) -> dg.ExecuteInProcessResult:
            result = definitions.resolve_job_def("daily").execute_in_process(
                instance=instance,
                tags={
                    "dagster/asset_partition_range_start": first.isoformat(),
                    "dagster/asset_partition_range_end": until.isoformat(),
                },
            )
            if not result.success:
                sys.exit("The run failed; its messages are above.")
            return result

        first = last - timedelta(days=days - 1)
        seconds = _timed(console, f"backfill of {days} days", lambda: run(first, last))
        _add(table, f"backfill of {days} days, all assets", [seconds], "s")
        table.add_row("its Dagster runs", str(instance.get_runs_count()), "")
        layers, overheads, models = [], [], []
        for age in range(rounds):
            day = last + timedelta(days=age + 1)
            console.print(f"one new day, {day} …")
            seconds_of, work_of = _by_step(run(day, day))
            layers.append(sum(seconds_of[step] for step in LAYERS))
            overheads.append(layers[-1] - sum(work_of[step] for step in LAYERS))
            models.append(sum(seconds_of.values()) - layers[-1])
        _add(table, "one new day, three layers, warm", layers, "s")
        _add(table, "of it Dagster, Pipes, Spark attachment", overheads, "s")
        _add(table, "its models, forecasts and anomalies", models, "s")


def _measure_medallion(console: Console, table: Table, folder: Path, rounds: int) -> None:
    """Bronze, silver and gold from landed pages, beside DuckDB; then one day's MERGE into them."""
    for days in DAYS:
        found = measure_medallion(days, rounds, folder / f"{days} days", console.print)
        size = f"{found.rows:,} rows"
        _add(table, f"medallion, {size}: Spark, warm", [each.total for each in found.spark], "s")
        _add(table, f"medallion, {size}: DuckDB", [each.total for each in found.duckdb], "s")
        table.add_row("Spark's median over DuckDB's", f"{found.ratio:.2f}", "")
        per_row = [each.total / found.rows * 1e6 for each in found.spark]
        _add(table, "Spark, per row", per_row, "µs")
        table.add_row("memory of everything, peak", f"{found.peak_bytes / 1e9:.2f} GB", "")
        pulled = statistics.median([each.rows for each in found.merges])
        _add(
            table,
            f"MERGE of a day ({pulled:,.0f} rows pulled) into {size}",
            [each.seconds for each in found.merges],
            "s",
        )
        _add(table, "its silver step", [each.step_seconds for each in found.merges], "s")


def _measure_models(console: Console, table: Table, folder: Path, rounds: int) -> None:
    """Fits, forecasts and bands beside stock Prophet; then a training with its search."""
    found = measure_models(rounds, folder / "models", console.print)
    _add(table, f"{SERIES:,} series: fits, 30-day forecasts, bands, on Spark", found.ours, "s")
    _add(table, f"{SERIES:,} stock Prophets, as many cores", found.stock, "s")
    ratio = statistics.median(found.stock) / statistics.median(found.ours)
    table.add_row("stock's median over ours", f"{ratio:.1f}", "")
    _add(table, f"a training of {TRAINED_SERIES:,} series with a search", [found.training], "s")


def _measure_dashboard(console: Console, table: Table, folder: Path, rounds: int) -> None:
    """Pages in headless Chromium, on three years of 1,200 series."""
    place = folder / "dashboard"
    place.mkdir()
    found = measure_dashboard(rounds, place, console.print)
    _add(table, "Today complete, cold browser", found.cold, "s")
    _add(table, "Today complete, reload", found.reload, "s")
    _add(table, "Today's queue, another tier", found.filter, "s")
    _add(table, "Series, another series", found.series, "s")
    for page, seconds in found.pages.items():
        _add(table, f"{page.capitalize()} complete, cold browser", [seconds], "s")
    table.add_row("memory of the dashboard's server", f"{found.bytes / 1e6:,.0f} MB", "")


def _kill(console: Console, table: Table, folder: Path, kills: int) -> None:
    """Campaigns of seeds of their own, until so many processes have been killed."""
    done, seed = 0, FIRST_SEED
    with warm_spark(folder / "kills") as (spark, remote):
        while done < kills:
            place = folder / f"kills {seed}"
            place.mkdir()
            with changing_sources(place) as sources:
                done += run_campaign(spark, remote, sources, place, seed)
            console.print(f"seed {seed}: {done} killed, and every table as if undisturbed")
            seed += 1
    table.add_row("killed, run again, tables compared", f"{done} processes", "all the same")


def _by_step(result: dg.ExecuteInProcessResult) -> tuple[dict[str, float], dict[str, float]]:
    """Seconds of each step, and of the work in it, by the job's own clock."""
    seconds = {
        str(event.step_key): event.step_success_data.duration_ms / 1000
        for event in result.all_events
        if event.is_step_success
    }
    work: dict[str, float] = {}
    for event in result.get_asset_materialization_events():
        found = event.step_materialization_data.materialization
        value = found.metadata.get("work_seconds")
        if value is not None:
            work[found.asset_key.to_user_string()] = float(str(value.value))
    return seconds, work


if __name__ == "__main__":
    main()
