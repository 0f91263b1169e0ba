"""The simple rules that every forecast is held against."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.stats import norm

from nyc311_assets.pipeline.days import WEEK
from nyc311_assets.pipeline.forecasting.arrays import Floats
from nyc311_assets.pipeline.forecasting.panel import Panel
from nyc311_assets.pipeline.forecasting.windows import row_median

SEASONAL_NAIVE = "seasonal naive"
WEEKDAY_MEAN = "4-week weekday mean"
WINDOW_DAYS = 90
_WEEKS = 4
LEVEL = 0.95


@dataclass(frozen=True, eq=False)
class Baseline:
    """A baseline's forecasts from one day.

    Attributes:
        point: Requests a day, series x horizon.
        low, high: Bounds of the 95 % band, of the same shape.
    """

    point: Floats
    low: Floats
    high: Floats


def seasonal_naive(panel: Panel, horizon: int) -> Baseline:
    """Each day as the newest known one of its weekday, with the textbook's normal band.

    Hyndman and Athanasopoulos, Forecasting: Principles and Practice, 3rd edition, 5.2 and 5.5: the
    spread of the differences over seven days, times the root of the number of weeks ahead.
    """
    weeks = _weeks(panel)
    point = _fallback(_newest(weeks), panel)[:, np.arange(horizon) % WEEK]
    steps = np.sqrt(np.arange(horizon) // WEEK + 1.0)
    return _with_band(point, _spread(panel)[:, None] * steps)


def weekday_mean(panel: Panel, horizon: int) -> Baseline:
    """Each day as the mean of its weekday over four weeks, with a normal band.

    The spread of the differences over seven days is that of two days: a forecast from the mean of
    four has √(5/8) of it.
    """
    weeks = _weeks(panel)[:, -_WEEKS:]
    known = (~np.isnan(weeks)).sum(axis=1)
    mean = np.divide(
        np.nansum(weeks, axis=1), known, out=np.full(known.shape, np.nan), where=known > 0
    )
    point = _fallback(mean, panel)[:, np.arange(horizon) % WEEK]
    spread = _spread(panel)[:, None] * np.sqrt((1 + 1 / _WEEKS) / 2)
    return _with_band(point, np.repeat(spread, horizon, axis=1))


def _weeks(panel: Panel) -> Floats:
    """The newest days, series x weeks x 7, so that column 0 has tomorrow's weekday."""
    width = min(panel.values.shape[1], WINDOW_DAYS) // WEEK * WEEK
    return panel.values[:, panel.values.shape[1] - width :].reshape(len(panel.series), -1, WEEK)


def _newest(weeks: Floats) -> Floats:
    result = np.full((weeks.shape[0], WEEK), np.nan)
    for week in range(weeks.shape[1]):
        result = np.where(np.isnan(weeks[:, week]), result, weeks[:, week])
    return result


def _fallback(point: Floats, panel: Panel) -> Floats:
    """A weekday that is not known at all has the median day."""
    usual = np.nan_to_num(row_median(panel.values[:, -WINDOW_DAYS:]))
    return np.where(np.isnan(point), usual[:, None], point)


def _spread(panel: Panel) -> Floats:
    newest = panel.values[:, -WINDOW_DAYS:]
    difference = newest[:, WEEK:] - newest[:, :-WEEK]
    known = (~np.isnan(difference)).sum(axis=1)
    return np.asarray(np.sqrt(np.nansum(difference**2, axis=1) / np.maximum(known, 1)))


def _with_band(point: Floats, spread: Floats) -> Baseline:
    half = norm.ppf((1 + LEVEL) / 2) * spread
    return Baseline(point, np.maximum(point - half, 0.0), point + half)
