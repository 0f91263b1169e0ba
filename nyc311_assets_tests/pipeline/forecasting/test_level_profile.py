from __future__ import annotations

from datetime import timedelta

import numpy as np
import pytest

from nyc311_assets.pipeline.forecasting.cleaning import outliers
from nyc311_assets.pipeline.forecasting.level_profile import (
    current_level,
    history,
    level_profile,
)
from nyc311_assets.pipeline.forecasting.profile import weekday_profile, weekdays
from nyc311_assets.pipeline.forecasting.windows import moving_median, moving_sum, row_median
from nyc311_assets_tests.pipeline.forecasting.counts import MONDAY, WEEK, panel_of, simulated

DAYS = 84
EXACT = 1000 * WEEK[np.arange(DAYS) % 7]


def test_medians_and_sums_leave_unknown_days_out() -> None:
    values = np.array([[1.0, np.nan, 3.0, 10.0], [np.nan] * 4])
    np.testing.assert_array_equal(row_median(values), [3.0, np.nan])
    np.testing.assert_array_equal(moving_sum(values, 1)[0], [1, 4, 13, 13])
    np.testing.assert_array_equal(moving_median(values, 1)[0], [1, 2, 6.5, 6.5])


def test_the_profile_of_an_exact_week_is_that_week() -> None:
    profile = weekday_profile(EXACT[None], weekdays(MONDAY, DAYS))
    np.testing.assert_allclose(profile[0], WEEK / WEEK.mean(), rtol=0.005)


def test_unknown_days_do_not_bend_the_profile() -> None:
    gappy = EXACT.copy()
    gappy[[6, 20, 27, 41, 55, 69]] = np.nan  # Sundays, the lowest day of the week
    profile = weekday_profile(gappy[None], weekdays(MONDAY, DAYS))
    np.testing.assert_allclose(profile[0], WEEK / WEEK.mean(), rtol=0.01)


def test_a_small_series_stays_nearly_flat() -> None:
    small = weekday_profile(EXACT[None] / 10_000, weekdays(MONDAY, DAYS))
    assert np.abs(small - 1).max() < 0.02


def test_only_lone_extreme_days_are_outliers_and_never_the_newest() -> None:
    values = simulated(series=1, days=DAYS, mean=(100, 100.1), dispersion=0.005).values
    values[0, 40] = 5000.0
    values[0, -2:] = 5000.0
    flat = np.ones((1, 7))
    assert np.flatnonzero(outliers(values, flat, weekdays(MONDAY, DAYS))).tolist() == [40]


def test_a_week_at_a_new_level_is_no_row_of_outliers() -> None:
    values = np.full((1, 60), 100.0)
    values[0, 40:] = 300.0
    assert not outliers(values, np.ones((1, 7)), weekdays(MONDAY, 60)).any()


def test_the_level_follows_a_shift_within_a_fortnight() -> None:
    values = np.full((1, 60), 100.0)
    values[0, 40:] = 200.0
    level = current_level(values, np.array([200.0]))
    assert 190 < level.requests[0] < 200


def test_small_counts_are_averaged_as_they_are() -> None:
    sparse = np.tile([0.0, 0, 0, 4], 20)[None]
    assert current_level(sparse, np.array([1.0])).requests[0] == pytest.approx(1.0, rel=0.25)
    assert current_level(sparse, np.array([1.0])).memory[0] == 0.0


def test_what_lingers_is_learnt_from_autocorrelated_days_and_not_from_independent_ones() -> None:
    generator = np.random.default_rng(5)
    noise = generator.normal(0, 0.3, (200, 90))
    lingering = noise.copy()
    for day in range(1, 90):
        lingering[:, day] = 0.6 * lingering[:, day - 1] + noise[:, day]
    volume = np.full(200, 100.0)

    def gain(logs: np.ndarray) -> float:
        level = current_level(100 * np.exp(logs[:, :-1]), volume)
        without = np.abs(np.log(100) + logs[:, -1] - np.log(level.requests))
        with_it = np.abs(np.log(100) + logs[:, -1] - np.log(level.ahead(1)[:, 0]))
        return float(with_it.mean() / without.mean())

    assert gain(lingering) < 0.95
    assert gain(noise) < 1.05


def test_forecasts_are_the_week_at_todays_level() -> None:
    past = history(panel_of(EXACT[:80]), {})
    np.testing.assert_allclose(
        level_profile(past, 14)[0], 1000 * WEEK[np.arange(80, 94) % 7], rtol=0.02
    )


def test_a_holiday_leaves_profile_and_level_alone() -> None:
    dented = EXACT.copy()
    dented[-1] = 10.0
    day = MONDAY + timedelta(days=DAYS - 1)
    with_holiday = level_profile(history(panel_of(dented), {day: "Holiday"}), 7)
    np.testing.assert_allclose(with_holiday[0], 1000 * WEEK, rtol=0.02)
    without = level_profile(history(panel_of(dented), {}), 7)
    assert without[0].mean() < 0.7 * with_holiday[0].mean()
