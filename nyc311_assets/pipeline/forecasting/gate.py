"""Which model serves a series: Prophet where it does not lose on past origins."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np

from nyc311_assets.pipeline.forecasting.arrays import Flags, Floats, Integers
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
    errors = fold_errors(panel, past)
    if PROPHET not in errors.mean:
        return np.zeros(len(panel.series), dtype=bool)
    wins = errors.mean[PROPHET] <= errors.mean[LEVEL_PROFILE]
    return np.asarray((volume >= PROPHET_VOLUME) & (errors.folds >= LEAST_FOLDS) & wins)


@dataclass(frozen=True, eq=False)
class FoldErrors:
    """Mean absolute errors 1 to 7 days ahead, over the days that all candidates have forecast.

    Attributes:
        folds: Weekly folds that have come, by series.
        mean: Candidate -> requests a day, by series; NaN without a fold. Empty without any fold.
    """

    folds: Integers
    mean: Mapping[str, Floats]


def fold_origins(panel: Panel) -> list[date]:
    """The newest `FOLDS` weekly origins whose 7 days have all come, oldest first."""
    return [
        panel.last_day - timedelta(days=FOLD_DAYS * (fold + 1)) for fold in reversed(range(FOLDS))
    ]


def fold_rows(panel: Panel, past: PastForecasts) -> list[int]:
    """The `fold_origins` that have forecasts, by number, oldest first."""
    wanted = set(fold_origins(panel))
    return [row for row, day in enumerate(past.origins) if day in wanted]


def fold_errors(panel: Panel, past: PastForecasts) -> FoldErrors:
    """The errors of the candidates over the newest weekly folds that have wholly come.

    Args:
        panel: What is known, up to as_of and no further.
        past: Earlier origins, of the panel's series.
    """
    rows = fold_rows(panel, past)
    if PROPHET not in past.forecasts or past.horizon < FOLD_DAYS or not rows:
        return FoldErrors(np.zeros(len(panel.series), dtype=np.int64), {})
    folds = past.part(rows, FOLD_DAYS)
    actuals = folds.actuals(panel)
    errors = {model: np.abs(folds.forecasts[model] - actuals) for model in (PROPHET, LEVEL_PROFILE)}
    both = ~np.isnan(errors[PROPHET]) & ~np.isnan(errors[LEVEL_PROFILE])
    days = both.sum(axis=(0, 2))
    mean = {
        model: np.divide(
            np.where(both, each, 0.0).sum(axis=(0, 2)),
            days,
            out=np.full(days.shape, np.nan),
            where=days > 0,
        )
        for model, each in errors.items()
    }
    return FoldErrors(both.any(axis=2).sum(axis=0), mean)
