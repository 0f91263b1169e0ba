from __future__ import annotations

from datetime import date

import numpy as np
import pytest

from nyc311_assets.pipeline.anomalies.benchmark.series import (
    LEAST_VOLUME,
    MEDIAN_VOLUME,
    NoSource,
    Sample,
    bootstrapped,
    simulated,
    source_of,
)
from nyc311_assets.pipeline.forecasting.panel import Panel


def real_like(days: int = 300) -> Panel:
    chance = np.random.default_rng(4)
    week = np.array([1.3, 1.2, 1.2, 1.1, 1.0, 0.7, 0.5])[np.arange(days) % 7]
    return Panel(
        ("a", "b", "tiny"),
        date(2024, 1, 1),
        chance.poisson(np.array([[400.0], [90.0], [0.5]]) * week).astype(float),
    )


def test_a_source_is_what_is_left_of_busy_series_without_level_and_week() -> None:
    source = source_of(real_like())
    assert len(source.ratios) == 2
    np.testing.assert_allclose(source.profiles[0], [1.3, 1.2, 1.2, 1.1, 1.0, 0.7, 0.5], atol=0.05)
    assert source.ratios[0].std() == pytest.approx(1 / np.sqrt(400), rel=0.3)


def test_a_real_storm_is_not_bootstrapped_as_if_it_were_noise() -> None:
    panel = real_like()
    panel.values[0, 100] = 9_000
    assert source_of(panel).ratios[0].max() < 1.5


def test_counts_without_a_busy_series_are_refused_with_the_remedy() -> None:
    with pytest.raises(NoSource, match="busier series"):
        source_of(real_like().only(np.array([2])))


@pytest.mark.parametrize("kind", ["simulated", "bootstrapped"])
@pytest.mark.parametrize("drifts", [False, True])
def test_the_same_seed_makes_the_same_series_and_another_one_others(
    kind: str, drifts: bool
) -> None:
    def made(seed: int) -> Sample:
        chance = np.random.default_rng(seed)
        if kind == "simulated":
            return simulated(50, 100, chance, drifts=drifts)
        return bootstrapped(source_of(real_like()), 50, 100, chance, drifts=drifts)

    np.testing.assert_array_equal(made(1).counts, made(1).counts)
    assert (made(1).counts != made(2).counts).any()
    assert (made(1).counts == np.floor(made(1).counts)).all()
    assert (made(1).counts >= 0).all()


def test_volumes_and_levels_are_as_documented() -> None:
    chance = np.random.default_rng(1)
    still, drifting = (simulated(800, 220, chance, drifts=drifts) for drifts in (False, True))
    mean = still.counts.mean(axis=1)
    assert np.median(mean) == pytest.approx(MEDIAN_VOLUME, rel=0.15)
    assert mean.min() > LEAST_VOLUME * 0.7

    def wandering(sample: Sample) -> float:
        weekly = np.log(sample.rate[:, :217].reshape(800, -1, 7).mean(axis=2))
        return float(np.median(weekly.std(axis=1)))

    assert wandering(still) < 1e-9
    assert 0.05 < wandering(drifting) < 0.3


def test_simulated_noise_lasts_to_the_next_day_unlike_the_detectors() -> None:
    sample = simulated(400, 220, np.random.default_rng(2), drifts=False)
    busy = sample.rate.mean(axis=1) > 150
    noise = (sample.counts / sample.rate)[busy]
    pairs = [np.corrcoef(row[1:], row[:-1])[0, 1] for row in noise]
    assert 0.1 < np.mean(pairs) < 0.5
