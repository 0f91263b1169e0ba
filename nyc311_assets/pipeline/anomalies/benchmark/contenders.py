"""What the detector is held against: the best published one on this data, and the bare run."""

from __future__ import annotations

import numpy as np

from nyc311_assets.pipeline.anomalies.surprise import normal_scores, tail_probabilities
from nyc311_assets.pipeline.forecasting.arrays import Flags, Floats

_WEEKS = 26
_LEAST_WEEKS = 4
_LEAST_DISPERSION = 0.001


def weekday_z(counts: Floats) -> Floats:
    """Score each day against the same weekday of the 26 weeks before: the published detector.

    The best published one on these data: z under a negative binomial with the mean of the same
    weekdays and the dispersion of their variance.

    Args:
        counts: series x days, NaN where unknown.
    """
    rows, days = counts.shape
    z = np.full((rows, days), np.nan)
    for day in range(7 * _LEAST_WEEKS, days):
        before = counts[:, day - 7 * np.arange(1, min(_WEEKS, day // 7) + 1)]
        mean, variance = np.nanmean(before, axis=1), np.nanvar(before, axis=1, ddof=1)
        dispersion = np.maximum((variance - mean) / np.maximum(mean, 0.05) ** 2, _LEAST_DISPERSION)
        z[:, day] = normal_scores(*tail_probabilities(counts[:, day], mean, dispersion))
    return z


def weekday_rule(counts: Floats, limit: float) -> Flags:
    """Where `weekday_z` is above a limit."""
    return np.asarray(weekday_z(counts) > limit)
