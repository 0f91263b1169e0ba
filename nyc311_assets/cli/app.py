"""All subcommands. Exit codes: 0 done, 1 failed, 2 wrong use."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from nyc311_assets.local.dagster_home import export_on_activation, prepare_dagster_home
from nyc311_assets.settings import Settings

app = typer.Typer(
    help="Daily forecasts and anomaly alerts for NYC 311 service requests.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)
local = typer.Typer(help="The embedded workspace on this machine.", no_args_is_help=True)
app.add_typer(local, name="local")

console = Console()
errors = Console(stderr=True)

Rows = Annotated[
    list[Path] | None,
    typer.Option("--rows", help="Real rows: CSV, JSON or Parquet files, or folders of them."),
]


def fail(message: object, code: int = 1) -> typer.Exit:
    """Show an error and return the exit to raise."""
    errors.print("[bold red]Error:[/]", end=" ")
    errors.print(str(message), highlight=False, markup=False, soft_wrap=True)
    return typer.Exit(code)


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
    days: Annotated[int, typer.Option(min=1, max=366, help="Days to materialize.")] = 35,
    rows: Rows = None,
    *,
    force: Annotated[bool, typer.Option(help="Run although nothing is new.")] = False,
) -> None:
    """Run the whole pipeline over a range of days, watch it, and sum it up."""
    from nyc311_assets.cli.demo import DemoFailed, run_demo
    from nyc311_assets.local.jars import JarsMissing
    from nyc311_assets.local.java import JavaMissing
    from nyc311_assets.local.lifecycle import WorkspaceError
    from nyc311_assets.pipeline.soda.errors import SodaError
    from nyc311_assets.resources.workspace import SettingsMissing

    try:
        run_demo(console, days=days, rows=tuple(rows or ()), force=force)
    except FileNotFoundError as error:
        raise fail(error, code=2) from None
    except (
        DemoFailed,
        JarsMissing,
        JavaMissing,
        SettingsMissing,
        SodaError,
        WorkspaceError,
    ) as error:
        raise fail(error) from None


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
