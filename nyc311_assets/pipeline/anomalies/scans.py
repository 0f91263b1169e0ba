"""Sums over several days against a level that was frozen before them."""

from __future__ import annotations

import numpy as np

from nyc311_assets.pipeline.anomalies.runs import trailing_sum
from nyc311_assets.pipeline.forecasting.arrays import Floats

# How alike the errors of neighbouring days are taken to be, before a series' own past is known.
CORRELATION = 0.1
WINDOW_DAYS = 90
SHRINKAGE_SUMS = 20.0
# One day counts for no more than this in a sum: however high, it does not persist by itself.
MOST_OF_A_DAY = 4.0
_CAP = 3.5


def scan(z_frozen: Floats, days: int) -> Floats:
    """Score of the sum over each day and those before it, in the spread that such sums have.

    The temporal scan of Kulldorff (A Spatial Scan Statistic, 1997) with normal scores instead of
    likelihoods: Σz / √(k (1 + c (k - 1))), where c is the `CORRELATION` of neighbouring days. The
    forecasts are 7 days old, as the guard band of EARS C2 (Hutwagner et al., 2003) keeps the newest
    days out of their own baseline. Each day's z is cut to ±`MOST_OF_A_DAY`.

    Where levels wander and errors hang together, sums stray further than c says. So the score is
    divided by the geometric mean of 1 and the root mean square of the series' own scores over the
    90 days before; half-way between the two measured better than either.

    Args:
        z_frozen: Normal scores against the forecast issued 7 days before, series x days.
        days: k.

    Returns:
        series x days; NaN unless all k days are known.
    """
    cut = np.clip(z_frozen, -MOST_OF_A_DAY, MOST_OF_A_DAY)
    score = trailing_sum(cut, days) / np.sqrt(days * (1 + CORRELATION * (days - 1)))
    return np.asarray(score / np.sqrt(_own_spread(score, days)))


def _own_spread(score: Floats, days: int) -> Floats:
    """Root mean square of the scores before each day, shrunk to 1 and never below it.

    Each score is cut to ±3.5, so that one past event does not blind a series for 90 days, and sums
    that overlap count as one for every half of their length.
    """
    known = ~np.isnan(score)
    squares = np.clip(np.nan_to_num(score), -_CAP, _CAP) ** 2
    total, count = _before(squares), _before(known.astype(float))
    sums = count / max(days / 2, 1.0)
    mean = np.divide(total, count, out=np.ones_like(total), where=count > 0)
    return np.sqrt(np.maximum((sums * mean + SHRINKAGE_SUMS) / (sums + SHRINKAGE_SUMS), 1.0))


def _before(values: Floats) -> Floats:
    """Sum over the `WINDOW_DAYS` before each day, without the day itself.

    Window by window: the difference of two running totals would carry the rounding of all days.
    """
    padded = np.pad(values, ((0, 0), (WINDOW_DAYS, 0)))[:, :-1]
    windows = np.lib.stride_tricks.sliding_window_view(padded, WINDOW_DAYS, axis=1)
    return np.asarray(windows.sum(axis=2))
