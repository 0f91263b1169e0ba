"""`nyc311 demo`: a range of days through all assets, watched live and summed up."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path

import dagster as dg
import httpx
from dagster._core.storage.dagster_run import RunsFilter
from rich.console import Console, Group
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from nyc311_assets.cli.events import RunView, StepView
from nyc311_assets.cli.materializing import MARKS, Materialization, materialize, range_tags
from nyc311_assets.cli.reconciliation import day_lines
from nyc311_assets.cli.truth import read_truth, told
from nyc311_assets.local.dagster_home import prepare_dagster_home
from nyc311_assets.local.jars import ensure_jars
from nyc311_assets.local.java import find_java
from nyc311_assets.partitions import daily_partitions
from nyc311_assets.pipeline.cities import NEW_YORK
from nyc311_assets.pipeline.pulls import published_at
from nyc311_assets.pipeline.soda.client import SodaClient
from nyc311_assets.resources.runner import JobRunner
from nyc311_assets.settings import Settings

ASSETS = (
    "raw_311",
    "silver_requests",
    "gold_daily_counts",
    "prophet_model",
    "forecasts",
    "anomalies",
)
_SHOWN_FAILURES = 10


class DemoFailed(RuntimeError):
    """The demo did not come to a good end."""


@dataclass(frozen=True)
class Range:
    """What the demo materializes.

    Attributes:
        first: First daily partition.
        last: Last daily partition.
        source: Who vouches for the rows.
        published: When the source last published, as an ISO time.
    """

    first: date
    last: date
    source: str
    published: str

    @property
    def days(self) -> int:
        """Number of partitions."""
        return (self.last - self.first).days + 1


def run_demo(console: Console, *, days: int, rows: tuple[Path, ...], force: bool) -> None:
    """Materialize the newest days of the synthetic stream, or all days of the given rows.

    Raises:
        FileNotFoundError: A file of rows is not there.
        DemoFailed: The run did not succeed.
        NotMaterialized: It was cancelled, or there was none.
        JavaMissing: There is no Java 17 or newer.
        WorkspaceError: The embedded workspace did not start.
        SodaError: The source did not answer.
    """
    settings = _settings(rows)
    find_java()
    ensure_jars(console.print)
    prepare_dagster_home(settings.dagster_home)
    environment = _environment(settings)
    os.environ.update(environment)
    wanted = _range(settings, days, every_day=bool(rows))
    environment["NYC311_START_DATE"] = min(settings.start_date, wanted.first).isoformat()
    with dg.DagsterInstance.get() as instance:
        run_id = None if force else _finished_run(instance, wanted)
        if run_id is not None:
            console.print(
                f"Nothing to do: {wanted.days} days to {wanted.last} are there and the source has "
                "published nothing since. This is their run (--force runs it again):\n"
            )
            view = RunView(instance, run_id, ASSETS)
            view.refresh()
        else:
            view = materialize(
                console,
                instance,
                Materialization("*", ASSETS, wanted.first, wanted.last),
                environment=environment,
                log_path=settings.home / "demo.log",
            )
        for line in day_lines(settings.lakehouse_path):
            console.print(str(line), highlight=False, soft_wrap=True)
        for text in _found(settings, wanted):
            console.print(text, highlight=False, markup=False, soft_wrap=True)
        console.print(_summary(view, wanted, settings))
        failed = [step.name for step in view.steps.values() if step.state != "done"]
        if failed:
            raise DemoFailed(
                f"Not materialized: {', '.join(failed)}. The messages above say why; "
                "`make dev` shows the whole run."
            )


def _found(settings: Settings, wanted: Range) -> list[str]:
    """What was found of the synthetic stream's events; real rows have no such truth."""
    if wanted.source != "synthetic":
        return []
    url, _ = JobRunner(settings).source()
    try:
        truth = read_truth(settings.lakehouse_path, url)
    except httpx.HTTPError as error:
        return [f"The feed does not say which events it made up: {error}"]
    return told(truth) if truth is not None else []


