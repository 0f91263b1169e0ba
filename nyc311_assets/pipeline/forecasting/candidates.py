"""Point forecasts of every candidate model from one day, for all series at once."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date, timedelta

import numpy as np

from nyc311_assets.pipeline.forecasting.anchored_prophet import (
    ProphetFits,
    usable_shape,
    weekday_means,
)
from nyc311_assets.pipeline.forecasting.arrays import Floats, Integers
from nyc311_assets.pipeline.forecasting.holidays import holiday_factors
from nyc311_assets.pipeline.forecasting.level_profile import (
    History,
    current_level,
    history,
    level_profile,
)
from nyc311_assets.pipeline.forecasting.panel import Panel
from nyc311_assets.pipeline.forecasting.profile import weekdays
from nyc311_assets.pipeline.forecasting.settings import ModelSettings
from nyc311_assets.pipeline.forecasting.tilt import last_year_tilt

LEVEL_PROFILE = "level_profile"
PROPHET = "prophet"
CANDIDATES = (LEVEL_PROFILE, PROPHET)


def point_forecasts(
    panel: Panel,
    holidays: Mapping[date, str],
    horizon: int,
    fits: ProphetFits | None = None,
    *,
    models: Iterable[str] = CANDIDATES,
) -> dict[str, Floats]:
    """Forecast the days after a panel's last one with each candidate.

    Both are a shape of the week put at today's level, times what a holiday and last year's season
    do. They differ in the shape: `level_profile` weighs newer weeks more and shrinks it for small
    series, `prophet` has Prophet's.

    Args:
        panel: What is known at as_of, and nothing later.
        holidays: Day -> name, over the panel and the days ahead.
        horizon: Days ahead.
        fits: The last training's Prophet fits, of at most `LONGEST_SERVICE_DAYS` before; the closed form of
            the default settings stands in for series that are not among them.
        models: Which candidates.

    Returns:
        Model -> requests a day, series x horizon; NaN for series that Prophet failed to fit.
    """
    past = history(panel, holidays)
    ahead = tuple(past.next_day + timedelta(days=number) for number in range(horizon))
    holiday = holiday_factors(panel, holidays, past.profile, ahead)
    tilted = holiday * last_year_tilt(panel.values, horizon)
    result: dict[str, Floats] = {}
    if LEVEL_PROFILE in models:
        result[LEVEL_PROFILE] = level_profile(past, horizon) * tilted
    if PROPHET in models:
        result[PROPHET] = (
            _from_shape(past, horizon, _closed_form(past, horizon), None) * tilted
            if fits is None
            else _from_fits(panel, past, horizon, fits, holiday)
        )
    return result


def _from_fits(
    panel: Panel, past: History, horizon: int, fits: ProphetFits, holiday: Floats
) -> Floats:
    """Forecasts from fitted shapes, each series with its own settings."""
    days = past.values.shape[1]
    expected = fits.shape(past.first_day, days + horizon, panel.series)
    tilt = last_year_tilt(panel.values, horizon)
    result = _from_shape(past, horizon, _closed_form(past, horizon), None) * tilt
    for settings, rows in _groups(panel.series, fits).items():
        own = History(
            past.first_day,
            past.values[rows],
            past.weekday,
            past.profile[rows],
            past.volume[rows],
        )
        tilt = last_year_tilt(panel.values[rows], horizon, settings.tilt)
        result[rows] = _from_shape(own, horizon, expected[rows], settings.alpha) * tilt
    return np.asarray(result * holiday)


def _closed_form(past: History, horizon: int) -> Floats:
    week = weekdays(past.first_day, past.values.shape[1] + horizon)
    return np.asarray(weekday_means(past.values, past.weekday)[:, week])


def _groups(series: tuple[str, ...], fits: ProphetFits) -> dict[ModelSettings, Integers]:
    """Rows of the panel by settings; series that were not fitted are in none."""
    chosen = dict(zip(fits.series, fits.settings, strict=True))
    groups: dict[ModelSettings, list[int]] = {}
    for row, name in enumerate(series):
        if name in chosen:
            groups.setdefault(chosen[name], []).append(row)
    return {settings: np.array(rows, dtype=np.int64) for settings, rows in groups.items()}


def _from_shape(past: History, horizon: int, expected: Floats, alpha: float | None) -> Floats:
    """Put a shape, of the days of the history and those ahead, at today's level."""
    days = past.values.shape[1]
    share = usable_shape(expected)
    level = current_level(past.values / share[:, :days], past.volume, alpha)
    return np.asarray(level.ahead(horizon) * share[:, days:])
