from __future__ import annotations

import numpy as np
import pytest

from nyc311_assets.pipeline.anomalies.spread import HIGHEST, LOWEST, UNKNOWN, one_step_dispersion

TIER = np.zeros(40, dtype=np.int64)


def test_the_spread_of_over_dispersed_counts_is_found() -> None:
    chance = np.random.default_rng(1)
    forecasts = np.full((40, 90), 60.0)
    counts = chance.negative_binomial(5, 5 / 65, (40, 90)).astype(float)
    assert np.median(one_step_dispersion(counts, forecasts, TIER)) == pytest.approx(0.2, abs=0.04)


def test_poisson_counts_have_the_least_spread_and_wild_ones_the_highest() -> None:
    forecasts = np.full((40, 90), 60.0)
    poisson = np.random.default_rng(1).poisson(60.0, (40, 90)).astype(float)
    assert one_step_dispersion(poisson, forecasts, TIER).max() < 0.03
    assert one_step_dispersion(poisson, forecasts, TIER).min() == LOWEST
    wild = np.tile([0.0, 600.0], (40, 45))
    assert (one_step_dispersion(wild, forecasts, TIER) == HIGHEST).all()


def test_a_series_with_few_days_takes_its_tiers_spread() -> None:
    chance = np.random.default_rng(2)
    counts = chance.negative_binomial(5, 5 / 65, (40, 90)).astype(float)
    counts[0, :-2] = np.nan
    counts[0, -2:] = 60
    found = one_step_dispersion(counts, np.full((40, 90), 60.0), TIER)
    assert found[0] == pytest.approx(np.median(found[1:]), rel=0.2)


def test_one_past_storm_widens_the_spread_a_little() -> None:
    counts = np.random.default_rng(3).poisson(60.0, (40, 90)).astype(float)
    counts[0, 50] = 6_000
    assert one_step_dispersion(counts, np.full((40, 90), 60.0), TIER)[0] < 0.12


def test_without_any_error_the_spread_is_the_documented_one() -> None:
    nothing = np.full((3, 5), np.nan)
    assert (one_step_dispersion(nothing, nothing, TIER[:3]) == UNKNOWN).all()
