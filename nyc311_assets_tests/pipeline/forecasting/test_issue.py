from __future__ import annotations

import time
from datetime import timedelta

import numpy as np
import pandas as pd
import pytest

from nyc311_assets.pipeline.cities import NEW_YORK
from nyc311_assets.pipeline.forecasting.anchored_prophet import fit_prophet
from nyc311_assets.pipeline.forecasting.candidates import LEVEL_PROFILE, PROPHET
from nyc311_assets.pipeline.forecasting.issue import COLUMNS, RECENT_MEAN, issue
from nyc311_assets.pipeline.forecasting.level_profile import history
from nyc311_assets.pipeline.forecasting.panel import Panel
from nyc311_assets.pipeline.forecasting.past import PastForecasts
from nyc311_assets_tests.pipeline.forecasting.counts import MONDAY, panel_of, simulated

HOLIDAYS = NEW_YORK.holidays(MONDAY, MONDAY + timedelta(days=700))


def forecasts(panel: Panel, newest: int, horizon: int = 30) -> pd.DataFrame:
    return issue(panel, panel.day(newest), PastForecasts(panel.series, horizon), HOLIDAYS).frame


def column(frame: pd.DataFrame, series: str, name: str) -> pd.Series[float]:
    return frame.loc[frame["series"] == series, name]


def test_wildly_changed_future_days_leave_past_forecasts_untouched() -> None:
    panel = simulated(series=8, days=460, mean=(0.5, 500.0), drift=0.03)
    changed = panel.values.copy()
    changed[:, 430:] = np.random.default_rng(9).integers(0, 10**6, (8, 30))
    changed[::2, 430:] = np.nan
    other = Panel(panel.series, panel.first_day, changed)
    before = issue(panel, panel.day(429), PastForecasts(panel.series, 30), HOLIDAYS)
    # A past that already knows later origins, too, must not help either.
    later = issue(other, panel.day(440), PastForecasts(panel.series, 30), HOLIDAYS).past
    after = issue(other, panel.day(429), later, HOLIDAYS)
    pd.testing.assert_frame_equal(before.frame, after.frame, check_exact=True)
    shorter = issue(
        panel.until(panel.day(429)), panel.day(429), PastForecasts(panel.series, 30), HOLIDAYS
    )
    pd.testing.assert_frame_equal(before.frame, shorter.frame, check_exact=True)


def test_every_known_day_counts() -> None:
    panel = simulated(series=1, days=100)
    changed = panel.values.copy()
    changed[0, 89] *= 2
    other = Panel(panel.series, panel.first_day, changed)
    assert forecasts(panel, 89)["yhat"].iloc[0] < forecasts(other, 89)["yhat"].iloc[0]


def test_each_series_has_the_whole_horizon_with_ordered_finite_bands() -> None:
    panel = simulated(series=7, days=120, mean=(0.3, 900.0))
    frame = forecasts(panel, 119)
    assert tuple(frame.columns) == COLUMNS
    assert len(frame) == 7 * 30
    assert frame["ds"].min() == pd.Timestamp(panel.last_day + timedelta(days=1))
    numbers = frame[["lo95", "lo80", "yhat", "hi80", "hi95"]].to_numpy()
    assert np.isfinite(numbers).all()
    assert (np.diff(numbers, axis=1) >= 0).all()
    assert (numbers >= 0).all()


def test_odd_series_get_a_sensible_forecast_and_spoil_no_other() -> None:
    usual = simulated(series=1, days=100, mean=(100, 101)).values[0]
    outlier = usual.copy()
    outlier[60] = 1e9
    last = usual.copy()
    last[-1] = 1e9
    gappy = usual.copy()
    gappy[[5, 20, 21, 22, 70, 98, 99]] = np.nan
    panel = panel_of(usual, [50.0] * 100, [0.0] * 100, outlier, gappy, last)
    frame = forecasts(panel, 99)
    assert np.isfinite(frame.select_dtypes("number").to_numpy()).all()
    alone = forecasts(panel_of(usual), 99)
    np.testing.assert_allclose(column(frame, "a", "yhat"), alone["yhat"], rtol=0.05)
    np.testing.assert_allclose(column(frame, "b", "yhat"), 50.0, rtol=0.01)
    assert (column(frame, "b", "hi95") - column(frame, "b", "lo95")).max() <= 25
    assert (column(frame, "c", "yhat") < 0.01).all()
    assert (column(frame, "c", "hi95") <= 2).all()
    np.testing.assert_allclose(column(frame, "d", "yhat"), column(frame, "a", "yhat"), rtol=0.05)
    np.testing.assert_allclose(column(frame, "e", "yhat"), column(frame, "a", "yhat"), rtol=0.15)


