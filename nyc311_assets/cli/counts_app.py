"""`nyc311 backtest`, `detect` and `benchmark`: commands on daily counts in a file."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer

from nyc311_assets.cli.shell import console, failures

commands = typer.Typer()

Counts = Annotated[
    Path, typer.Option("--counts", help="CSV file with the columns series, ds (day) and y.")
]


@commands.command()
def backtest(
    counts: Counts,
    out: Annotated[Path, typer.Option("--out", help="CSV file to write the forecasts to.")],
    start: Annotated[
        datetime | None,
        typer.Option(
            formats=["%Y-%m-%d"],
            help="Last known day of the first forecast; else the 90th day, or earlier in a short "
            "file. From the 28th day on.",
        ),
    ] = None,
    every: Annotated[int, typer.Option(min=1, help="Days between forecasts.")] = 7,
    horizon: Annotated[int, typer.Option(min=1, max=60, help="Days ahead.")] = 30,
    *,
    baselines: Annotated[
        bool, typer.Option(help="Also fit stock Prophet and AutoETS, which takes longest.")
    ] = True,
    baseline_series: Annotated[
        int, typer.Option(min=1, help="Most series to fit those two to.")
    ] = 20,
) -> None:
    """Forecast past days of your own counts from what was known then, and score it."""
    from nyc311_assets.cli.backtest import Request, run_backtest
    from nyc311_assets.pipeline.cities import NEW_YORK

    request = Request(
        counts, out, start.date() if start else None, every, horizon, baselines, baseline_series
    )
    with failures():
        run_backtest(console, NEW_YORK, request)


@commands.command()
def detect(
    counts: Counts,
    out: Annotated[Path, typer.Option("--out", help="CSV file to write the verdicts to.")],
    start: Annotated[
        datetime | None,
        typer.Option(
            "--from", formats=["%Y-%m-%d"], help="First day to judge; else the 29th of the file."
        ),
    ] = None,
    complete_until: Annotated[
        datetime | None,
        typer.Option(formats=["%Y-%m-%d"], help="Last complete day: later ones are not judged."),
    ] = None,
    episodes: Annotated[
        Path | None, typer.Option("--episodes", help="CSV file to write the episodes to.")
    ] = None,
) -> None:
    """Judge each day of your own counts by forecasts issued before it: watch and confirmed."""
    from nyc311_assets.cli.detect import Request, run_detect
    from nyc311_assets.pipeline.cities import NEW_YORK

    request = Request(
        counts,
        out,
        start.date() if start else None,
        complete_until.date() if complete_until else None,
        episodes,
    )
    with failures():
        run_detect(console, NEW_YORK, request)


@commands.command()
def benchmark(
    counts: Annotated[
        Path | None,
        typer.Option(
            "--counts",
            help="CSV file with the columns series, ds (day) and y to bootstrap series from; else "
            "they are simulated.",
        ),
    ] = None,
    series: Annotated[int, typer.Option(min=40, help="Series to make.")] = 708,
    seed: Annotated[int, typer.Option(min=0, help="Seed of all that is drawn.")] = 311,
) -> None:
    """Hide events in series, and score the detector beside the best published one."""
    from nyc311_assets.cli.benchmark import Request, run

    with failures():
        run(console, Request(counts, series, seed))