def _settings(rows: tuple[Path, ...]) -> Settings:
    settings = Settings()
    if not rows:
        return settings
    for path in rows:
        if not path.exists():
            raise FileNotFoundError(f"{path} is not there. Give files or folders of real rows.")
    # Made-up and real rows never share a lakehouse.
    return settings.model_copy(
        update={
            "home": settings.home / "real_rows",
            "feed_rows": ",".join(str(path.absolute()) for path in rows),
        }
    )


def _environment(settings: Settings) -> dict[str, str]:
    environment = {
        "NYC311_HOME": str(settings.home),
        "DAGSTER_HOME": str(settings.dagster_home),
        # One short search in the whole range: what it finds is the made-up stream's anyway.
        "NYC311_SEARCH_DAYS": "366",
        "NYC311_SEARCH_TRIALS": "8",
    }
    if settings.feed_rows:
        environment["NYC311_FEED_ROWS"] = settings.feed_rows
    return environment


def _range(settings: Settings, days: int, *, every_day: bool) -> Range:
    url, token = JobRunner(settings).source()
    newest_dataset = NEW_YORK.datasets[-1].dataset_id
    with SodaClient(url, app_token=token) as client:
        version = client.dataset_version(newest_dataset)
        reach = client.reach(newest_dataset, published_at(NEW_YORK, version))
        if reach is None:
            raise DemoFailed(f"The source at {url} has no row in {newest_dataset}.")
        newest_partition = daily_partitions(settings).get_last_partition_key()
        last = min(reach.date(), date.fromisoformat(newest_partition or str(reach.date())))
        first = last - timedelta(days=days - 1)
        if every_day:
            counts = client.rows_per_day(newest_dataset, NEW_YORK.datasets[-1].first_date, last)
            first = min((day for day, count in counts.items() if count), default=last)
    return Range(first, last, version.provenance, version.rows_updated_at.isoformat())


def _finished_run(instance: dg.DagsterInstance, wanted: Range) -> str | None:
    """The newest run that did just this, if the source has not moved since."""
    newest = instance.get_latest_materialization_event(dg.AssetKey("raw_311"))
    if newest is None or newest.asset_materialization is None:
        return None
    seen = newest.asset_materialization.metadata.get("source_published")
    if seen is None or seen.value != wanted.published:
        return None
    filters = RunsFilter(
        statuses=[dg.DagsterRunStatus.SUCCESS], tags=range_tags(wanted.first, wanted.last)
    )
    return next((run.run_id for run in instance.get_runs(filters, limit=1)), None)


def _summary(view: RunView, wanted: Range, settings: Settings) -> Panel:
    table = Table(box=None, pad_edge=False)
    for heading in ("", "asset", "rows", "checks passed", "failed", "seconds"):
        table.add_column(heading, justify="left" if heading in {"", "asset"} else "right")
    now = time.time()
    for step in view.steps.values():
        table.add_row(*_summary_row(step, now))
    failed = [f"{step.name}: {name}" for step in view.steps.values() for name in step.failed_checks]
    shown = failed[:_SHOWN_FAILURES]
    if len(failed) > len(shown):
        shown.append(f"… and {len(failed) - len(shown)} more")
    notes = [
        f"Source: {wanted.source.upper()}"
        + (
            " - made up by the embedded feed, not real requests"
            if wanted.source == "synthetic"
            else ""
        ),
        f"Days: {wanted.first} to {wanted.last}, {wanted.days} partitions, one Dagster run ({view.run_id[:8]})",
        *([f"Failed checks: {'; '.join(shown)}"] if failed else []),
        "",
        f"Tables:  {settings.lakehouse_path}",
        f"Look at it in Dagster's UI:  NYC311_HOME={settings.home} make dev",
    ]
    messages = [
        f"{step.name} {step.state}:\n{step.message}"
        for step in view.steps.values()
        if step.state == "failed"
    ]
    return Panel(
        Group(table, Text("\n" + "\n".join(notes)), *(Text(f"\n{text}") for text in messages)),
        title="nyc311 demo",
    )


def _summary_row(step: StepView, now: float) -> tuple[str, ...]:
    return (
        MARKS[step.state],
        step.name,
        f"{step.rows:,}" if step.rows is not None else "-",
        str(step.passed_checks),
        str(len(step.failed_checks)),
        f"{step.seconds(now):.1f}",
    )
