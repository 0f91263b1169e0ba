from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from nyc311_assets.pipeline.anomalies.rules import REASONS, Verdicts, judge
from nyc311_assets_tests.pipeline.anomalies.series import level_expectations


def reasons(verdicts: Verdicts, day: int) -> set[str]:
    return {name for name in REASONS if verdicts.reasons[name][0, day]}


def test_a_usual_day_is_nothing() -> None:
    verdicts = judge(level_expectations([100.0] * 10))
    assert not verdicts.flagged.any()
    assert (verdicts.direction == 0).all()


def test_a_spike_is_on_watch_on_its_first_day_and_not_confirmed() -> None:
    verdicts = judge(level_expectations([100.0] * 10 + [300.0]))
    assert verdicts.watch[0, -1]
    assert not verdicts.confirmed.any()
    assert reasons(verdicts, -1) == {"spike", "spike_over_last_week"}
    assert verdicts.direction[0, -1] == 1
    assert verdicts.excess[0, -1] == 200


@pytest.mark.parametrize(
    ("mean", "actual", "is_watched"),
    [(2.0, 11.0, False), (2.0, 13.0, True), (1_000.0, 1_190.0, False), (100.0, 149.0, False)],
)
def test_a_watch_needs_an_excess_and_a_ratio(mean: float, actual: float, is_watched: bool) -> None:
    expected = level_expectations([actual], mean)
    expected = replace(expected, dispersion=np.full((1, 1), 1e-6))
    assert judge(expected).watch[0, 0] == is_watched


def test_a_busy_series_is_watched_from_a_fifth_more_on() -> None:
    expected = replace(level_expectations([1_250.0], 1_000.0), dispersion=np.full((1, 1), 1e-4))
    assert judge(expected).watch[0, 0]
    small = replace(level_expectations([1_200.0], 960.0), dispersion=np.full((1, 1), 1e-4))
    assert not judge(small).watch[0, 0]


def test_the_frozen_level_sees_what_yesterdays_forecast_has_learnt() -> None:
    expected = level_expectations([100.0, 220.0])
    adapted = expected.yhat.copy()
    adapted[0, 1] = 200.0
    verdicts = judge(replace(expected, yhat=adapted, high=adapted * 1.2))
    assert reasons(verdicts, 1) == {"spike_over_last_week"}
    assert verdicts.excess[0, 1] == 120


def test_three_days_in_a_row_above_the_band_confirm_on_the_third() -> None:
    verdicts = judge(level_expectations([100.0] * 7 + [123.0] * 4))
    assert verdicts.run_length[0, -4:].tolist() == [1, 2, 3, 4]
    assert verdicts.confirmed[0, -4:].tolist() == [False, False, True, True]
    assert "run" in reasons(verdicts, -1)


@pytest.mark.parametrize("gap", [np.nan, 100.0])
def test_a_missing_or_a_usual_day_breaks_the_run(gap: float) -> None:
    verdicts = judge(level_expectations([100.0] * 7 + [121.0, 121.0, gap, 121.0, 121.0]))
    assert verdicts.run_length[0, -5:].tolist() == [1, 2, 0, 1, 2]
    assert not verdicts.confirmed.any()


def test_a_missing_day_has_no_verdict() -> None:
    verdicts = judge(level_expectations([100.0, np.nan, 100.0]))
    assert verdicts.is_judged[0].tolist() == [True, False, True]
    assert np.isnan(verdicts.z[0, 1])


def test_a_day_without_enough_history_or_without_a_forecast_has_no_verdict() -> None:
    expected = level_expectations([300.0, 300.0, 300.0])
    expected.known_days[0, 0] = 27
    expected.yhat[0, 1] = np.nan
    assert judge(expected).is_judged[0].tolist() == [False, False, True]
    assert judge(expected).flagged[0].tolist() == [False, False, True]


def test_days_that_are_high_together_are_confirmed_though_none_is_a_spike() -> None:
    verdicts = judge(level_expectations([100.0] * 60 + [160.0, 161.0, 160.0]))
    assert not verdicts.watch.any()
    assert "scan_3" in reasons(verdicts, -1)


def test_what_has_passed_confirms_nothing() -> None:
    verdicts = judge(level_expectations([100.0] * 60 + [190.0, 190.0, 190.0, 95.0, 95.0]))
    assert verdicts.confirmed[0, -3]
    assert not verdicts.confirmed[0, -2:].any()


def test_a_deep_drop_is_on_watch_and_a_shallow_one_is_not() -> None:
    deep = judge(level_expectations([100.0] * 10 + [45.0]))
    assert reasons(deep, -1) == {"drop"}
    assert deep.watch[0, -1]
    assert deep.direction[0, -1] == -1
    assert deep.excess[0, -1] == -55
    assert not judge(level_expectations([100.0] * 10 + [75.0])).flagged.any()


def test_low_days_in_a_row_are_confirmed() -> None:
    verdicts = judge(level_expectations([100.0] * 60 + [55.0, 56.0, 55.0]))
    assert reasons(verdicts, -1) == {"drop", "drop_run", "drop_scan_3"}
    assert verdicts.confirmed[0, -1]
    assert not verdicts.confirmed[0, :61].any()
    assert verdicts.direction[0, -1] == -1
    assert verdicts.run_length[0, -1] == 3


def test_days_a_little_low_in_a_row_are_no_news() -> None:
    verdicts = judge(level_expectations([100.0] * 60 + [75.0] * 4))
    assert verdicts.run_length[0, -1] == 4
    assert not verdicts.flagged.any()


def test_a_rise_in_one_direction_never_continues_a_drop() -> None:
    verdicts = judge(level_expectations([100.0] * 10 + [70.0, 70.0, 130.0]))
    assert verdicts.run_length[0, -3:].tolist() == [1, 2, 1]
    assert not verdicts.confirmed[0, -1]


def test_a_holiday_must_be_abnormal_as_a_holiday_and_as_a_usual_day() -> None:
    def judged(actual: float) -> Verdicts:
        expected = level_expectations([100.0] * 10 + [actual])
        for forecast in (expected.yhat, expected.holiday):
            forecast[0, -1] *= 0.4
        return judge(expected)

    assert not judged(100.0).flagged.any()
    assert judged(70.0).z[0, -1] == pytest.approx(0, abs=0.1)
    assert judged(300.0).watch[0, -1]
    assert judged(300.0).excess[0, -1] == pytest.approx(200)
    assert judged(5.0).watch[0, -1]
