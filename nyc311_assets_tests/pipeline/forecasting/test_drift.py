from __future__ import annotations

from datetime import date

import numpy as np

from nyc311_assets.pipeline.forecasting.candidates import LEVEL_PROFILE
from nyc311_assets.pipeline.forecasting.drift import Drift, error_drift
from nyc311_assets.pipeline.forecasting.issue import catch_up
from nyc311_assets.pipeline.forecasting.panel import Panel
from nyc311_assets.pipeline.forecasting.past import PastForecasts

FIRST = date(2026, 1, 5)
DAYS = 130


def drift(counts: np.ndarray) -> Drift:
    panel = Panel(tuple(f"s{row:02}" for row in range(len(counts))), FIRST, counts)
    past = catch_up(panel, panel.last_day, PastForecasts(panel.series, 30), {})
    return error_drift(panel, past, {}, LEVEL_PROFILE)


def noise(seed: int, series: int = 12) -> np.ndarray:
    return np.random.default_rng(seed).poisson(60.0, (series, DAYS)).astype(float)


def test_chance_is_no_drift() -> None:
    found = [drift(noise(seed)) for seed in range(8)]
    assert not any(each.is_found for each in found)
    assert all(0.8 < each.ratio < 1.2 for each in found)


def test_a_change_of_all_series_is() -> None:
    counts = noise(1)
    counts[:, -14:] = np.random.default_rng(5).poisson(
        60.0 * np.where(np.arange(14) % 2, 1.8, 0.4), (len(counts), 14)
    )
    assert drift(counts).is_found


def test_a_storm_in_a_third_of_the_series_is_not() -> None:
    counts = noise(2)
    counts[:4, -5:] *= 6
    assert not drift(counts).is_found


def test_a_few_or_small_series_tell_nothing() -> None:
    assert not drift(noise(3, series=3)).is_found
    assert drift(np.random.default_rng(1).poisson(2.0, (9, DAYS)).astype(float)).series == 0


def test_without_forecasts_there_is_none() -> None:
    panel = Panel(("a",), FIRST, noise(1, series=1))
    none = error_drift(panel, PastForecasts(("a",), 30), {}, LEVEL_PROFILE)
    assert none.series == 0
    assert not none.is_found
