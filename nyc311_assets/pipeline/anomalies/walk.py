"""Walking forward: the forecast of every past day, each from what was known before it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date, timedelta

import numpy as np

from nyc311_assets.pipeline.anomalies.expectations import FROZEN_DAYS, Expectations, expected
from nyc311_assets.pipeline.forecasting.arrays import Floats
from nyc311_assets.pipeline.forecasting.bands import bands, calibrate
from nyc311_assets.pipeline.forecasting.holidays import holiday_factors
from nyc311_assets.pipeline.forecasting.level_profile import VOLUME_DAYS, history, level_profile
from nyc311_assets.pipeline.forecasting.panel import Panel
from nyc311_assets.pipeline.forecasting.past import KEPT_ORIGINS, PastForecasts
from nyc311_assets.pipeline.forecasting.tilt import last_year_tilt
from nyc311_assets.pipeline.forecasting.volume import recent_volume, tier_of

# Days of history before the first forecast.
LEAST_ORIGIN_DAYS = 14
# Bands are made for this many days before the first one that is asked for: a run may be under way.
RUN_DAYS = 60
_LEVEL = 0.95
_MODEL = "level_profile"


def holiday_effect(known: Panel, holidays: Mapping[date, str], horizon: int) -> Floats:
    """What holidays multiply the forecasts from the panel's end on by, series x horizon.

    Args:
        known: What is known at as_of, and nothing later.
        holidays: Day -> name, over the panel and the days ahead.
        horizon: Days ahead.
    """
    ahead = tuple(known.last_day + timedelta(days=number) for number in range(1, horizon + 1))
    if not any(day in holidays for day in ahead):
        return np.ones((len(known.series), horizon))
    return holiday_factors(known, holidays, history(known, holidays).profile, ahead)


def point_forecast(known: Panel, holidays: Mapping[date, str], horizon: int) -> Floats:
    """Level x profile with holidays and last year's season, from the panel's end on.

    Args:
        known: What is known at as_of, and nothing later.
        holidays: Day -> name, over the panel and the days ahead.
        horizon: Days ahead.

    Returns:
        series x horizon; NaN for a series without a known day of late, of which nothing can be
        said (it is not zero).
    """
    past = history(known, holidays)
    ahead = tuple(past.next_day + timedelta(days=number) for number in range(horizon))
    holiday = holiday_factors(known, holidays, past.profile, ahead)
    tilt = last_year_tilt(known.values, horizon)
    forecast = level_profile(past, horizon) * holiday * tilt
    forecast[np.isnan(known.values[:, -VOLUME_DAYS:]).all(axis=1)] = np.nan
    return np.asarray(forecast)


def walk(
    panel: Panel,
    first: int,
    holidays: Mapping[date, str],
    *,
    on_day: Callable[[date], None] = lambda _: None,
) -> Expectations:
    """Forecast day by day, and keep what was expected of each day.

    The forecast of a day is made from the columns before it alone, its band and spread from
    forecasts whose days had come; so whatever follows a day leaves what was expected of it as it
    is, to the last digit.

    Args:
        panel: Daily counts; NaN where unknown or incomplete.
        first: Column of the first day that is asked for; days before it are walked as far as its
            verdict looks back.
        holidays: Day -> name, over the panel and a week ahead.
        on_day: Called after each day, for progress.
    """
    days = panel.values.shape[1]
    begin, first_band = first_columns(first)
    yhat, frozen, low, high = (np.full(panel.values.shape, np.nan) for _ in range(4))
    holiday = np.ones(panel.values.shape)
    for day in range(begin, days):
        # A copy: sums over views may differ in their last digit with the width of the whole.
        known = Panel(panel.series, panel.first_day, panel.values[:, :day].copy())
        ahead = point_forecast(known, holidays, FROZEN_DAYS)
        yhat[:, day] = ahead[:, 0]
        if panel.day(day) in holidays:
            holiday[:, day] = holiday_effect(known, holidays, 1)[:, 0]
        if day + FROZEN_DAYS - 1 < days:
            frozen[:, day + FROZEN_DAYS - 1] = ahead[:, -1]
        if day >= first_band:
            low[:, day], high[:, day] = _band(known, yhat, begin, day)
        on_day(panel.day(day))
    return expected(panel, yhat, frozen, low, high, holiday)


def first_columns(first: int) -> tuple[int, int]:
    """The first columns that a walk forecasts, and makes bands for."""
    first_band = max(first - RUN_DAYS, LEAST_ORIGIN_DAYS)
    return max(first_band - KEPT_ORIGINS, LEAST_ORIGIN_DAYS), first_band


def _band(known: Panel, yhat: Floats, begin: int, day: int) -> tuple[Floats, Floats]:
    """The 95 % band of the newest forecast, from the errors of those before it."""
    targets = range(max(begin, day - KEPT_ORIGINS), day)
    forecasts = np.ascontiguousarray(yhat[:, targets.start : targets.stop].T)[:, :, None]
    past = PastForecasts(
        known.series, 1, tuple(known.day(target - 1) for target in targets), {_MODEL: forecasts}
    )
    tier = tier_of(recent_volume(known.values, VOLUME_DAYS))
    calibration = calibrate(known, past, forecasts, tier)
    low, high = bands(yhat[:, [day]], calibration, levels=(_LEVEL,))[_LEVEL]
    return low[:, 0], high[:, 0]
