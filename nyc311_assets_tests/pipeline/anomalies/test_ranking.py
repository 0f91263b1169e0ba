from __future__ import annotations

import numpy as np
from scipy.stats import false_discovery_control

from nyc311_assets.pipeline.anomalies.ranking import false_discovery_rate, rank, severity


def test_q_values_are_those_of_benjamini_and_hochberg_for_each_day() -> None:
    p = np.random.default_rng(1).uniform(0, 1, (50, 3)) ** 3
    q = false_discovery_rate(p)
    for day in range(3):
        np.testing.assert_allclose(q[:, day], false_discovery_control(p[:, day]))


def test_series_that_are_not_judged_are_no_hypotheses() -> None:
    p = np.array([[0.01], [np.nan], [0.02]])
    np.testing.assert_allclose(false_discovery_rate(p)[:, 0], [0.02, np.nan, 0.02])
    assert np.isnan(false_discovery_rate(np.full((2, 1), np.nan))).all()


def test_among_noise_a_list_of_small_q_values_is_mostly_empty() -> None:
    p = np.random.default_rng(2).uniform(0, 1, (708, 200))
    assert (false_discovery_rate(p) < 0.05).any(axis=0).mean() < 0.1


def test_more_requests_and_a_higher_z_are_more_severe_in_either_direction() -> None:
    found = severity(np.array([5.0, 5.0, 8.0, -5.0]), np.array([10.0, 100.0, 10.0, -100.0]))
    assert found[1] > found[0]
    assert found[2] > found[0]
    assert found[3] == found[1]


def test_the_most_severe_series_of_a_day_is_first() -> None:
    found = rank(np.array([[3.0, np.nan], [9.0, 2.0], [np.nan, 1.0]]))
    np.testing.assert_array_equal(found, [[2.0, np.nan], [1.0, 1.0], [np.nan, 2.0]])
