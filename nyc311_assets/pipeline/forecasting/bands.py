"""80 % and 95 % bands of a forecast: the mean of four pairs of bounds."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from nyc311_assets.pipeline.forecasting.arrays import Floats, Integers
from nyc311_assets.pipeline.forecasting.conformal import Conformal, conformal, stabilised
from nyc311_assets.pipeline.forecasting.dispersion import count_bounds, dispersions, excess_variance
from nyc311_assets.pipeline.forecasting.panel import Panel
from nyc311_assets.pipeline.forecasting.past import PastForecasts
from nyc311_assets.pipeline.forecasting.volume import horizon_group

LEVELS = (0.8, 0.95)
# Days to learn from -> origins' worth of the tier's scale.
CONFORMAL_WINDOWS = {56: 20.0, 180: 10.0}
DISPERSION_WINDOWS = (56, 120)
# Bounds of continuous distributions lie a fraction of a request outside those of counts.
SLACK_REQUESTS = 0.25


@dataclass(frozen=True, eq=False)
class Calibration:
    """What the errors known at one day say about the spread of the forecasts from it.

    Attributes:
        conformals: Offsets on the stabilised scale, one for each window.
        dispersions: series x horizon groups, one for each window.
        origins: How many past forecasts a series has with at least one day that has come.
    """

    conformals: tuple[Conformal, ...]
    dispersions: tuple[Floats, ...]
    origins: Integers


def calibrate(panel: Panel, past: PastForecasts, served: Floats, tier: Integers) -> Calibration:
    """Learn the spread of forecasts from past ones whose day has come by the panel's last day.

    Args:
        panel: What is known, up to as_of and no further.
        past: Past origins.
        served: Their forecasts, origins x series x horizon, of the model that now serves a series.
        tier: Volume tier of each series.
    """
    targets = past.targets(panel)
    actuals = past.actuals(panel)
    errors = stabilised(actuals) - stabilised(served)
    excess = excess_variance(actuals, served)
    group = horizon_group(np.arange(1, past.horizon + 1))
    newest = panel.values.shape[1] - 1

    def within(values: Floats, days: int) -> Floats:
        """Values whose day is among the newest, of the origins that have any."""
        is_new = targets > newest - days
        rows = is_new.any(axis=1)
        return np.where(is_new[rows, None, :], values[rows], np.nan)

    return Calibration(
        tuple(
            conformal(within(errors, days), group, tier, shrinkage=shrinkage, levels=LEVELS)
            for days, shrinkage in CONFORMAL_WINDOWS.items()
        ),
        tuple(dispersions(within(excess, days), group, tier) for days in DISPERSION_WINDOWS),
        (~np.isnan(errors)).any(axis=2).sum(axis=0),
    )


def bands(
    forecast: Floats, calibration: Calibration, *, levels: Iterable[float] = LEVELS
) -> dict[float, tuple[Floats, Floats]]:
    """Bounds of forecasts by level: the mean of the conformal and the negative binomial ones.

    Averaging the bounds of several forecasters keeps the band sharp where they agree (Lichtendahl,
    Grushka-Cockayne and Winkler, Is It Better to Average Probabilities or Quantiles?, 2013).

    Args:
        forecast: series x horizon, from the day after as_of.
        calibration: Of the same series.
        levels: Coverages.

    Returns:
        Level -> lower and upper bound, series x horizon, whole requests, zero or more; a higher
        level's band holds a lower one's, and each holds the forecast.
    """
    group = horizon_group(np.arange(1, forecast.shape[1] + 1))
    result: dict[float, tuple[Floats, Floats]] = {}
    lowest, highest = forecast, forecast
    for level in sorted(levels):
        pairs = [each.bounds(forecast, group, level) for each in calibration.conformals]
        pairs += [count_bounds(forecast, each[:, group], level) for each in calibration.dispersions]
        low, high = (np.mean([pair[side] for pair in pairs], axis=0) for side in (0, 1))
        lowest = np.minimum(lowest, np.floor(low + SLACK_REQUESTS))
        highest = np.maximum(highest, np.ceil(high - SLACK_REQUESTS))
        result[level] = (lowest, highest)
    return result