def test_a_forecast_that_is_no_number_is_replaced_and_labelled() -> None:
    absurd = [1e308] * 100
    absurd[::2] = [0.0] * 50
    panel = panel_of(absurd, [20.0] * 100)
    with np.errstate(all="ignore"):
        frame = forecasts(panel, 99)
    assert np.isfinite(column(frame, "b", "yhat")).all()
    assert np.isfinite(column(frame, "a", "yhat")).all()
    assert set(column(frame, "a", "model").astype(str)) <= {RECENT_MEAN, LEVEL_PROFILE, PROPHET}


def test_new_and_silent_series_are_named_and_skipped() -> None:
    new = np.full(100, np.nan)
    new[-27:] = 5.0
    old_enough = np.full(100, np.nan)
    old_enough[-28:] = 5.0
    silent = np.full(100, 5.0)
    silent[-28:] = np.nan
    panel = panel_of(new, old_enough, silent, np.full(100, np.nan))
    issued = issue(panel, panel.last_day, PastForecasts(panel.series, 30), HOLIDAYS)
    assert set(issued.frame["series"]) == {"b"}
    assert issued.skipped == {
        "a": "27 days of history; 28 are needed",
        "c": "no known day among the last 28",
        "d": "0 days of history; 28 are needed",
    }
    np.testing.assert_allclose(issued.frame["yhat"], 5.0, rtol=0.05)


def test_bands_that_few_errors_stand_behind_are_provisional() -> None:
    panel = simulated(series=3, days=120)
    young = forecasts(panel, 27)
    assert young["is_provisional"].all()
    middle = forecasts(panel, 60)
    assert not middle.loc[middle["horizon"] <= 7, "is_provisional"].any()
    assert middle.loc[middle["horizon"] > 7, "is_provisional"].all()
    assert not forecasts(panel, 119)["is_provisional"].any()


def test_small_series_are_never_prophets_and_some_busy_ones_are() -> None:
    panel = simulated(series=40, days=150, mean=(2.0, 500.0))
    frame = forecasts(panel, 149)
    volume = dict(zip(panel.series, panel.values[:, -28:].mean(axis=1), strict=True))
    served = set(frame.loc[frame["model"] == PROPHET, "series"])
    assert served
    assert all(volume[name] >= 10 for name in served)
    assert LEVEL_PROFILE in set(frame["model"])


def test_fits_of_a_later_day_are_refused() -> None:
    panel = simulated(series=2, days=100)
    fits = fit_prophet(history(panel, {}), panel.series, 30)
    with pytest.raises(ValueError, match="after 2024-03-31: forecasts of that day must not use it"):
        issue(panel, panel.day(90), PastForecasts(panel.series, 30), HOLIDAYS, fits)


def test_bands_cover_95_percent_of_simulated_days_ahead() -> None:
    panel = simulated(series=60, days=190, mean=(20.0, 600.0), dispersion=0.06, drift=0.02, seed=8)
    past = PastForecasts(panel.series, 14)
    inside = []
    for newest in range(100, 176, 4):
        issued = issue(panel, panel.day(newest), past, HOLIDAYS)
        past = issued.past
        came = panel.values[:, newest + 1 : newest + 15].ravel()
        frame = issued.frame
        inside.append(((came >= frame["lo95"]) & (came <= frame["hi95"])).mean())
    assert np.mean(inside) == pytest.approx(0.955, abs=0.02)


@pytest.mark.long
def test_a_thousand_series_take_seconds() -> None:
    panel = simulated(series=1000, days=90, mean=(0.3, 300.0))
    start = time.process_time()
    frame = forecasts(panel, 89)
    assert time.process_time() - start < 60
    assert frame["series"].nunique() == 1000
    assert np.isfinite(frame["hi95"]).all()
