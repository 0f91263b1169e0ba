"""Runs of days in one direction, and sums over the newest days, by the calendar."""

from __future__ import annotations

import numpy as np

from nyc311_assets.pipeline.forecasting.arrays import Floats, Integers


def run_lengths(direction: Integers) -> Integers:
    """How many days in a row, up to and with each one, went the same way.

    Columns are calendar days, so a day that is missing, incomplete or not judged is a column too,
    with direction 0. It ends a run: nobody knows whether that day was abnormal, and what nobody
    knows is not counted. The day after it starts again at 1.

    Args:
        direction: series x days; 1 above the band, -1 below it, 0 inside it or unknown.
    """
    lengths = np.zeros_like(direction)
    for day in range(direction.shape[1]):
        before = (
            np.where(direction[:, day] == direction[:, day - 1], lengths[:, day - 1], 0)
            if day
            else 0
        )
        lengths[:, day] = np.where(direction[:, day] != 0, before + 1, 0)
    return lengths


def trailing_sum(values: Floats, days: int) -> Floats:
    """Sum over each day and the ones before it; NaN unless all of them are known.

    Args:
        values: series x days.
        days: How many, with the day itself.
    """
    result = np.full(values.shape, np.nan)
    if values.shape[1] >= days:
        windows = np.lib.stride_tricks.sliding_window_view(values, days, axis=1)
        result[:, days - 1 :] = windows.sum(axis=2)
    return result
