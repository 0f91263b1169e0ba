"""Fits and trials on Spark: many small Prophet models, in chunks that outweigh a task's start."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import date

import numpy as np
import pandas as pd
from pyspark.sql import SparkSession

from nyc311_assets.pipeline.forecasting.anchored_prophet import (
    ProphetFits,
    fit_prophet,
    join_fits,
)
from nyc311_assets.pipeline.forecasting.arrays import Floats, Integers
from nyc311_assets.pipeline.forecasting.level_profile import History, history
from nyc311_assets.pipeline.forecasting.panel import Panel
from nyc311_assets.pipeline.forecasting.search import fold_losses
from nyc311_assets.pipeline.forecasting.settings import ModelSettings

SERIES_PER_TASK = 50
_FITS = (
    "trained_on date, series string, settings string, first_day date, expected array<double>, "
    "error string, model string, newton_fallbacks int"
)
_LOSSES = "trial int, fold int, loss double"


def fit_on_spark(
    spark: SparkSession,
    panel: Panel,
    holidays: Mapping[date, str],
    horizon: int,
    settings: Mapping[str, ModelSettings],
) -> ProphetFits:
    """Fit Prophet to every series of a panel, `SERIES_PER_TASK` a task.

    Args:
        spark: The session.
        panel: The series to fit, up to the training day.
        holidays: Day -> name.
        horizon: Days ahead that a forecast will need.
        settings: Series -> its settings; defaults for all others.

    Returns:
        The fits with Prophet's models; a series that could not be fitted is named in `failed`.
    """
    past = history(panel, holidays)
    if not panel.series:
        return fit_prophet(past, (), horizon)
    tasks = -(-len(panel.series) // SERIES_PER_TASK)
    chunks = np.array_split(np.arange(len(panel.series)), tasks)
    parts = [(part_of(past, rows), tuple(panel.series[row] for row in rows)) for rows in chunks]

    def fit(frames: Iterable[pd.DataFrame]) -> Iterator[pd.DataFrame]:
        for frame in frames:
            for number in frame["id"]:
                part, names = parts[number]
                fits = fit_prophet(part, names, horizon, settings, keep_models=True)
                yield fits.to_frame().assign(newton_fallbacks=fits.newton_fallbacks)

    rows = spark.range(0, tasks, 1, tasks).mapInPandas(fit, _FITS).toPandas()
    joined = [ProphetFits.from_frame(part) for _, part in rows.groupby(_chunk_of(rows, parts))]
    found = join_fits(joined)
    fallbacks = int(rows.groupby(_chunk_of(rows, parts))["newton_fallbacks"].first().sum())
    return ProphetFits(
        found.trained_on,
        found.series,
        found.settings,
        found.first_day,
        found.expected,
        found.failed,
        fallbacks,
        found.models,
    )


def part_of(past: History, rows: Integers) -> History:
    """The history of some of its series."""
    return History(
        past.first_day, past.values[rows], past.weekday, past.profile[rows], past.volume[rows]
    )


def _chunk_of(
    rows: pd.DataFrame, parts: Sequence[tuple[History, tuple[str, ...]]]
) -> pd.Series[int]:
    chunk = {name: number for number, (_, names) in enumerate(parts) for name in names}
    return rows["series"].map(chunk)


def trials_on_spark(
    spark: SparkSession,
    panel: Panel,
    holidays: Mapping[date, str],
    origins: Sequence[date],
) -> Callable[[Sequence[ModelSettings]], list[Floats]]:
    """How to evaluate settings in parallel: a task for each trial and half of the folds.

    Args:
        spark: The session.
        panel: The series of one search.
        holidays: Day -> name.
        origins: The folds, see `gate.fold_origins`.

    Returns:
        Settings of a batch of trials -> the losses of each by fold; NaN where nothing was fitted.
    """

    def evaluate(batch: Sequence[ModelSettings]) -> list[Floats]:
        texts = [json.dumps(each.to_dict()) for each in batch]
        folds = [list(part) for part in np.array_split(np.arange(len(origins)), 2) if part.size]
        tasks = [(trial, part) for trial in range(len(texts)) for part in folds]

        def run(frames: Iterable[pd.DataFrame]) -> Iterator[pd.DataFrame]:
            for frame in frames:
                for number in frame["id"]:
                    trial, part = tasks[number]
                    settings = ModelSettings.from_dict(json.loads(texts[trial]))
                    days = [origins[fold] for fold in part]
                    losses = fold_losses(panel, holidays, settings, days)
                    yield pd.DataFrame({"trial": trial, "fold": part, "loss": losses})

        rows = spark.range(0, len(tasks), 1, len(tasks)).mapInPandas(run, _LOSSES).toPandas()
        result = np.full((len(texts), len(origins)), np.nan)
        result[rows["trial"], rows["fold"]] = rows["loss"].astype(float)
        return list(result)

    return evaluate
