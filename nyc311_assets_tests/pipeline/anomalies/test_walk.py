from __future__ import annotations

from datetime import date, timedelta

import numpy as np
import pytest

from nyc311_assets.pipeline.anomalies.benchmark.series import simulated
from nyc311_assets.pipeline.anomalies.expectations import Expectations, expected_as_issued
from nyc311_assets.pipeline.anomalies.rules import judge
from nyc311_assets.pipeline.anomalies.walk import point_forecast, walk
from nyc311_assets.pipeline.cities import NEW_YORK
from nyc311_assets.pipeline.forecasting.panel import Panel
from nyc311_assets.pipeline.forecasting.past import PastForecasts
from nyc311_assets_tests.pipeline.anomalies.series import FIRST_DAY, panel_of, poisson_panel

FIELDS = ("actual", "yhat", "frozen", "low", "high", "dispersion", "known_days", "holiday")
HOLIDAYS = {date(2025, 4, 18): "Good Friday", date(2025, 5, 26): "Memorial Day"}


def columns(expected: Expectations, first: int, last: int) -> list[np.ndarray]:
    return [getattr(expected, name)[:, first:last] for name in FIELDS]


@pytest.mark.parametrize("cut", [60, 101, 133])
def test_changing_or_cutting_the_future_leaves_the_past_as_it_is_to_the_last_digit(
    cut: int,
) -> None:
    panel = poisson_panel(30, 150)
    panel.values[3, :70] = np.nan
    panel.values[4, 50:60] = np.nan
    whole = walk(panel, 40, HOLIDAYS)
    changed = panel.values.copy()
    changed[:, cut:] = np.random.default_rng(5).poisson(400, changed[:, cut:].shape)
    for other in (changed, panel.values[:, :cut].copy()):
        found = walk(Panel(panel.series, panel.first_day, other), 40, HOLIDAYS)
        for one, same in zip(columns(whole, 40, cut), columns(found, 40, cut), strict=True):
            np.testing.assert_array_equal(one, same)


def test_a_days_own_count_has_no_part_in_what_was_expected_of_it() -> None:
    panel = poisson_panel(20, 90)
    stormy = panel.values.copy()
    stormy[:, 89] *= 50
    usual, storm = walk(panel, 80, {}), walk(panel_of(stormy), 80, {})
    for name in ("yhat", "frozen", "low", "high", "dispersion"):
        np.testing.assert_array_equal(getattr(usual, name), getattr(storm, name))


def test_the_frozen_forecast_is_the_one_issued_seven_days_before() -> None:
    panel = poisson_panel(5, 90)
    expected = walk(panel, 80, {})
    issued = point_forecast(panel.until(FIRST_DAY + timedelta(days=78)), {}, 7)
    np.testing.assert_array_equal(expected.yhat[:, 79], issued[:, 0])
    np.testing.assert_array_equal(expected.frozen[:, 85], issued[:, 6])


def test_a_later_start_gives_the_same_days_the_same_expectation() -> None:
    panel = poisson_panel(20, 420)
    early, late = walk(panel, 350, {}), walk(panel, 400, {})
    for one, same in zip(columns(early, 400, 420), columns(late, 400, 420), strict=True):
        np.testing.assert_array_equal(one, same)


def test_a_series_that_has_been_silent_has_no_forecast_rather_than_one_of_zero() -> None:
    panel = poisson_panel(5, 120)
    panel.values[2, 60:119] = np.nan
    expected = walk(panel, 100, {})
    assert np.isnan(expected.yhat[2, 100:]).all()
    assert not expected.is_judged[2, 100:].any()
    assert not np.isnan(expected.yhat[1, 100:]).any()


def test_forecasts_kept_as_issued_give_the_same_expectations_as_walking() -> None:
    panel = poisson_panel(10, 120)
    walked = walk(panel, 110, {})
    origins = [panel.day(column) for column in range(13, 119)]
    points = {origin: {"m": point_forecast(panel.until(origin), {}, 7)} for origin in origins}
    past = PastForecasts(panel.series, 7).extended(points)
    kept = expected_as_issued(panel, past, past.forecasts["m"], walked.low, walked.high)
    for name in FIELDS:
        np.testing.assert_allclose(
            getattr(kept, name)[:, 105:], getattr(walked, name)[:, 105:], rtol=1e-12
        )


def test_a_forecast_issued_on_the_day_or_later_never_judges_it() -> None:
    panel = poisson_panel(4, 60)
    day = panel.day(59)
    past = PastForecasts(panel.series, 7).extended({day: {"m": np.full((4, 7), 1.0)}})
    nothing = np.full(panel.values.shape, np.nan)
    kept = expected_as_issued(panel, past, past.forecasts["m"], nothing, nothing)
    assert np.isnan(kept.yhat).all()
    assert not kept.is_judged.any()


def test_forecasts_that_reach_too_little_ahead_are_refused_with_the_remedy() -> None:
    panel = poisson_panel(4, 60)
    past = PastForecasts(panel.series, 3)
    nothing = np.full(panel.values.shape, np.nan)
    with pytest.raises(ValueError, match=r"reach 3 days ahead.*longer horizon"):
        expected_as_issued(panel, past, np.zeros((0, 4, 3)), nothing, nothing)


def test_holidays_that_do_nothing_to_a_series_make_no_alarms() -> None:
    sample = simulated(200, 220, np.random.default_rng(5), drifts=False)
    panel = panel_of(sample.counts, date(2024, 9, 2))
    holidays = NEW_YORK.holidays(panel.first_day, panel.last_day)
    expected = walk(panel, 120, holidays)
    columns = [panel.column(day) for day in holidays if panel.column(day) >= 120]
    assert (expected.holiday[:, columns] < 0.9).mean() > 0.2
    assert judge(expected).flagged[:, columns].sum() <= 2


def test_a_surge_on_a_holiday_is_found_all_the_same() -> None:
    sample = simulated(40, 140, np.random.default_rng(5), drifts=False)
    panel = panel_of(sample.counts, date(2024, 9, 2))
    new_year = panel.column(date(2025, 1, 1))
    panel.values[:, new_year] = sample.rate[:, new_year] * 5
    holidays = NEW_YORK.holidays(panel.first_day, panel.last_day)
    assert judge(walk(panel, 110, holidays)).watch[:, new_year].mean() > 0.8
