"""How far each series strays from its own one-step forecasts: the spread that z is measured in."""

from __future__ import annotations

import numpy as np

from nyc311_assets.pipeline.anomalies.surprise import LEAST_MEAN
from nyc311_assets.pipeline.forecasting.arrays import Floats, Integers

WINDOW_DAYS = 90
# The tier's median counts like this many days of the series itself.
SHRINKAGE_DAYS = 20.0
LOWEST, HIGHEST = 0.01, 1.0
UNKNOWN = 0.05
_LEAST_ONE, _MOST_ONE = -3.0, 9.0


def one_step_dispersion(actuals: Floats, forecasts: Floats, tier: Integers) -> Floats:
    """Dispersion of each series from its own one-step errors, shrunk to its volume tier's median.

    The moment estimate of the negative binomial (Cameron and Trivedi, Regression Analysis of Count
    Data, 2013, chapter 3), the mean of ((y - f)² - f) / f² with each value cut to [-3, 9]: a storm
    of the past widens the band a little, not for good.

    Args:
        actuals: Requests of the newest `WINDOW_DAYS` before the day to judge, series x days; NaN
            where unknown. The judged day is never among them.
        forecasts: Of those days, each issued the day before; of the same shape, NaN where none.
        tier: Volume tier of each series.

    Returns:
        One value a series, in [`LOWEST`, `HIGHEST`].
    """
    mean = np.maximum(forecasts, LEAST_MEAN)
    each = np.clip(((actuals - mean) ** 2 - mean) / mean**2, _LEAST_ONE, _MOST_ONE)
    days = (~np.isnan(each)).sum(axis=1)
    own = np.nansum(each, axis=1) / np.maximum(days, 1)
    prior = np.full(len(own), UNKNOWN)
    for one in np.unique(tier[days > 0]):
        members = tier == one
        prior[members] = max(float(np.median(own[members & (days > 0)])), LOWEST)
    shrunk = (days * own + SHRINKAGE_DAYS * prior) / (days + SHRINKAGE_DAYS)
    return np.asarray(np.clip(shrunk, LOWEST, HIGHEST))
