"""Which model serves a series: Prophet where it does not lose on past origins."""

from __future__ import annotations

import numpy as np

from nyc311_assets.pipeline.forecasting.arrays import Flags, Floats
from nyc311_assets.pipeline.forecasting.candidates import LEVEL_PROFILE, PROPHET
from nyc311_assets.pipeline.forecasting.panel import Panel
from nyc311_assets.pipeline.forecasting.past import PastForecasts

PROPHET_VOLUME = 10.0
FOLDS = 8
LEAST_FOLDS = 3
FOLD_DAYS = 7


def served_by_prophet(panel: Panel, past: PastForecasts, volume: Floats) -> Flags:
    """Choose the model of each series from weekly folds that have wholly come.

    A fold is an origin with its first 7 days. Prophet serves a series of `PROPHET_VOLUME` requests
    a day and more unless its mean absolute error over the newest `FOLDS` is above that of level x
    profile; with fewer than `LEAST_FOLDS` the latter serves.

    Args:
        panel: What is known, up to as_of and no further.
        past: Earlier origins.
        volume: Requests a day, by series.
    """
    nobody = np.zeros(len(panel.series), dtype=bool)
    if PROPHET not in past.forecasts or past.horizon < FOLD_DAYS:
        return nobody
    newest = panel.values.shape[1] - 1
    wanted = {newest - FOLD_DAYS * (fold + 1) for fold in range(FOLDS)}
    rows = [row for row, day in enumerate(past.origins) if panel.column(day) in wanted]
    if len(rows) < LEAST_FOLDS:
        return nobody
    actuals = past.actuals(panel)[rows, :, :FOLD_DAYS]
    errors = {
        model: np.abs(past.forecasts[model][rows, :, :FOLD_DAYS] - actuals)
        for model in (PROPHET, LEVEL_PROFILE)
    }
    both = ~np.isnan(errors[PROPHET]) & ~np.isnan(errors[LEVEL_PROFILE])
    sums = {model: np.where(both, each, 0.0).sum(axis=(0, 2)) for model, each in errors.items()}
    folds = both.any(axis=2).sum(axis=0)
    wins = sums[PROPHET] <= sums[LEVEL_PROFILE]
    return np.asarray((volume >= PROPHET_VOLUME) & (folds >= LEAST_FOLDS) & wins)
