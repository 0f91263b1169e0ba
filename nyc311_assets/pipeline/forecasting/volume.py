"""Volume tiers and horizon groups: what is judged and calibrated together."""

from __future__ import annotations

import warnings

import numpy as np

from nyc311_assets.pipeline.forecasting.arrays import Floats, Integers

# Requests a day: where noise, over-dispersion and the right model change.
TIER_EDGES = (3.0, 10.0, 30.0, 100.0)
TIER_NAMES = ("under 3", "3-10", "10-30", "30-100", "100+")

# Days ahead, first and last of each group.
HORIZON_GROUPS = ((1, 1), (2, 3), (4, 7), (8, 14), (15, 30))
# Bands beyond this many days ahead need more past origins.
LONG_HORIZON = 7


def tier_of(volume: Floats) -> Integers:
    """The tier, 0 to 4, of a volume in requests a day; of an unknown volume the lowest."""
    return np.digitize(np.nan_to_num(volume), TIER_EDGES).astype(np.int64)


def horizon_group(horizon: Integers) -> Integers:
    """The number of the group that holds a horizon in days; longer ones are in the last."""
    firsts = [first for first, _ in HORIZON_GROUPS]
    return (np.digitize(horizon, firsts) - 1).astype(np.int64)


def recent_volume(values: Floats, days: int) -> Floats:
    """Mean of the newest days that are known, by series; 0 where none is.

    Args:
        values: Requests a day, series x days, NaN where unknown.
        days: How many of the newest columns to look at.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # a series without any known day
        return np.asarray(np.nan_to_num(np.nanmean(values[:, -days:], axis=1)))
