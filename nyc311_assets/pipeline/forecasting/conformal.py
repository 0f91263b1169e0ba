"""Conformal quantiles of past errors on a scale where counts have an even spread."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.stats import norm

from nyc311_assets.pipeline.forecasting.arrays import Flags, Floats, Integers
from nyc311_assets.pipeline.forecasting.volume import HORIZON_GROUPS, LONG_HORIZON, TIER_NAMES
from nyc311_assets.pipeline.forecasting.windows import row_median

# Over-dispersion that the scale evens out: variance = mean + OVER_DISPERSION · mean².
OVER_DISPERSION = 0.05
LEAST_POOLED = 400
LEAST_OF_GROUP = 200
# A group of horizons without enough errors is this much wider than the group before it.
WIDER_AHEAD = 1.15
# Origins from which on bands are no longer widened, up to 7 days ahead and beyond.
FULL_ORIGINS = 28
FULL_LONG_ORIGINS = 60
MOST_WIDENING = 0.2
MOST_LONG_WIDENING = 0.35
_MEAN_TO_SIGMA = 1.2533
_MAD_TO_SIGMA = 1.4826
_WINSOR = 3.5
_LEAST_SCALE = 0.05


def stabilised(counts: Floats) -> Floats:
    """Variance-stabilising transform of counts with over-dispersion (Anscombe, 1948)."""
    root = np.sqrt(OVER_DISPERSION)
    return np.asarray(2 * np.arcsinh(root * np.sqrt(np.maximum(counts, 0) + 0.375)) / root)


def restored(scores: Floats) -> Floats:
    """Inverse of `stabilised`, not below zero."""
    root = np.sqrt(OVER_DISPERSION)
    counts = (np.sinh(np.maximum(scores, 0) * root / 2) / root) ** 2 - 0.375
    return np.asarray(np.maximum(counts, 0.0))


@dataclass(frozen=True, eq=False)
class Conformal:
    """Offsets on the stabilised scale.

    Attributes:
        low, high: Level -> series x horizon groups.
    """

    low: dict[float, Floats]
    high: dict[float, Floats]

    def bounds(self, forecast: Floats, group: Integers, level: float) -> tuple[Floats, Floats]:
        """Lower and upper bound of forecasts, series x horizon, whose columns are of these groups."""
        centre = stabilised(forecast)
        return (
            restored(centre + self.low[level][:, group]),
            restored(centre + self.high[level][:, group]),
        )


def conformal(
    errors: Floats,
    group: Integers,
    tier: Integers,
    *,
    shrinkage: float,
    levels: tuple[float, ...],
) -> Conformal:
    """Learn bounds from the errors of past forecasts whose day has come.

    Split conformal prediction (Vovk et al., Algorithmic Learning in a Random World, 2005) with
    errors scaled by series, Mondrian by volume tier and horizon group. Errors of neighbouring
    origins depend on each other, so the coverage is no theorem here; it is measured.

    Args:
        errors: stabilised(y) - stabilised(f), origins x series x horizon, NaN where the day has
            not come or lies outside the window to learn from.
        group: Horizon group of each horizon.
        tier: Volume tier of each series.
        shrinkage: Origins' worth of the tier's scale that each series' own scale starts from.
        levels: Coverage of each band, as 0.95.
    """
    count = errors.shape[1]
    low = {level: np.zeros((count, len(HORIZON_GROUPS))) for level in levels}
    high = {level: np.zeros((count, len(HORIZON_GROUPS))) for level in levels}
    scale = np.full(count, _LEAST_SCALE)
    quantiles = _normal_quantiles(count, levels)
    for number in range(len(HORIZON_GROUPS)):
        own = errors[:, :, group == number]
        if own.shape[2]:
            pooled = own.transpose(1, 0, 2).reshape(count, -1)
            scale = _scales(pooled, own.shape[2], tier, scale, shrinkage, is_first=number == 0)
            quantiles = _quantiles(pooled / scale[:, None], tier, quantiles, levels)
            is_long = HORIZON_GROUPS[number][0] > LONG_HORIZON
            widening = (
                _widening(own, FULL_LONG_ORIGINS, MOST_LONG_WIDENING)
                if is_long
                else _widening(own, FULL_ORIGINS, MOST_WIDENING)
            )
            for place, level in enumerate(levels):
                low[level][:, number] = quantiles[:, place, 0] * scale * widening
                high[level][:, number] = quantiles[:, place, 1] * scale * widening
    return Conformal(low, high)


def _scales(
    pooled: Floats,
    horizons: int,
    tier: Integers,
    before: Floats,
    shrinkage: float,
    *,
    is_first: bool,
) -> Floats:
    """Scale of each series, shrunk to its tier's, or to the group before where nothing is known."""
    size = np.abs(pooled)
    known = (~np.isnan(size)).sum(axis=1)
    cap = _WINSOR * _MAD_TO_SIGMA * np.maximum(row_median(size), _LEAST_SCALE)
    mean = np.nansum(np.minimum(size, cap[:, None]), axis=1) / np.maximum(known, 1)
    square = (_MEAN_TO_SIGMA * mean) ** 2
    origins = known / horizons
    fallback = np.ones_like(before) if is_first else (before * WIDER_AHEAD) ** 2
    pool = fallback.copy()
    for members in (tier == each for each in np.unique(tier)):
        weight = origins[members].sum()
        if weight > 0:
            own = (square * origins)[members].sum() / weight
            trust = weight / (weight + FULL_ORIGINS)
            pool[members] = trust * own + (1 - trust) * fallback[members]
    shrunk = (origins * square + shrinkage * pool) / (origins + shrinkage)
    return np.asarray(np.maximum(np.sqrt(shrunk), _LEAST_SCALE))


def _quantiles(scaled: Floats, tier: Integers, before: Floats, levels: tuple[float, ...]) -> Floats:
    """Lower and upper quantile of the scaled errors of each series' tier, series x levels x 2."""
    tails = np.array([[(1 - level) / 2, (1 + level) / 2] for level in levels])
    known = ~np.isnan(scaled)
    result = before.copy()
    for each in np.unique(tier):
        members = _pool(each, tier, known.sum(axis=1))
        errors = scaled[members][known[members]]
        if errors.size:
            own = np.quantile(errors, tails, method="weibull")
            trust = min(errors.size / LEAST_OF_GROUP, 1.0)
            result[tier == each] = trust * own + (1 - trust) * before[tier == each]
    return result


def _pool(wanted: int, tier: Integers, errors: Integers) -> Flags:
    """The series of a tier and of as many neighbouring tiers as it takes to have enough errors."""
    reach = 0
    while True:
        members = np.asarray(np.abs(tier - wanted) <= reach)
        if errors[members].sum() >= LEAST_POOLED or reach >= len(TIER_NAMES):
            return members
        reach += 1


def _widening(own: Floats, enough: int, most: float) -> Floats:
    """By how much bands from few origins are widened, by series: 1 where there are enough."""
    origins = (~np.isnan(own)).any(axis=2).sum(axis=0)
    return np.asarray(1.0 + most * np.clip(1 - origins / enough, 0, 1))


def _normal_quantiles(count: int, levels: tuple[float, ...]) -> Floats:
    """Those of a normal error, where no error is known: series x levels x 2."""
    upper = norm.ppf([(1 + level) / 2 for level in levels])
    return np.tile(np.stack([-upper, upper], axis=1), (count, 1, 1))
