"""How surprising a count is, given the forecast that was issued before its day."""

from __future__ import annotations

import numpy as np
from scipy.special import betainc, gammaln, ndtri

from nyc311_assets.pipeline.forecasting.arrays import Floats

# Below this a forecast says no more than "hardly any".
LEAST_MEAN = 0.05
_LEAST_PROBABILITY = 1e-300


def tail_probabilities(counts: Floats, mean: Floats, dispersion: Floats) -> tuple[Floats, Floats]:
    """Mid-p probabilities of a count as low, and of one as high.

    Of a negative binomial count with variance mean + dispersion · mean². The mid-p value counts
    half of the probability of the count itself (Lancaster, Significance Tests in Discrete
    Distributions, 1961), so that it is uniform enough for small counts too.

    Args:
        counts: Requests of a day, any shape; NaN where unknown.
        mean: Forecasts, of the same shape; NaN where there was none.
        dispersion: Of the same shape, above zero.

    Returns:
        The lower and the upper tail; NaN where the count or the forecast is.
    """
    size = 1.0 / dispersion
    mean = np.maximum(mean, LEAST_MEAN)
    success = size / (size + mean)
    # The sum over all counts up to k is a regularised incomplete beta function; each tail is
    # computed by itself, as one minus the other would lose all digits far out.
    below_or_equal = betainc(size, counts + 1.0, success)
    above = betainc(counts + 1.0, size, 1.0 - success)
    half = 0.5 * np.exp(
        gammaln(counts + size)
        - gammaln(size)
        - gammaln(counts + 1.0)
        + size * np.log(success)
        + counts * np.log1p(-success)
    )
    return np.asarray(np.maximum(below_or_equal - half, 0.0)), np.asarray(above + half)


def normal_scores(lower: Floats, upper: Floats) -> Floats:
    """The z that a normal variable would have with these tails; at most 37 either way.

    Args:
        lower: Probability of a count as low.
        upper: Probability of a count as high.
    """
    low = ndtri(np.clip(lower, _LEAST_PROBABILITY, 0.5))
    high = -ndtri(np.clip(upper, _LEAST_PROBABILITY, 0.5))
    return np.asarray(np.where(upper < lower, high, low))


def two_sided(lower: Floats, upper: Floats) -> Floats:
    """P-value of a deviation in either direction."""
    return np.asarray(np.minimum(2.0 * np.minimum(lower, upper), 1.0))
