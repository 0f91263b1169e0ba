from __future__ import annotations

from datetime import timedelta

import numpy as np
import pytest
from prophet.serialize import model_from_json

from nyc311_assets.pipeline.forecasting import anchored_prophet
from nyc311_assets.pipeline.forecasting.anchored_prophet import (
    LONGEST_SERVICE_DAYS,
    ProphetFits,
    fit_prophet,
    join_fits,
    weekday_means,
)
from nyc311_assets.pipeline.forecasting.candidates import PROPHET, point_forecasts
from nyc311_assets.pipeline.forecasting.level_profile import history
from nyc311_assets.pipeline.forecasting.settings import ModelSettings
from nyc311_assets_tests.pipeline.forecasting.counts import simulated

PANEL = simulated(series=6, days=90, mean=(8, 3000), drift=0.03)


def test_the_closed_form_is_what_prophet_fits() -> None:
    gappy = simulated(series=6, days=90, mean=(8, 3000), drift=0.03)
    gappy.values[:, 30:33] = np.nan
    past = history(gappy, {})
    fits = fit_prophet(past, gappy.series, 30)
    means = weekday_means(past.values, past.weekday)
    expected = means[:, np.arange(fits.expected.shape[1]) % 7]
    np.testing.assert_allclose(fits.expected, expected, rtol=1e-3)
    assert not fits.failed


def test_fits_serve_the_week_after_them_at_each_days_level() -> None:
    fits = fit_prophet(history(PANEL.until(PANEL.day(79)), {}), PANEL.series, 30)
    for day in range(80, 80 + LONGEST_SERVICE_DAYS):
        known = PANEL.until(PANEL.day(day))
        fitted = point_forecasts(known, {}, 30, fits)[PROPHET]
        closed = point_forecasts(known, {}, 30)[PROPHET]
        assert np.isfinite(fitted).all()
        np.testing.assert_allclose(fitted, closed, rtol=0.15)


def test_a_series_that_cannot_be_fitted_is_named_and_fails_no_other(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    original = anchored_prophet._fitted
    calls = iter(range(100))

    def sometimes(*arguments: object) -> object:
        if next(calls) == 1:
            raise RuntimeError("Stan is gone")
        return original(*arguments)  # type: ignore[arg-type] # passed on as they came

    monkeypatch.setattr(anchored_prophet, "_fitted", sometimes)
    fits = fit_prophet(history(PANEL, {}), PANEL.series, 30)
    assert fits.failed == {PANEL.series[1]: "RuntimeError: Stan is gone"}
    forecasts = point_forecasts(PANEL, {}, 30, fits)[PROPHET]
    assert np.isnan(forecasts[1]).all()
    assert np.isfinite(np.delete(forecasts, 1, axis=0)).all()


def test_too_few_days_are_a_named_failure() -> None:
    short = PANEL.until(PANEL.first_day + timedelta(days=9))
    fits = fit_prophet(history(short, {}), short.series, 30)
    assert "known days are too few; 14 are needed" in fits.failed[short.series[0]]


def test_each_series_has_its_own_settings() -> None:
    rising = simulated(series=2, days=90, mean=(500, 501), dispersion=0.005)
    rising.values[:] = np.round(rising.values * np.exp(0.01 * np.arange(90)))
    settings = {rising.series[0]: ModelSettings(growth="linear", seasonality_mode="additive")}
    fits = fit_prophet(history(rising, {}), rising.series, 30, settings)
    forecast = point_forecasts(rising, {}, 28, fits)[PROPHET]
    growth = forecast[:, 21:].mean(axis=1) / forecast[:, :7].mean(axis=1)
    assert growth[0] > 1.08
    assert growth[1] == pytest.approx(1.0, abs=0.02)


def test_a_kept_model_is_prophets_own_and_can_be_read_back() -> None:
    fits = fit_prophet(history(PANEL, {}), PANEL.series[:1], 30, keep_models=True)
    model = model_from_json(fits.models[PANEL.series[0]])
    assert model.growth == "flat"
    assert model.history is not None
    assert len(model.history) == len(history(PANEL, {}).values[0])


def test_fits_of_chunks_are_joined_and_come_back_from_a_table() -> None:
    first, second = np.array([0, 1]), np.array([2, 3, 4, 5])
    parts = [
        fit_prophet(history(PANEL.only(rows), {}), PANEL.only(rows).series, 30)
        for rows in (first, second)
    ]
    whole = fit_prophet(history(PANEL, {}), PANEL.series, 30)
    joined = ProphetFits.from_frame(join_fits(parts).to_frame())
    assert joined.series == whole.series
    np.testing.assert_array_equal(joined.expected, whole.expected)
    assert (joined.trained_on, joined.first_day) == (whole.trained_on, whole.first_day)
    assert joined.settings == whole.settings
    day_before = PANEL.until(PANEL.day(88))
    other = fit_prophet(history(day_before, {}), PANEL.series, 30)
    with pytest.raises(ValueError, match="2 training windows cannot be joined"):
        join_fits([whole, other])
