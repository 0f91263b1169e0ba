from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import nbinom, norm

from nyc311_assets.pipeline.anomalies.surprise import (
    normal_scores,
    tail_probabilities,
    two_sided,
)


@pytest.mark.parametrize(("mean", "dispersion"), [(0.4, 0.3), (12.0, 0.05), (800.0, 0.01)])
def test_the_tails_are_the_mid_p_values_of_the_negative_binomial(
    mean: float, dispersion: float
) -> None:
    counts = np.arange(0.0, 4 * mean + 5)
    distribution = nbinom(1 / dispersion, 1 / (1 + dispersion * mean))
    half = 0.5 * distribution.pmf(counts)
    lower, upper = tail_probabilities(
        counts, np.full(counts.shape, mean), np.full(counts.shape, dispersion)
    )
    np.testing.assert_allclose(lower, distribution.cdf(counts) - half, rtol=1e-6, atol=1e-12)
    np.testing.assert_allclose(upper, distribution.sf(counts) + half, rtol=1e-6, atol=1e-12)


def test_scores_of_counts_that_follow_the_forecast_are_standard_normal() -> None:
    mean, dispersion = np.full(200_000, 50.0), np.full(200_000, 0.1)
    counts = np.random.default_rng(3).negative_binomial(10, 1 / 6, 200_000).astype(float)
    z = normal_scores(*tail_probabilities(counts, mean, dispersion))
    assert abs(z.mean()) < 0.01
    assert abs(z.std() - 1) < 0.02
    assert (z > norm.ppf(0.999)).mean() == pytest.approx(0.001, rel=0.3)


def test_a_storm_has_a_large_finite_score_and_more_requests_a_larger_one() -> None:
    counts = np.array([300.0, 1_000.0, 3_000.0])
    z = normal_scores(*tail_probabilities(counts, np.full(3, 100.0), np.full(3, 0.05)))
    assert np.isfinite(z).all()
    assert (np.diff(z) > 1).all()
    flood = normal_scores(*tail_probabilities(np.array([1e6]), np.array([1.0]), np.array([0.01])))
    assert 30 < flood[0] < 40


def test_too_few_are_below_zero_and_unknown_stays_unknown() -> None:
    z = normal_scores(
        *tail_probabilities(
            np.array([20.0, np.nan, 20.0]), np.array([100.0, 100.0, np.nan]), np.full(3, 0.01)
        )
    )
    assert z[0] < -5
    assert np.isnan(z[1:]).all()


def test_the_p_value_is_of_either_direction_and_at_most_one() -> None:
    assert two_sided(np.array([0.01, 0.6]), np.array([0.99, 0.55])).tolist() == [0.02, 1.0]
