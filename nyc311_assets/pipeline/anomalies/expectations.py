"""What was expected of each day by the forecasts issued before it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from nyc311_assets.pipeline.anomalies.spread import WINDOW_DAYS, one_step_dispersion
from nyc311_assets.pipeline.forecasting.arrays import Flags, Floats, Integers
from nyc311_assets.pipeline.forecasting.level_profile import VOLUME_DAYS
from nyc311_assets.pipeline.forecasting.panel import Panel
from nyc311_assets.pipeline.forecasting.past import PastForecasts
from nyc311_assets.pipeline.forecasting.volume import recent_volume, tier_of

# The frozen level: what has just begun must not have become its own expectation.
FROZEN_DAYS = 7
# Known days before a series is judged.
LEAST_HISTORY_DAYS = 28


@dataclass(frozen=True, eq=False)
class Expectations:
    """What was expected of each day; every array is series x days of the panel.

    Attributes:
        actual: Requests; NaN where unknown or incomplete.
        yhat: Forecast issued the day before; NaN where there was none.
        frozen: Forecast issued `FROZEN_DAYS` before.
        low, high: 95 % band of `yhat`.
        dispersion: Of the one-step errors before the day.
        known_days: Days of the series that were known before the day.
        holiday: What a public holiday multiplied the forecasts of the day by; 1 on other days.
    """

    actual: Floats
    yhat: Floats
    frozen: Floats
    low: Floats
    high: Floats
    dispersion: Floats
    known_days: Integers
    holiday: Floats

    def nearest(self, forecast: Floats) -> Floats:
        """The forecast that a day is measured from, as kind as a public holiday allows.

        What a holiday does to a series is known from few of them, or from none. So a holiday must
        be abnormal both as a holiday and as the usual day that it would have been: it is measured
        from whichever of the two forecasts is nearer, and from itself between them.

        Args:
            forecast: `yhat` or `frozen`.
        """
        usual = forecast / self.holiday
        nearest = np.clip(self.actual, np.minimum(forecast, usual), np.maximum(forecast, usual))
        return np.asarray(np.where(self.holiday == 1.0, forecast, nearest))

    @property
    def is_judged(self) -> Flags:
        """Where there is a verdict: the day is known, was forecast, and has a history."""
        return np.asarray(
            ~np.isnan(self.actual + self.yhat + self.dispersion)
            & (self.known_days >= LEAST_HISTORY_DAYS)
        )


def expected(
    panel: Panel,
    yhat: Floats,
    frozen: Floats,
    low: Floats,
    high: Floats,
    holiday: Floats | None = None,
) -> Expectations:
    """Put forecasts, bands, and the spread that was known before each day side by side.

    Args:
        panel: Daily counts; NaN where unknown or incomplete.
        yhat: Forecasts issued the day before each day, series x days, NaN where there was none.
        frozen: Forecasts issued `FROZEN_DAYS` before.
        low: Lower bound of the 95 % band of `yhat`.
        high: Its upper bound.
        holiday: What a holiday multiplied the forecasts by; None where there is none.
    """
    known = ~np.isnan(panel.values)
    dispersion = np.full(yhat.shape, np.nan)
    for day in np.flatnonzero(~np.isnan(yhat).all(axis=0)):
        window = slice(max(day - WINDOW_DAYS, 0), day)
        # Copies: sums over views may differ in their last digit with the width of the whole.
        before = panel.values[:, window].copy()
        tier = tier_of(recent_volume(before, VOLUME_DAYS))
        dispersion[:, day] = one_step_dispersion(before, yhat[:, window].copy(), tier)
    known_days = np.cumsum(known, axis=1) - known
    effect = np.ones(yhat.shape) if holiday is None else holiday
    return Expectations(panel.values, yhat, frozen, low, high, dispersion, known_days, effect)


def expected_as_issued(
    panel: Panel,
    past: PastForecasts,
    served: Floats,
    low: Floats,
    high: Floats,
    holiday: Floats | None = None,
) -> Expectations:
    """The same from the forecasts that were kept as issued; a missing one leaves its day unjudged.

    Args:
        panel: Daily counts; NaN where unknown or incomplete.
        past: Origins, of which each day takes the one before it and the one `FROZEN_DAYS` before
            it. An origin on or after the day itself never judges it.
        served: Their forecasts, origins x series x horizon, of the model that served a series.
        low: Lower bound of the 95 % band of the forecast issued the day before, series x days of
            the panel.
        high: Its upper bound.
        holiday: What a holiday multiplied the forecasts of its day by, series x days of the panel,
            see `walk.holiday_effect`; None where there is none.

    Raises:
        ValueError: The forecasts reach less than `FROZEN_DAYS` ahead.
    """
    if past.horizon < FROZEN_DAYS:
        raise ValueError(
            f"The forecasts reach {past.horizon} days ahead; judging a day takes those of "
            f"{FROZEN_DAYS}. Issue them with a longer horizon."
        )
    yhat, frozen = np.full(panel.values.shape, np.nan), np.full(panel.values.shape, np.nan)
    for number, origin in enumerate(past.origins):
        for horizon, kept in ((1, yhat), (FROZEN_DAYS, frozen)):
            column = panel.column(origin) + horizon
            if 0 <= column < panel.values.shape[1]:
                kept[:, column] = served[number, :, horizon - 1]
    return expected(panel, yhat, frozen, low, high, holiday)
