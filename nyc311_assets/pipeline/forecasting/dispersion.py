"""Negative binomial bands: a forecast's own spread beyond that of chance."""

from __future__ import annotations

import numpy as np
from scipy.special import gammaincinv

from nyc311_assets.pipeline.forecasting.arrays import Floats, Integers
from nyc311_assets.pipeline.forecasting.volume import HORIZON_GROUPS

SHRINKAGE_ORIGINS = 20.0
LOWEST, HIGHEST = 0.003, 3.0
UNKNOWN = 0.05
# Beyond the last known group the spread grows by this much.
_GROWTH = 1.3
_LEAST_ONE, _MOST_ONE = -3.0, 9.0
_LEAST_MEAN = 0.05


def excess_variance(actuals: Floats, forecasts: Floats) -> Floats:
    """What each count says of the spread beyond chance: ((y - f)² - f) / f², cut to [-3, 9].

    Args:
        actuals: y, NaN where the day has not come.
        forecasts: f, of the same shape.
    """
    mean = np.maximum(forecasts, _LEAST_MEAN)
    return np.asarray(np.clip(((actuals - mean) ** 2 - mean) / mean**2, _LEAST_ONE, _MOST_ONE))


def dispersions(excess: Floats, group: Integers, tier: Integers) -> Floats:
    """Estimate how far counts vary around their forecasts beyond chance.

    The moment estimate of the negative binomial's dispersion, variance = mean + dispersion · mean²
    (Cameron and Trivedi, Regression Analysis of Count Data, 2013, chapter 3): the mean of
    `excess_variance`, shrunk to the tier's median as if that were `SHRINKAGE_ORIGINS` origins
    more.

    Args:
        excess: Of past forecasts, origins x series x horizon, NaN where the day has not come or
            lies outside the window to learn from.
        group: Horizon group of each horizon.
        tier: Volume tier of each series.

    Returns:
        series x horizon groups.
    """
    count = excess.shape[1]
    result = np.full((count, len(HORIZON_GROUPS)), UNKNOWN)
    before = np.full(count, UNKNOWN)
    for number in range(len(HORIZON_GROUPS)):
        own = excess[:, :, group == number].transpose(1, 0, 2).reshape(count, -1)
        known = (~np.isnan(own)).sum(axis=1)
        if known.any():
            raw = np.nansum(own, axis=1) / np.maximum(known, 1)
            origins = known / (group == number).sum()
            prior = before.copy()
            for members in (tier == one for one in np.unique(tier[known > 0])):
                prior[members] = max(float(np.median(raw[members & (known > 0)])), LOWEST)
            shrunk = (origins * raw + SHRINKAGE_ORIGINS * prior) / (origins + SHRINKAGE_ORIGINS)
            result[:, number] = np.clip(shrunk, LOWEST, HIGHEST)
        else:
            result[:, number] = before
        before = np.minimum(result[:, number] * _GROWTH, HIGHEST)
    return result


def count_bounds(forecast: Floats, dispersion: Floats, level: float) -> tuple[Floats, Floats]:
    """Lower and upper bound of a negative binomial count around each forecast.

    By the gamma distribution of the same mean and variance, which is within half a request of the
    exact quantile and a tenth of its cost.

    Args:
        forecast: Means, series x horizon.
        dispersion: Of the same shape.
        level: Coverage, as 0.95.
    """
    mean = np.maximum(forecast, _LEAST_MEAN)
    shape = 1.0 / (dispersion + 1.0 / mean)
    low, high = (
        mean / shape * gammaincinv(shape, tail) for tail in ((1 - level) / 2, (1 + level) / 2)
    )
    return np.asarray(low), np.asarray(high)
