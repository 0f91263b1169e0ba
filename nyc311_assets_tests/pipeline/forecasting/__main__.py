"""Prints every figure of docs/forecasting.md; nothing here passes or fails."""

from __future__ import annotations

import argparse
import os
import platform
import tempfile
import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import numpy as np
import pandas as pd
from rich.console import Console

from nyc311_assets.cli.backtest import Request, run_backtest
from nyc311_assets.pipeline.cities import NEW_YORK
from nyc311_assets.pipeline.forecasting.anchored_prophet import fit_prophet
from nyc311_assets.pipeline.forecasting.candidates import LEVEL_PROFILE, point_forecasts
from nyc311_assets.pipeline.forecasting.issue import HORIZON, issue
from nyc311_assets.pipeline.forecasting.level_profile import history
from nyc311_assets.pipeline.forecasting.panel import Panel
from nyc311_assets.pipeline.forecasting.past import PastForecasts
from nyc311_assets.pipeline.forecasting.stock import stock_prophet
from nyc311_assets_tests.pipeline.forecasting.counts import (
    fifteen_types,
    simulated,
    ten_categories,
    three_types,
)


def main() -> None:
    """Measure what is asked for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    parser.add_argument("--out", type=Path, help="folder to keep the counts and forecasts in")
    parser.add_argument("--no-baselines", action="store_true")
    parser.add_argument(
        "--only", action="append", choices=["2020", "2023", "2025", "simulated", "speed"]
    )
    arguments = parser.parse_args()
    console = Console(width=100)
    console.print(f"{platform.platform()}, {os.cpu_count()} cores", highlight=False)
    with tempfile.TemporaryDirectory() as temporary:
        folder = arguments.out or Path(temporary)
        for name, work in _measurements(arguments.data).items():
            if arguments.only is None or name in arguments.only:
                console.rule(name)
                work(console, folder, not arguments.no_baselines)


def _measurements(data: Path) -> dict[str, Callable[[Console, Path, bool], None]]:
    def files(
        name: str, read: Callable[[], pd.DataFrame], start: str | None = None
    ) -> Callable[[Console, Path, bool], None]:
        def work(console: Console, folder: Path, baselines: bool) -> None:
            counts = folder / f"{name}.csv"
            read().to_csv(counts, index=False)
            first = pd.Timestamp(start).date() if start else None
            request = Request(
                counts, folder / f"{name}-forecasts.csv", first, 7, HORIZON, baselines, 20
            )
            run_backtest(console, NEW_YORK, request)

        return work

    return {
        "2020": files("2020", lambda: fifteen_types(data)),
        "2023": files("2023", lambda: three_types(data)),
        "2025": files("2025", lambda: ten_categories(data), "2025-01-28"),
        "simulated": files("simulated", _simulated),
        "speed": lambda console, _, __: _speed(console),
    }


def _simulated() -> pd.DataFrame:
    """Forty series from 1 to 1,000 requests a day, whose level wanders by 2 % a day."""
    panel = simulated(series=40, days=220, mean=(1.0, 1000.0), dispersion=0.05, drift=0.02, seed=7)
    count, days = panel.values.shape
    return pd.DataFrame(
        {
            "series": np.repeat(panel.series, days),
            "ds": np.tile(pd.date_range(panel.first_day, periods=days).astype(str), count),
            "y": panel.values.ravel(),
        }
    )


def _speed(console: Console) -> None:
    panel = simulated(series=1000, days=90, mean=(10.0, 1000.0), drift=0.02)
    holidays = NEW_YORK.holidays(panel.first_day, panel.last_day + timedelta(days=HORIZON))

    def timed(what: str, work: Callable[[], object], times: int = 1) -> float:
        start = time.perf_counter()
        work()
        seconds = (time.perf_counter() - start) * times
        console.print(f"{what}: {seconds:.1f} s", highlight=False)
        return seconds

    past = PastForecasts(panel.series, HORIZON)
    ours = timed(
        "1,000 series, 90 days: first back-test, 30-day forecasts and bands, one core",
        lambda: issue(panel, panel.last_day, past, holidays),
    )
    ours += timed(
        "1,000 Prophet fits with L-BFGS, one core",
        lambda: fit_prophet(history(panel, holidays), panel.series, HORIZON),
    )
    some = 40

    def stock() -> None:
        for row in panel.values[:some]:
            stock_prophet(row, panel.first_day, HORIZON, country=NEW_YORK.country, seed=1)

    theirs = timed(f"1,000 stock Prophets (measured on {some}), one core", stock, 1000 // some)
    console.print(f"ratio: {theirs / ours:.1f}", highlight=False)
    many = simulated(series=2400, days=220, mean=(0.5, 500.0))
    timed(
        "2,400 series, level x profile 7 days ahead from each of 190 days, one core",
        lambda: _every_day(many),
    )


def _every_day(panel: Panel) -> None:
    for column in np.arange(30, 220):
        known = panel.until(panel.day(int(column)))
        point_forecasts(known, {}, 7, models=(LEVEL_PROFILE,))


if __name__ == "__main__":
    main()
