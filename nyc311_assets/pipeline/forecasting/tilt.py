"""The season of a year ago: where the level went from the same day on."""

from __future__ import annotations

import numpy as np

from nyc311_assets.pipeline.forecasting.arrays import Floats
from nyc311_assets.pipeline.forecasting.windows import moving_sum

LEAST_HISTORY_DAYS = 380
YEAR_DAYS = 364
EXPONENT = 0.7
# Log moves of this size are as often chance as season: half of them is taken back.
CHANCE_MOVE = 0.15
# An exponentially weighted level is this many days old on average: (1 - alpha) / alpha.
LEVEL_AGE_DAYS = 6
_HALF_WINDOW_DAYS = 7
_LEAST_KNOWN_DAYS = 8
_GREATEST_MOVE = np.log(4.0)
_OFFSET = 1.0


def last_year_tilt(values: Floats, horizon: int, exponent: float = EXPONENT) -> Floats:
    """What to multiply the forecasts by, as last year's level moved from the same day on.

    The log ratio m of the mean of the 15 days around t - 364 to that around the day of last year
    that today's level stands for, cut to four times either way; small moves, which repeat less
    often, are shrunk by m² / (m² + `CHANCE_MOVE`²); the whole to the power of `exponent`.

    Args:
        values: Requests a day up to as_of, series x days, NaN where unknown.
        horizon: Days ahead.
        exponent: 0 for no tilt, 1 for last year's whole move.

    Returns:
        series x horizon; 1 for series with less than `LEAST_HISTORY_DAYS` of history.
    """
    count, days = values.shape
    if days < LEAST_HISTORY_DAYS or exponent == 0:
        return np.ones((count, horizon))
    last_year = days - 1 - YEAR_DAYS
    first = last_year - LEVEL_AGE_DAYS - _HALF_WINDOW_DAYS
    window = values[:, first : last_year + horizon + _HALF_WINDOW_DAYS + 1]
    known = moving_sum((~np.isnan(window)).astype(float), _HALF_WINDOW_DAYS)
    logs = np.log((moving_sum(window, _HALF_WINDOW_DAYS) + _OFFSET) / np.maximum(known, 1.0))
    then = _HALF_WINDOW_DAYS
    ahead = slice(last_year - first + 1, last_year - first + 1 + horizon)
    move = np.clip(logs[:, ahead] - logs[:, [then]], -_GREATEST_MOVE, _GREATEST_MOVE)
    squares = move * move
    move = exponent * move * squares / (squares + CHANCE_MOVE**2)
    enough = np.minimum(known[:, ahead], known[:, [then]]) >= _LEAST_KNOWN_DAYS
    return np.asarray(np.where(enough, np.exp(move), 1.0))
