"""The weekday profile of a series: how many times its level each weekday has."""

from __future__ import annotations

from datetime import date

import numpy as np

from nyc311_assets.pipeline.forecasting.arrays import Floats, Integers
from nyc311_assets.pipeline.forecasting.windows import moving_sum

# A week counts this many times as much as the week after it.
WEEKLY_DECAY = 0.9
# Requests of an even week that every weekday starts from: small series stay near flat.
SHRINKAGE_REQUESTS = 50.0
_OFFSET = 0.5
_LEAST_KNOWN_OF_SEVEN = 4
_PASSES = 2


def weekdays(first_day: date, count: int) -> Integers:
    """Weekday of `count` days from a day on, Monday is 0."""
    return (first_day.weekday() + np.arange(count)) % 7


def weekday_profile(values: Floats, weekday: Integers) -> Floats:
    """Estimate each weekday's share of the level, from ratios to a centred 7-day mean.

    The classical ratio-to-moving-average estimate (Macaulay, The Smoothing of Time Series, 1931)
    with newer weeks weighing more, shrunk to flat as if `SHRINKAGE_REQUESTS` more had been counted,
    spread evenly. The mean of ratios measured better than the ratio of sums, in which a storm's
    weeks outweigh all others. The second pass corrects the level around an unknown day by the
    profile of the days that are known.

    Args:
        values: Requests a day, series x days, oldest first, NaN where unknown.
        weekday: Weekday of each day.

    Returns:
        series x 7, Monday first, with mean 1; all 1 for a series without requests.
    """
    days = values.shape[1]
    is_weekday = (weekday[:, None] == np.arange(7)).astype(float)
    known = ~np.isnan(values)
    enough = known & (moving_sum(known.astype(float), 3) >= _LEAST_KNOWN_OF_SEVEN)
    # A window that is cut off at either end holds some weekdays twice and others never.
    enough[:, : min(3, days)] = False
    enough[:, max(days - 3, 0) :] = False
    weights = np.where(enough, WEEKLY_DECAY ** ((days - 1 - np.arange(days)) / 7.0), 0.0)
    weight = weights @ is_weekday
    total = moving_sum(values, 3)
    profile = np.ones((values.shape[0], 7))
    for _ in range(_PASSES):
        share = moving_sum(np.where(known, profile[:, weekday], 0.0), 3)
        level = np.divide(total, share, out=np.zeros_like(total), where=share > 0)
        ratio = (np.nan_to_num(values) + _OFFSET) / (level + _OFFSET)
        counted = (weights * level) @ is_weekday + _OFFSET
        mean = np.divide(
            (weights * ratio) @ is_weekday, weight, out=np.ones_like(weight), where=weight > 0
        )
        profile = (mean * counted + SHRINKAGE_REQUESTS) / (counted + SHRINKAGE_REQUESTS)
        profile = profile / profile.mean(axis=1, keepdims=True)
    return profile
