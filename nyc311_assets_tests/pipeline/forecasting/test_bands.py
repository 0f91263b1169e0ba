from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import nbinom

from nyc311_assets.pipeline.days import days_between
from nyc311_assets.pipeline.forecasting.bands import bands, calibrate
from nyc311_assets.pipeline.forecasting.candidates import LEVEL_PROFILE
from nyc311_assets.pipeline.forecasting.conformal import conformal, restored, stabilised
from nyc311_assets.pipeline.forecasting.dispersion import count_bounds, dispersions, excess_variance
from nyc311_assets.pipeline.forecasting.past import PastForecasts
from nyc311_assets.pipeline.forecasting.volume import horizon_group, recent_volume, tier_of
from nyc311_assets_tests.pipeline.forecasting.counts import WEEK, simulated

GROUP = horizon_group(np.arange(1, 31))


def test_the_transform_evens_out_the_spread_of_counts_and_comes_back() -> None:
    counts = np.array([0.0, 1.0, 25.0, 4000.0])
    np.testing.assert_allclose(restored(stabilised(counts)), counts, atol=1e-9)
    generator = np.random.default_rng(2)
    spreads = [
        stabilised(generator.negative_binomial(20, 20 / (20 + mean), 20_000).astype(float)).std()
        for mean in (10.0, 100.0, 1000.0)
    ]
    assert max(spreads) / min(spreads) < 1.1


def test_count_bounds_are_within_a_request_of_the_negative_binomials() -> None:
    mean = np.array([[2.0, 10.0, 60.0, 400.0]])
    dispersion = np.full_like(mean, 0.08)
    low, high = count_bounds(mean, dispersion, 0.95)
    for bound, tail in ((low, 0.025), (high, 0.975)):
        exact = nbinom.ppf(tail, 1 / 0.08, 1 / (1 + 0.08 * mean))
        assert np.abs(bound - exact).max() < 1.0


def test_the_dispersion_of_a_known_distribution_is_found() -> None:
    generator = np.random.default_rng(3)
    forecasts = np.full((120, 30, 30), 200.0)
    actuals = generator.negative_binomial(1 / 0.1, 1 / (1 + 0.1 * forecasts)).astype(float)
    found = dispersions(excess_variance(actuals, forecasts), GROUP, np.full(30, 4))
    np.testing.assert_allclose(found, 0.1, rtol=0.35)
    assert found.mean() == pytest.approx(0.1, rel=0.1)


def test_conformal_bounds_cover_what_they_say_on_errors_of_a_known_distribution() -> None:
    generator = np.random.default_rng(4)
    errors = generator.standard_t(5, (56, 60, 30)) * 0.4
    found = conformal(errors, GROUP, np.full(60, 4), shrinkage=20.0, levels=(0.8, 0.95))
    fresh = generator.standard_t(5, (400, 60, 30)) * 0.4
    for level in (0.8, 0.95):
        inside = (fresh >= found.low[level][:, GROUP]) & (fresh <= found.high[level][:, GROUP])
        assert inside.mean() == pytest.approx(level, abs=0.02)


def test_bands_of_the_true_mean_cover_80_and_95_percent() -> None:
    panel = simulated(series=60, days=140, dispersion=0.05, seed=6)
    truth = panel.values.mean(axis=1)[:, None] * WEEK / WEEK.mean()
    past = PastForecasts(panel.series, 7).extended(
        {
            day: {LEVEL_PROFILE: truth[:, (panel.column(day) + 1 + np.arange(7)) % 7]}
            for day in days_between(panel.first_day, panel.day(99))
        }
    )
    known = panel.until(panel.day(99))
    calibration = calibrate(
        known, past, past.forecasts[LEVEL_PROFILE], tier_of(recent_volume(known.values, 28))
    )
    inside: dict[float, list[float]] = {0.8: [], 0.95: []}
    for first in range(100, 134):
        days = np.arange(first, first + 7)
        for level, (low, high) in bands(truth[:, days % 7], calibration).items():
            came = panel.values[:, days]
            inside[level].append(float(((came >= low) & (came <= high)).mean()))
    assert np.mean(inside[0.8]) == pytest.approx(0.80, abs=0.03)
    assert np.mean(inside[0.95]) == pytest.approx(0.95, abs=0.015)


def test_bands_are_whole_ordered_and_hold_the_forecast_even_without_any_past() -> None:
    panel = simulated(series=5, days=28, mean=(0.2, 500.0))
    empty = PastForecasts(panel.series, 30)
    nothing = np.empty((0, 5, 30))
    calibration = calibrate(panel, empty, nothing, tier_of(panel.values.mean(axis=1)))
    forecast = np.repeat(panel.values.mean(axis=1)[:, None], 30, axis=1)
    found = bands(forecast, calibration)
    (low80, high80), (low95, high95) = found[0.8], found[0.95]
    assert (low95 >= 0).all()
    assert (low95 <= low80).all()
    assert (low80 <= forecast).all()
    assert (forecast <= high80).all()
    assert (high80 <= high95).all()
    assert np.isfinite(high95).all()
    assert (high95 > low95).all()


def test_bands_do_not_narrow_where_fewer_errors_are_known() -> None:
    panel = simulated(series=5, days=30)
    shape = (5, 30)
    past = PastForecasts(panel.series, 30).extended(
        {
            day: {LEVEL_PROFILE: np.full(shape, panel.values.mean(axis=1)[:, None])}
            for day in days_between(panel.day(13), panel.day(29))
        }
    )
    calibration = calibrate(
        panel, past, past.forecasts[LEVEL_PROFILE], tier_of(panel.values.mean(axis=1))
    )
    low, high = bands(np.repeat(panel.values.mean(axis=1)[:, None], 30, axis=1), calibration)[0.95]
    width = (high - low).mean(axis=0)
    assert width[20] > width[0]
