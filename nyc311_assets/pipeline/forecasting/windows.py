"""Sums and medians over moving windows of matrices with unknown days, for all series at once."""

from __future__ import annotations

import numpy as np

from nyc311_assets.pipeline.forecasting.arrays import Floats


def moving_sum(values: Floats, half: int) -> Floats:
    """Sum over the 2 · half + 1 days around each day, fewer at the ends; NaN counts as zero.

    Args:
        values: series x days.
        half: Days on each side.
    """
    padded = np.pad(np.nan_to_num(values), ((0, 0), (half + 1, half)))
    total = padded.cumsum(axis=1)
    width = 2 * half + 1
    return np.asarray(total[:, width:] - total[:, :-width])


def row_median(values: Floats) -> Floats:
    """Median over the last axis without NaN; NaN where there is nothing else.

    numpy.nanmedian does the same many times slower.
    """
    if values.shape[-1] == 0:
        return np.full(values.shape[:-1], np.nan)
    ordered = np.sort(values, axis=-1)  # puts NaN last
    known = (~np.isnan(values)).sum(axis=-1)
    low = np.maximum((known - 1) // 2, 0)[..., None]
    high = np.minimum(known // 2, values.shape[-1] - 1)[..., None]
    middle = np.take_along_axis(ordered, low, -1) + np.take_along_axis(ordered, high, -1)
    return np.asarray(middle[..., 0] / 2)


def moving_median(values: Floats, half: int) -> Floats:
    """Median over the 2 · half + 1 days around each day, fewer at the ends, without NaN.

    Args:
        values: series x days.
        half: Days on each side.
    """
    padded = np.pad(values, ((0, 0), (half, half)), constant_values=np.nan)
    views = np.lib.stride_tricks.sliding_window_view(padded, 2 * half + 1, axis=1)
    return row_median(views)
