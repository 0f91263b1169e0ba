from __future__ import annotations

from datetime import date, timedelta

import numpy as np
import pandas as pd
import pytest

from nyc311_assets.pipeline.days import days_between
from nyc311_assets.pipeline.forecasting.candidates import LEVEL_PROFILE, PROPHET
from nyc311_assets.pipeline.forecasting.gate import served_by_prophet
from nyc311_assets.pipeline.forecasting.issue import catch_up
from nyc311_assets.pipeline.forecasting.panel import Panel
from nyc311_assets.pipeline.forecasting.past import KEPT_ORIGINS, PastForecasts
from nyc311_assets_tests.pipeline.forecasting.counts import MONDAY, simulated

PANEL = simulated(series=4, days=100)


def constant(panel: Panel, values: dict[str, float], horizon: int = 7) -> PastForecasts:
    """Forecasts that are the same number from every origin."""
    shape = (len(panel.series), horizon)
    added = {
        day: {model: np.full(shape, value) for model, value in values.items()}
        for day in days_between(panel.first_day, panel.last_day)
    }
    return PastForecasts(panel.series, horizon).extended(added)


def test_a_new_day_costs_one_origin_and_gives_what_a_new_back_test_would() -> None:
    empty = PastForecasts(PANEL.series, 14)
    yesterday = catch_up(PANEL, PANEL.day(98), empty, {})
    asked: list[date] = []

    class Watched(Panel):
        def until(self, as_of: date) -> Panel:
            asked.append(as_of)
            return super().until(as_of)

    watched = Watched(PANEL.series, PANEL.first_day, PANEL.values)
    today = catch_up(watched, PANEL.day(99), yesterday, {})
    assert asked == [PANEL.day(99)]
    anew = catch_up(PANEL, PANEL.day(99), empty, {})
    assert today.origins == anew.origins
    for model, forecasts in anew.forecasts.items():
        np.testing.assert_array_equal(today.forecasts[model], forecasts)


def test_only_the_newest_origins_are_kept() -> None:
    panel = simulated(series=1, days=KEPT_ORIGINS + 20)
    past = constant(panel, {LEVEL_PROFILE: 1.0})
    assert len(past.origins) == KEPT_ORIGINS
    assert past.origins[-1] == panel.last_day


def test_forecasts_stay_as_they_were_issued() -> None:
    past = constant(PANEL, {LEVEL_PROFILE: 1.0})
    with pytest.raises(ValueError, match="2024-01-01 are there already"):
        past.extended({MONDAY: {LEVEL_PROFILE: np.zeros((4, 7))}})


def test_an_origin_that_was_missed_is_put_in_its_place() -> None:
    empty = PastForecasts(PANEL.series, 7)
    whole = catch_up(PANEL, PANEL.last_day, empty, {})
    day = PANEL.day(60)
    gap = PastForecasts(PANEL.series, 7).extended(
        {
            origin: {model: each[place] for model, each in whole.forecasts.items()}
            for place, origin in enumerate(whole.origins)
            if origin != day
        }
    )
    mended = catch_up(PANEL, PANEL.last_day, gap, {})
    assert mended.origins == whole.origins
    np.testing.assert_array_equal(mended.forecasts[PROPHET], whole.forecasts[PROPHET])


def test_a_table_brings_back_what_was_saved() -> None:
    past = catch_up(PANEL, PANEL.last_day, PastForecasts(PANEL.series, 7), {})
    frame = past.to_frame(PANEL)
    assert list(frame.columns) == ["series", "origin", "ds", "horizon", "model", "y", "f"]
    assert (frame["ds"] == frame["origin"] + pd.to_timedelta(frame["horizon"], unit="D")).all()
    assert frame["y"].isna().sum() == 2 * 4 * sum(range(1, 8))
    newest = past.to_frame(PANEL, after=PANEL.day(98))
    assert len(newest) == 2 * 4 * 7
    assert set(newest["origin"]) == {pd.Timestamp(PANEL.last_day)}
    again = PastForecasts.from_frame(frame, PANEL.series, 7)
    assert again.origins == past.origins
    for model, forecasts in past.forecasts.items():
        np.testing.assert_array_equal(again.forecasts[model], forecasts)


def test_new_series_join_without_a_past_and_retired_ones_leave() -> None:
    past = constant(PANEL, {LEVEL_PROFILE: 3.0})
    joined = past.aligned(("a new one", PANEL.series[2]))
    assert np.isnan(joined.forecasts[LEVEL_PROFILE][:, 0]).all()
    assert (joined.forecasts[LEVEL_PROFILE][:, 1] == 3.0).all()


def flat(days: int = 100) -> Panel:
    return Panel(("busy", "small"), MONDAY, np.array([[100.0] * days, [5.0] * days]))


def test_prophet_serves_where_it_does_not_lose() -> None:
    panel = flat()
    volume = np.array([100.0, 5.0])
    winner = constant(panel, {LEVEL_PROFILE: 90.0, PROPHET: 99.0})
    loser = constant(panel, {LEVEL_PROFILE: 99.0, PROPHET: 90.0})
    assert served_by_prophet(panel, winner, volume).tolist() == [True, False]
    assert served_by_prophet(panel, loser, volume).tolist() == [False, False]


def test_the_choice_waits_for_whole_folds_and_sees_no_other_day() -> None:
    panel = flat()
    volume = np.array([100.0, 100.0])
    past = constant(panel, {LEVEL_PROFILE: 90.0, PROPHET: 99.0})
    few = past.until(panel.day(8))
    assert not served_by_prophet(panel.until(panel.day(9)), few, volume).any()
    without = PastForecasts(
        panel.series, 7, past.origins, {LEVEL_PROFILE: past.served({}, LEVEL_PROFILE)}
    )
    assert not served_by_prophet(panel, without, volume).any()


def test_the_served_forecasts_are_those_of_each_series_model() -> None:
    past = constant(flat(), {LEVEL_PROFILE: 1.0, PROPHET: 2.0})
    served = past.served({PROPHET: np.array([True, False])}, LEVEL_PROFILE)
    assert (served[:, 0] == 2.0).all()
    assert (served[:, 1] == 1.0).all()


def test_what_came_is_found_by_day_and_what_has_not_come_is_unknown() -> None:
    panel = Panel(("a",), MONDAY, np.arange(10.0)[None])
    past = constant(panel, {LEVEL_PROFILE: 0.0}, horizon=2)
    actuals = past.actuals(panel)
    assert actuals[0, 0].tolist() == [1.0, 2.0]
    assert np.isnan(actuals[-1, 0]).all()
    shifted = Panel(("a",), MONDAY + timedelta(days=3), np.arange(3.0, 10.0)[None])
    np.testing.assert_array_equal(past.actuals(shifted)[2:], actuals[2:])
