"""What `nyc311 backtest` does and shows."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from math import isnan
from pathlib import Path

import pandas as pd
from rich.console import Console

from nyc311_assets.cli.counts_file import (
    check_output,
    read_counts,
    tell_missing,
    write_table,
)
from nyc311_assets.cli.errors import OperationFailed, WrongUse
from nyc311_assets.cli.formats import page_of, progress_bar, say, some
from nyc311_assets.pipeline.cities import City
from nyc311_assets.pipeline.forecasting.backtest import (
    Backtest,
    backtest,
    default_start,
    origins,
)
from nyc311_assets.pipeline.forecasting.benchmark import (
    sample_of,
    simple_baselines,
    stock_models,
)
from nyc311_assets.pipeline.forecasting.panel import Panel, PanelError
from nyc311_assets.pipeline.forecasting.scores import (
    coverage_by_weekday,
    judged,
    score_table,
)
from nyc311_assets.pipeline.forecasting.volume import HORIZON_GROUPS

OWN = "nyc311"
OWN_SAMPLE = "nyc311, same ones"
_WRITTEN = ["series", "as_of", "ds", "yhat", "lo95", "hi95"]
_WEEKDAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_DECIMALS = 3


@dataclass(frozen=True, slots=True)
class Request:
    """What is asked for.

    Attributes:
        counts: CSV with the columns series, ds, y.
        out: CSV to write the forecasts to.
        start: First origin; None for the default.
        every: Days from one origin to the next.
        horizon: Days ahead.
        baselines: Also measure stock Prophet and AutoETS.
        baseline_series: Most series to measure those two on.
    """

    counts: Path
    out: Path
    start: date | None
    every: int
    horizon: int
    baselines: bool
    baseline_series: int


def run_backtest(console: Console, city: City, request: Request) -> None:
    """Forecast past days from what was known then, write the forecasts, and print their scores.

    Args:
        console: Where it is shown.
        city: Whose holidays they are.
        request: What is asked for.

    Raises:
        WrongUse: The counts cannot be read or break a rule, no forecast can start then, or the
            forecasts cannot be written there.
        OperationFailed: No series could be forecast.
    """
    check_output(request.out, request.counts)
    panel = read_counts(request.counts)
    try:
        days = origins(panel, request.start or default_start(panel), request.every)
    except PanelError as error:
        raise WrongUse(str(error)) from None
    _describe(console, panel, days)
    holidays = city.holidays(panel.first_day, panel.last_day + timedelta(days=request.horizon))
    workers = os.cpu_count() or 1
    with progress_bar(console) as progress:
        task = progress.add_task("Forecasting", total=len(days))
        result = backtest(
            panel,
            days,
            holidays,
            horizon=request.horizon,
            workers=workers,
            on_origin=lambda _: progress.advance(task),
        )
    _tell(console, result)
    if result.forecasts.empty:
        raise OperationFailed("No series could be forecast: the lines above say why.")
    _write(result.forecasts, request.out)
    say(console, f"Wrote {len(result.forecasts):,} forecasts to {request.out}.")
    _score(console, panel, days, city, result, request, workers)


def _write(forecasts: pd.DataFrame, out: Path) -> None:
    table = forecasts[_WRITTEN].copy()
    for column in ("as_of", "ds"):
        table[column] = table[column].dt.strftime("%Y-%m-%d")
    table["yhat"] = table["yhat"].round(_DECIMALS)
    write_table(table, out)


def _describe(console: Console, panel: Panel, days: Sequence[date]) -> None:
    say(
        console,
        f"{len(panel.series):,} series, {panel.first_day} to {panel.last_day}; "
        f"{len(days):,} origins from {days[0]} to {days[-1]}.",
    )
    tell_missing(console, panel)


def _tell(console: Console, result: Backtest) -> None:
    if result.skipped:
        named = some([f"{name} ({why})" for name, why in sorted(result.skipped.items())])
        say(console, f"{len(result.skipped):,} series skipped: {named}.")
    if result.failed:
        named = some([f"{name} ({why})" for name, why in sorted(result.failed.items())])
        say(
            console,
            f"Prophet failed on {len(result.failed):,} series, which level x profile served: "
            f"{named}.",
        )
    if result.newton_fallbacks:
        say(console, f"{result.newton_fallbacks:,} Prophet fits fell back to Newton.")


def _score(
    console: Console,
    panel: Panel,
    days: Sequence[date],
    city: City,
    result: Backtest,
    request: Request,
    workers: int,
) -> None:
    own = result.forecasts.assign(method=OWN)
    past = [day for day in days if day < panel.last_day]
    rows = judged(own, panel)
    if rows.empty:
        say(console, "No day that was forecast has come: there is nothing to score.")
        return
    others = [simple_baselines(panel, past, request.horizon).forecasts]
    if request.baselines:
        others += _stock(console, panel, past, city, own, request, workers)
    # Only what both have: the same series, origins and days.
    keys = ["series", "as_of", "ds"]
    compared = [each.merge(own[keys], on=keys) for each in others if len(each)]
    table = score_table(judged(pd.concat([own, *compared], ignore_index=True), panel))
    for horizon, part in table.groupby("horizon", sort=False):
        _show(console, f"{horizon} days ahead", part)
    _show(console, f"{OWN}, finer", score_table(rows, HORIZON_GROUPS), only="all")
    weekdays = coverage_by_weekday(rows)
    shown = ", ".join(
        f"{_WEEKDAYS[day]} {weekdays[day]:.3f}" for day in range(7) if day in weekdays.index
    )
    say(console, f"Coverage by weekday, 1-7 days ahead: {shown}.")
    say(
        console,
        "Each score is a mean over series; MAPE is of the n series with 100 requests a day and "
        "more. Origins overlap, so neighbouring forecasts share "
        "their days: the tables hold less evidence than their number of forecasts suggests.",
    )


def _stock(
    console: Console,
    panel: Panel,
    days: Sequence[date],
    city: City,
    own: pd.DataFrame,
    request: Request,
    workers: int,
) -> list[pd.DataFrame]:
    sample = panel.only(sample_of(panel, request.baseline_series))
    with progress_bar(console) as progress:
        task = progress.add_task("Stock Prophet, AutoETS", total=len(days) * len(sample.series))
        stock = stock_models(
            sample,
            days,
            request.horizon,
            country=city.country,
            workers=workers,
            on_fit=lambda: progress.advance(task),
        )
    for method, count in stock.failed.items():
        say(console, f"{method} failed on {count:,} series and origins, which it lacks below.")
    frames = [stock.forecasts]
    if len(sample.series) < len(panel.series):
        frames.append(own[own["series"].isin(sample.series)].assign(method=OWN_SAMPLE))
    return frames


def _show(console: Console, title: str, table: pd.DataFrame, *, only: str | None = None) -> None:
    page = page_of(
        "horizon" if only else "tier",
        "method",
        "series",
        "MASE",
        "WAPE",
        "MAPE (n)",
        "cover",
        "Winkler",
        "width",
        left=2,
    )
    page.title, page.title_justify = title, "left"
    page.padding = (0, 1, 0, 0)
    shown = table[table["tier"] == only] if only else table
    for row in shown.to_dict("records"):
        page.add_row(
            str(row["horizon" if only else "tier"]),
            str(row["method"]),
            f"{row['series']:,}",
            _figure(row["mase"]),
            _figure(row["wape"]),
            f"{row['mape']:.1%} ({row['mape_series']})" if row["mape_series"] else "-",
            _figure(row["coverage"]),
            _figure(row["winkler"]),
            _figure(row["width"]),
        )
    console.print(page)
    console.print()


def _figure(value: float) -> str:
    return "-" if isnan(value) else f"{value:.3f}"
