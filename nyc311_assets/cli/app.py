"""All subcommands. Exit codes: 0 done, 1 failed, 2 wrong use."""

from __future__ import annotations

import os
import sys
from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer

from nyc311_assets.cli.alerts_app import alerts
from nyc311_assets.cli.counts_app import commands as on_counts
from nyc311_assets.cli.deploy_app import commands as deployment
from nyc311_assets.cli.figures_app import commands as figures
from nyc311_assets.cli.models_app import models
from nyc311_assets.cli.rejects_app import rejects
from nyc311_assets.cli.shell import Commands, console, fail, failures
from nyc311_assets.local.dagster_home import export_on_activation, prepare_dagster_home
from nyc311_assets.settings import SECRETS_PREFIX, Settings

app = typer.Typer(
    cls=Commands,
    help="Daily forecasts and anomaly alerts for NYC 311 service requests.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)
local = typer.Typer(help="The embedded workspace on this machine.", no_args_is_help=True)
app.add_typer(local, name="local")
app.add_typer(alerts, name="alert")
app.add_typer(models, name="models")
app.add_typer(rejects, name="rejects")
app.add_typer(on_counts)
app.add_typer(figures)
app.add_typer(deployment)


@app.callback()
def _bring_secrets(context: typer.Context) -> None:
    # The dashboard needs none of them, nor Dagster.
    if not os.environ.get(SECRETS_PREFIX) or context.invoked_subcommand == "dashboard":
        return
    from nyc311_assets.resources.secrets import SecretMissing, bring_secrets

    try:
        bring_secrets(os.environ)
    except SecretMissing as error:
        raise fail(error) from None


Rows = Annotated[
    list[Path] | None,
    typer.Option("--rows", help="Real rows: CSV, JSON or Parquet files, or folders of them."),
]

TableName = Annotated[str, typer.Argument(metavar="TABLE", help="A table: silver.requests.")]


@app.command()
def setup(
    *,
    archive: Annotated[
        bool,
        typer.Option(
            help="Also make a class data archive (220 MB, a minute or two): Spark starts sooner."
        ),
    ] = False,
) -> None:
    """Prepare this machine: check Java, fetch Delta's jars, create Dagster's home."""
    from nyc311_assets.local.jars import JarsMissing, ensure_jars
    from nyc311_assets.local.java import JavaMissing, find_java

    settings = Settings()
    try:
        find_java()
        ensure_jars(console.print)
    except (JavaMissing, JarsMissing) as error:
        raise fail(error) from None
    if archive:
        _make_archive()
    export_on_activation(Path(sys.prefix), prepare_dagster_home(settings.dagster_home))


def _make_archive() -> None:
    from nyc311_assets.local.spark import SparkNotStarted
    from nyc311_assets.local.warm_archive import ArchiveNotMade, ensure_archive

    try:
        console.print(f"Spark starts from {ensure_archive(console.print)}")
    except (ArchiveNotMade, SparkNotStarted) as error:
        raise fail(error) from None


@app.command()
def demo(
    days: Annotated[int, typer.Option(min=1, max=366, help="Days to materialize.")] = 120,
    rows: Rows = None,
    *,
    force: Annotated[bool, typer.Option(help="Run although nothing is new.")] = False,
) -> None:
    """Run the whole pipeline over a range of days, watch it, and sum it up."""
    from nyc311_assets.cli.demo import DemoFailed, run_demo
    from nyc311_assets.cli.materializing import NotMaterialized
    from nyc311_assets.local.jars import JarsMissing
    from nyc311_assets.local.java import JavaMissing
    from nyc311_assets.local.lifecycle import WorkspaceError
    from nyc311_assets.pipeline.soda.errors import SodaError
    from nyc311_assets.resources.signing_in import SettingsMissing

    try:
        run_demo(console, days=days, rows=tuple(rows or ()), force=force)
    except FileNotFoundError as error:
        raise fail(error, code=2) from None
    except (
        DemoFailed,
        JarsMissing,
        JavaMissing,
        NotMaterialized,
        SettingsMissing,
        SodaError,
        WorkspaceError,
    ) as error:
        raise fail(error) from None


@app.command()
def dashboard(
    port: Annotated[int | None, typer.Option(help="Port; else NYC311_DASHBOARD_PORT.")] = None,
) -> None:
    """Serve the dashboard until it is stopped; on 127.0.0.1 unless sign-in is configured."""
    try:
        from nyc311_assets.dashboard.launch import NotProtected, serve
        from nyc311_assets.dashboard.signin import SignInUnusable
    except ModuleNotFoundError as error:
        raise fail(f"{error.name} is not installed: pip install '.[dashboard]'", code=2) from None

    settings = Settings()
    if port is not None:
        settings = settings.model_copy(update={"dashboard_port": port})
    try:
        serve(settings)
    except (NotProtected, SignInUnusable) as error:
        raise fail(error, code=2) from None


@app.command()
def doctor() -> None:
    """Look whether everything that a run needs is there, and say what is not."""
    from nyc311_assets.cli.doctor import examine

    if not examine(console, Settings()):
        raise typer.Exit(1)


@app.command()
def feed(
    rows: Rows = None,
    port: Annotated[int, typer.Option(help="Port on 127.0.0.1; 0 picks one.")] = 8311,
    seed: Annotated[int, typer.Option(help="Seed of the synthetic stream.")] = 311,
) -> None:
    """Serve the SODA API on this machine: a synthetic stream, or real rows from files."""
    from nyc311_assets.local.feed.__main__ import main

    arguments = ["--host", "127.0.0.1", "--port", str(port), "--seed", str(seed)]
    for path in rows or ():
        arguments += ["--rows", str(path)]
    raise typer.Exit(main(arguments))


@app.command()
def tables(
    *,
    docs: Annotated[
        bool, typer.Option("--docs", help="Print docs/tables.md instead: what each column is.")
    ] = False,
) -> None:
    """Show every table: rows, files, size, versions, and how far back it can be restored."""
    if docs:
        from nyc311_assets.cli.table_docs import table_docs
        from nyc311_assets.pipeline.cities import NEW_YORK

        typer.echo(table_docs(NEW_YORK), nl=False)
        return
    from nyc311_assets.cli.lakehouse import show_tables

    with failures():
        show_tables(console, Settings())


@app.command()
def history(
    table: TableName,
    limit: Annotated[int, typer.Option(min=1, max=1000, help="Most versions to show.")] = 20,
) -> None:
    """Show a table's versions: when, by which operation and run, and rows in, updated, deleted."""
    from nyc311_assets.cli.tables import show_history

    with failures():
        show_history(console, Settings(), table=table, limit=limit)


@app.command()
def explain(
    episode: Annotated[str, typer.Argument(metavar="EPISODE", help="Its id, or its beginning.")],
    *,
    as_json: Annotated[bool, typer.Option("--json", help="All of it, as JSON.")] = False,
) -> None:
    """Trace an episode back to the forecasts, models, counts and pulls that it was made of."""
    from nyc311_assets.cli.explain import explain_episode

    with failures():
        explain_episode(console, Settings(), episode, as_json=as_json)


@app.command()
def restore(
    table: TableName,
    to_version: Annotated[int | None, typer.Option(min=0, help="A version of its history.")] = None,
    to_time: Annotated[
        str | None, typer.Option(help="A time, 2026-03-01T05:30, New York's unless it has a zone.")
    ] = None,
    *,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
) -> None:
    """Take a table back to an earlier version, after showing what would change."""
    from nyc311_assets.cli.tables import restore_table

    with failures():
        done = restore_table(
            console,
            Settings(),
            table=table,
            to_version=to_version,
            to_time=to_time,
            confirm=None if yes else typer.confirm,
        )
    if not done:
        console.print("Nothing was changed.")
        raise typer.Exit(1)


@app.command()
def counts(
    known_on: Annotated[
        datetime,
        typer.Option(formats=["%Y-%m-%d"], help="The last partition that was there."),
    ],
    day: Annotated[
        datetime | None, typer.Option(formats=["%Y-%m-%d"], help="Only requests of this day.")
    ] = None,
    complaint_type: Annotated[
        str | None, typer.Option("--type", help="Only this complaint type.")
    ] = None,
    borough: Annotated[str | None, typer.Option(help="Only this borough.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=10_000, help="Most lines to show.")] = 50,
    *,
    exact: Annotated[
        bool,
        typer.Option(help="Read the table as it was when that day ended, while Delta has it."),
    ] = False,
) -> None:
    """Show counts of requests as they were known on a past date."""
    from nyc311_assets.cli.tables import show_counts

    with failures():
        show_counts(
            console,
            Settings(),
            known_on=known_on.date(),
            day=day.date() if day else None,
            complaint_type=complaint_type,
            borough=borough,
            exact=exact,
            limit=limit,
        )


@app.command()
def maintain(
    *,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only tell what would go.")] = False,
) -> None:
    """Compact all tables, remove old files, delete superseded pulls; else it is done weekly."""
    from nyc311_assets.cli.tables import run_maintenance

    with failures():
        run_maintenance(console, Settings(), dry_run=dry_run)


@local.command()
def status() -> None:
    """Show whether the embedded workspace runs, and what it is doing."""
    from nyc311_assets.local.lifecycle import workspace_status

    home = Settings().home
    state = workspace_status(home)
    if state is None:
        console.print(f"No embedded workspace is running for {home}. A run starts one.")
    else:
        console.print(state)


@local.command()
def dagster_home() -> None:
    """Create Dagster's home if it is not there, and print where it is."""
    typer.echo(prepare_dagster_home(Settings().dagster_home))


@local.command()
def stop() -> None:
    """Stop the embedded workspace with its Spark and its feed."""
    from nyc311_assets.local.lifecycle import stop_workspace

    home = Settings().home
    stopped = stop_workspace(home)
    console.print(
        f"Stopped the embedded workspace of {home}."
        if stopped
        else f"No embedded workspace is running for {home}."
    )
