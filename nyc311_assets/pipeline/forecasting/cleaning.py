"""One-day outliers, which would bend profile and level, taken out of the history."""

from __future__ import annotations

import numpy as np

from nyc311_assets.pipeline.forecasting.arrays import Flags, Floats, Integers
from nyc311_assets.pipeline.forecasting.windows import moving_median, row_median

ROBUST_Z = 5.0
LEAST_REQUESTS = 5.0
HALF_WINDOW_DAYS = 7
# The newest days may be the start of a new level: they are never outliers.
PROTECTED_DAYS = 2
_MAD_TO_SIGMA = 1.4826


def outliers(values: Floats, profile: Floats, weekday: Integers) -> Flags:
    """Find days that are far from the centred 15-day median times the weekday profile.

    Far is a robust z of more than `ROBUST_Z` (the deviation over the root of the expected count,
    scaled by its median absolute deviation, or by the Poisson deviation if that is more) and more
    than `LEAST_REQUESTS` requests.

    Args:
        values: Requests a day, series x days, NaN where unknown.
        profile: series x 7, see `weekday_profile`.
        weekday: Weekday of each day.

    Returns:
        series x days; never one of the newest `PROTECTED_DAYS`.
    """
    share = np.maximum(profile[:, weekday], 0.05)
    expected = moving_median(values / share, HALF_WINDOW_DAYS) * share
    deviation = values - expected
    pearson = deviation / np.sqrt(expected + 1.0)
    scale = np.maximum(_MAD_TO_SIGMA * row_median(np.abs(pearson)), 1.0)
    # A comparison with NaN, of an unknown day, is false.
    far = (np.abs(pearson) > ROBUST_Z * scale[:, None]) & (np.abs(deviation) > LEAST_REQUESTS)
    far[:, -PROTECTED_DAYS:] = False
    return np.asarray(far)
