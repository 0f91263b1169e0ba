from __future__ import annotations

import time
from datetime import date, timedelta
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from nyc311_assets.pipeline.anomalies.detection import default_first_day, detect
from nyc311_assets.pipeline.anomalies.expectations import expected_as_issued
from nyc311_assets.pipeline.anomalies.rules import judge
from nyc311_assets.pipeline.anomalies.verdicts import COLUMNS, NO_FORECAST, TOO_YOUNG, verdict_table
from nyc311_assets.pipeline.cities import NEW_YORK
from nyc311_assets.pipeline.forecasting.panel import Panel, PanelError, read_panel
from nyc311_assets.pipeline.forecasting.past import PastForecasts
from nyc311_assets_tests.pipeline.anomalies.series import panel_of, poisson_panel

FILE = "daily/nyc311_daily_15types_2020-06_onward.csv"


def storms(real_data: Path) -> Panel:
    frame = pd.read_csv(real_data / FILE)
    return read_panel(
        frame.rename(columns={"complaint_type": "series", "date": "ds", "count": "y"})
    )


def test_isaias_is_found_on_its_first_day(real_data: Path) -> None:
    panel = storms(real_data).until(date(2020, 8, 4))
    found = detect(panel, date(2020, 8, 1), NEW_YORK.holidays(panel.first_day, panel.last_day))
    trees = found.verdicts[found.verdicts["series"] == "Damaged Tree"].set_index("ds")
    day = trees.loc["2020-08-04"]
    assert day["watch"]
    assert day["z"] > 10
    assert day["rank"] == 1
    assert day["q_value"] < 1e-6
    assert not trees.loc[:"2020-08-03", "flagged"].any()
    (episode,) = [each for each in found.episodes if each.series == "Damaged Tree"]
    assert (episode.start, episode.state) == (date(2020, 8, 4), "open")
    assert episode.excess > 13_000


def test_real_days_are_seldom_above_the_band_and_rarely_on_watch(real_data: Path) -> None:
    panel = storms(real_data)
    holidays = NEW_YORK.holidays(panel.first_day, panel.last_day)
    verdicts = detect(panel, date(2020, 9, 29), holidays).verdicts
    assert verdicts["is_anomaly"].mean() < 0.05
    assert (verdicts["watch"] & (verdicts["direction"] > 0)).mean() < 0.005


def test_the_real_half_published_last_day_is_not_taken_for_a_drop(real_data: Path) -> None:
    panel = storms(real_data)
    found = detect(panel, date(2020, 11, 20), {})
    assert [(each.day, each.what) for each in found.bad_days] == [
        (date(2020, 11, 25), "half_published")
    ]
    assert not (found.verdicts["ds"] == "2020-11-25").any()


def test_the_future_changes_no_verdict_to_the_last_digit() -> None:
    panel = poisson_panel(40, 130)
    panel.values[5, 100:104] *= 3
    changed = panel.values.copy()
    changed[:, 110:] = np.random.default_rng(5).poisson(90, (40, 20))
    first = panel.day(60)
    one, other = (
        detect(each, first, {}).verdicts
        for each in (panel, Panel(panel.series, panel.first_day, changed))
    )
    before = pd.Timestamp(panel.day(110))
    pd.testing.assert_frame_equal(
        one[one["ds"] < before], other[other["ds"] < before], check_exact=True
    )
    assert one["flagged"].any()


def test_every_known_day_has_a_row_and_one_that_is_not_judged_says_why() -> None:
    panel = poisson_panel(6, 100)
    panel.values[0, :85] = np.nan  # new
    panel.values[1, 50:] = np.nan  # retired
    panel.values[2, 40:80] = np.nan  # back after a pause
    panel.values[3, 90] = np.nan  # a day is missing
    panel.values[4, :95] = np.nan
    found = detect(panel, default_first_day(panel), {})
    verdicts = found.verdicts
    assert list(verdicts.columns) == list(COLUMNS)
    assert len(verdicts) == (~np.isnan(panel.values[:, 28:])).sum()
    assert not verdicts.duplicated(["series", "ds"]).any()
    by_series = dict(list(verdicts.set_index("ds").groupby("series")))
    assert (by_series["s0000"]["reason"] == TOO_YOUNG).all()
    assert by_series["s0000"]["z"].isna().all()
    assert by_series["s0002"].loc[pd.Timestamp(panel.day(80)), "reason"] == NO_FORECAST
    assert by_series["s0002"].loc[pd.Timestamp(panel.day(99)), "z"] == pytest.approx(0, abs=4)
    assert pd.Timestamp(panel.day(90)) not in by_series["s0003"].index
    assert found.too_short == {"s0000": 15, "s0004": 5}
    assert found.retired == {"s0001": panel.day(49)}


def test_a_shift_opens_one_episode_and_names_its_reasons() -> None:
    panel = poisson_panel(30, 120, mean=80)
    panel.values[3, 100:107] = np.round(panel.values[3, 100:107] * 2.2)
    found = detect(panel, panel.day(90), {})
    (episode,) = [each for each in found.episodes if each.series == "s0003" and each.direction > 0]
    assert episode.start == panel.day(100)
    assert episode.tier == "confirmed"
    assert "scan_3" in episode.reasons
    rows = found.verdicts[(found.verdicts["series"] == "s0003") & found.verdicts["flagged"]]
    assert (rows["reason"] != "").all()


def test_noise_alone_is_seldom_flagged() -> None:
    panel = poisson_panel(300, 120)
    verdicts = detect(panel, panel.day(60), {}).verdicts
    assert verdicts["is_anomaly"].mean() < 0.03
    assert verdicts["flagged"].mean() < 0.002


@pytest.mark.parametrize("first", [27, 100])
def test_a_first_day_that_cannot_be_judged_is_refused_with_those_that_can(first: int) -> None:
    panel = poisson_panel(3, 100)
    with pytest.raises(PanelError, match=r"Choose a day from 2025-02-03 to 2025-04-15"):
        detect(panel, panel.first_day + timedelta(days=first), {})


def test_a_file_that_is_too_short_is_refused_with_the_remedy() -> None:
    with pytest.raises(PanelError, match="Give a longer history"):
        default_first_day(panel_of(np.ones((2, 28))))


def test_a_day_of_1200_series_is_judged_within_five_seconds() -> None:
    panel = poisson_panel(1_200, 200)
    origins = [panel.day(column) for column in range(19, 199)]
    mean = panel.values.mean(axis=1)
    points = {origin: {"m": np.repeat(mean[:, None], 30, axis=1)} for origin in origins}
    past = PastForecasts(panel.series, 30).extended(points)
    low, high = panel.values * 0 + mean[:, None] * 0.6, panel.values * 0 + mean[:, None] * 1.4
    started = time.process_time()
    expected = expected_as_issued(panel, past, past.forecasts["m"], low, high)
    table = verdict_table(panel, expected, judge(expected), 199)
    assert time.process_time() - started < 5
    assert len(table) == 1_200


def test_a_year_that_is_longer_than_the_walk_needs_is_walked_only_as_far_as_it_looks_back() -> None:
    panel = poisson_panel(5, 700)
    walked: list[date] = []
    detect(panel, panel.day(690), {}, on_day=walked.append)
    assert len(walked) == 700 - (690 - 60 - 180)
    assert walked[-1] == panel.last_day
