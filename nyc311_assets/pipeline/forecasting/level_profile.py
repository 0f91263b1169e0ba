"""Level x profile: the model that decides most of the accuracy, for all series at once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np

from nyc311_assets.pipeline.forecasting.arrays import Floats, Integers
from nyc311_assets.pipeline.forecasting.cleaning import outliers
from nyc311_assets.pipeline.forecasting.panel import Panel
from nyc311_assets.pipeline.forecasting.profile import weekday_profile, weekdays
from nyc311_assets.pipeline.forecasting.volume import recent_volume

WINDOW_DAYS = 90
VOLUME_DAYS = 28
# From this volume on, logs are smoothed; logs of small counts are biased down.
BUSY_VOLUME = 10.0
ALPHA = 0.15
ALPHA_SMALL = 0.1
# The residual of the newest days: its smoothing, its daily decay ahead, and the prior of its weight.
MEMORY_ALPHA = 0.7
MEMORY_DECAY = 0.55
MEMORY_PRIOR = 0.25
MEMORY_PRIOR_DAYS = 60.0
_WARM_UP_DAYS = 14
_LOG_OFFSET = 0.5


@dataclass(frozen=True, eq=False)
class History:
    """The newest days of a panel, as the models fit them.

    Attributes:
        first_day: Of the first column.
        values: Requests a day, series x days; NaN where unknown, on holidays and for outliers.
        weekday: Weekday of each day, Monday is 0.
        profile: series x 7, mean 1.
        volume: Mean requests a day of the newest `VOLUME_DAYS`, by series.
    """

    first_day: date
    values: Floats
    weekday: Integers
    profile: Floats
    volume: Floats

    @property
    def next_day(self) -> date:
        """The first day ahead."""
        return self.first_day + timedelta(days=self.values.shape[1])


def history(panel: Panel, holidays: Mapping[date, str]) -> History:
    """Take the newest `WINDOW_DAYS` of a panel, clean them and estimate the weekday profile."""
    width = min(WINDOW_DAYS, panel.values.shape[1])
    values = panel.values[:, -width:].copy()
    first_day = panel.day(panel.values.shape[1] - width)
    weekday = weekdays(first_day, width)
    volume = recent_volume(values, VOLUME_DAYS)
    columns = [(day - first_day).days for day in holidays]
    values[:, [column for column in columns if 0 <= column < width]] = np.nan
    profile = weekday_profile(values, weekday)
    values[outliers(values, profile, weekday)] = np.nan
    return History(first_day, values, weekday, weekday_profile(values, weekday), volume)


@dataclass(frozen=True, eq=False)
class Level:
    """What a series has at the end of the newest day, apart from its weekday profile.

    Attributes:
        requests: The level in requests a day, by series.
        memory: Log of the first day ahead over that level; it fades by `MEMORY_DECAY` a day.
    """

    requests: Floats
    memory: Floats

    def ahead(self, horizon: int) -> Floats:
        """Requests a day on an average weekday, series x horizon."""
        fading = self.memory[:, None] * MEMORY_DECAY ** np.arange(horizon)
        return np.asarray(self.requests[:, None] * np.exp(fading))


def current_level(deseasonalised: Floats, volume: Floats, alpha: float | None = None) -> Level:
    """Exponentially weighted level at the end of the newest day, and what lingers of that day.

    Brown's simple exponential smoothing (1956) with weights that sum to one over the known days.
    Series of `BUSY_VOLUME` and more are smoothed in logs, where one high day weighs less, and keep
    a part of the residual of the newest days: counts of neighbouring days share their weather. The
    part is the regression of each day's error on the residual before it, shrunk to `MEMORY_PRIOR`,
    as in an autoregressive error of order one (Harvey, Forecasting, Structural Time Series Models
    and the Kalman Filter, 1989, chapter 2).

    Args:
        deseasonalised: Requests a day over the weekday profile, series x days.
        volume: Requests a day, by series; decides the smoothing.
        alpha: Smoothing weight of the newest day, instead of that of the volume.
    """
    small = _smoothed(deseasonalised, ALPHA_SMALL if alpha is None else alpha)[:, -1]
    logs = np.log(deseasonalised + _LOG_OFFSET)
    slow = _smoothed(logs, ALPHA if alpha is None else alpha)
    residual = _smoothed(logs, MEMORY_ALPHA) - slow
    is_busy = volume >= BUSY_VOLUME
    level = np.where(is_busy, np.exp(slow[:, -1]) - _LOG_OFFSET, small)
    memory = _memory_weight(logs[:, 1:] - slow[:, :-1], residual[:, :-1]) * residual[:, -1]
    return Level(
        np.maximum(np.nan_to_num(level), 0.0), np.nan_to_num(np.where(is_busy, memory, 0.0))
    )


def level_profile(past: History, horizon: int, alpha: float | None = None) -> Floats:
    """Forecast weekday profile x level, without holidays and tilt.

    Args:
        past: The history up to as_of.
        horizon: Days ahead.
        alpha: Smoothing weight instead of that of the volume.

    Returns:
        Requests a day, series x horizon; the first column is the day after as_of.
    """
    level = current_level(past.values / past.profile[:, past.weekday], past.volume, alpha)
    return np.asarray(level.ahead(horizon) * past.profile[:, weekdays(past.next_day, horizon)])


def _memory_weight(error: Floats, residual: Floats) -> Floats:
    """Shrunken regression of one-step errors on the residual before each, from 0 to 1."""
    used = ~np.isnan(error) & ~np.isnan(residual)
    used[:, :_WARM_UP_DAYS] = False
    x, y = np.where(used, residual, 0.0), np.where(used, error, 0.0)
    squares = (x * x).sum(axis=1)
    prior = MEMORY_PRIOR_DAYS / np.maximum(used.sum(axis=1), 1)
    weight = np.divide(
        (x * y).sum(axis=1) + prior * MEMORY_PRIOR * squares,
        (1.0 + prior) * squares,
        out=np.zeros_like(squares),
        where=squares > 0,
    )
    return np.asarray(np.clip(weight, 0.0, 1.0))


def _smoothed(values: Floats, alpha: float) -> Floats:
    """Exponentially weighted mean up to each day, over known days; NaN before the first one."""
    age = np.arange(values.shape[1])[None, :] - np.arange(values.shape[1])[:, None]
    weights = np.where(age >= 0, (1.0 - alpha) ** np.maximum(age, 0), 0.0)
    known = ~np.isnan(values)
    total = known.astype(float) @ weights
    return np.asarray(
        np.divide(
            np.nan_to_num(values) @ weights,
            total,
            out=np.full_like(total, np.nan),
            where=total > 0,
        )
    )
