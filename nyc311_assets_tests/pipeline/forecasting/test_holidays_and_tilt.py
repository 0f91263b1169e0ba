from __future__ import annotations

from datetime import date, timedelta

import numpy as np
import pytest

from nyc311_assets.pipeline.forecasting.holidays import holiday_factors
from nyc311_assets.pipeline.forecasting.panel import Panel
from nyc311_assets.pipeline.forecasting.tilt import last_year_tilt
from nyc311_assets_tests.pipeline.forecasting.counts import MONDAY, panel_of

OFFICE = np.array([[1.3, 1.3, 1.3, 1.3, 1.2, 0.4, 0.2]])
STREET = np.array([[0.9, 0.9, 0.9, 0.9, 1.0, 1.2, 1.2]])
MAY_MONDAY = date(2024, 5, 27)


@pytest.mark.parametrize(
    ("profile", "factor"), [(OFFICE, 0.2 / 1.3), (STREET, (0.9 + 0.3 * 0.3) / 0.9)]
)
def test_a_holiday_that_was_never_seen_follows_the_rule(profile: np.ndarray, factor: float) -> None:
    ahead = (MAY_MONDAY, MAY_MONDAY + timedelta(days=1))
    factors = holiday_factors(panel_of([100.0] * 30), {MAY_MONDAY: "Memorial Day"}, profile, ahead)
    np.testing.assert_allclose(factors, [[factor, 1.0]])


def test_earlier_occurrences_pull_the_factor_away_from_the_rule() -> None:
    values = np.full((1, 800), 100.0)
    panel = Panel(("a",), date(2023, 1, 2), values)
    holidays = {date(2023, 5, 29): "Memorial Day", date(2024, 5, 27): "Memorial Day"}
    for day in holidays:
        values[0, panel.column(day)] = 400.0
    ahead = (date(2025, 5, 26),)
    factors = holiday_factors(panel, holidays | {ahead[0]: "Memorial Day"}, np.ones((1, 7)), ahead)
    # The rule says 1, both occurrences four times: (2 log 4 + log 1) / 3.
    assert factors[0, 0] == pytest.approx(4 ** (2 / 3), rel=0.01)


def test_an_occurrence_without_known_neighbours_teaches_nothing() -> None:
    values = np.full((1, 40), np.nan)
    values[0, 20] = 900.0
    panel = Panel(("a",), MONDAY, values)
    seen = MONDAY + timedelta(days=20)
    ahead = (MONDAY + timedelta(days=385),)
    factors = holiday_factors(panel, {seen: "H", ahead[0]: "H"}, np.ones((1, 7)), ahead)
    assert factors[0, 0] == 1.0


def test_last_years_rise_is_partly_expected_again() -> None:
    values = np.full((2, 500), 100.0)
    last_year = 499 - 364
    values[0, last_year : last_year + 60] = 200.0
    tilt = last_year_tilt(values, 30)
    assert tilt[0, 0] < tilt[0, 20] < 2.0
    assert tilt[0, 20] > 1.3
    np.testing.assert_array_equal(tilt[1], np.ones(30))


def test_a_small_move_is_taken_for_chance() -> None:
    values = np.full((1, 500), 100.0)
    values[0, 499 - 364 :] = 104.0
    assert np.abs(last_year_tilt(values, 30) - 1).max() < 0.005


def test_there_is_no_tilt_without_more_than_a_year_or_over_unknown_days() -> None:
    steep = np.exp(np.arange(500) / 100)[None]
    assert (last_year_tilt(steep[:, :379], 30) == 1).all()
    steep[0, :200] = np.nan
    assert (last_year_tilt(steep, 30) == 1).all()
    assert (last_year_tilt(np.exp(np.arange(500) / 100)[None], 30, exponent=0) == 1).all()
