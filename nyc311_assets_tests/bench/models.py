"""Times forecasts and trainings as the assets make them, beside stock Prophet on the same cores."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from pyspark.sql import SparkSession

from nyc311_assets.local.spark import SparkServer
from nyc311_assets.pipeline.cities import NEW_YORK
from nyc311_assets.pipeline.forecasting.issue import HORIZON, issue
from nyc311_assets.pipeline.forecasting.past import PastForecasts
from nyc311_assets.pipeline.forecasting.stock import stock_prophet
from nyc311_assets.pipeline.ml.fitting import fit_on_spark
from nyc311_assets.pipeline.ml.studies import Studies
from nyc311_assets.pipeline.ml.training import Policy, train
from nyc311_assets_tests.pipeline.forecasting.counts import simulated

SERIES, DAYS = 1000, 90
TRAINED_SERIES, TRAINED_DAYS = 1200, 150
# Stock Prophet is measured on so many of them, and its time multiplied.
STOCK_SERIES = 100


@dataclass(frozen=True, slots=True)
class ModelTimes:
    """Seconds.

    Attributes:
        ours: Fits, forecasts and bands of `SERIES` series, each round.
        stock: Stock Prophet's fits and forecasts of as many, each round.
        training: A training of `TRAINED_SERIES` series with a search of 20 trials a tier.
    """

    ours: list[float]
    stock: list[float]
    training: float


def measure_models(rounds: int, folder: Path, tell: Callable[[str], None]) -> ModelTimes:
    """Measure all three, alternately, on a Spark of their own.

    Args:
        rounds: Repetitions of the first two.
        folder: For Spark and the studies.
        tell: Is told of progress.
    """
    panel = simulated(series=SERIES, days=DAYS, mean=(10.0, 1000.0), drift=0.02)
    ahead = timedelta(days=HORIZON)
    holidays = NEW_YORK.holidays(panel.first_day, panel.last_day + ahead)
    server = SparkServer(folder / "spark")
    server.start()
    try:
        spark = SparkSession.builder.remote(server.remote).create()
        few = simulated(series=60, days=DAYS, mean=(10.0, 1000.0))
        fit_on_spark(spark, few, holidays, HORIZON, {})
        ours, stock = [], []
        for number in range(rounds):
            tell(f"{SERIES:,} series, round {number + 1} of {rounds} …")
            started = time.perf_counter()
            fits = fit_on_spark(spark, panel, holidays, HORIZON, {})
            issue(panel, panel.last_day, PastForecasts(panel.series, HORIZON), holidays, fits)
            ours.append(time.perf_counter() - started)
            started = time.perf_counter()
            with ThreadPoolExecutor(os.cpu_count() or 1) as pool:
                list(
                    pool.map(
                        lambda row: stock_prophet(
                            row, panel.first_day, HORIZON, country=NEW_YORK.country, seed=1
                        ),
                        panel.values[:STOCK_SERIES],
                    )
                )
            stock.append((time.perf_counter() - started) * SERIES / STOCK_SERIES)
        tell(f"a training of {TRAINED_SERIES:,} series …")
        many = simulated(
            series=TRAINED_SERIES, days=TRAINED_DAYS, mean=(2.0, 1000.0), drift=0.02, seed=2
        )
        started = time.perf_counter()
        train(
            spark,
            many,
            NEW_YORK.holidays(many.first_day, many.last_day + ahead),
            Policy(),
            None,
            Studies(folder / "studies", tell),
            is_search_due=True,
            tell=tell,
        )
        training = time.perf_counter() - started
        spark.stop()
    finally:
        server.stop()
    return ModelTimes(ours, stock, training)
