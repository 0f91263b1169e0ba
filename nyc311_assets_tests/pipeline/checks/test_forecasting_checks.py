"""Checks of models, forecasts and verdicts: each passes and fails for the reason that it names."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import numpy as np
import pandas as pd
import pytest

from nyc311_assets.pipeline.checks.anomalies import ANOMALY_CHECKS, check_verdicts
from nyc311_assets.pipeline.checks.forecasts import (
    FORECAST_CHECKS,
    check_accuracy,
    check_issued,
)
from nyc311_assets.pipeline.checks.models import MODEL_CHECKS, check_model
from nyc311_assets.pipeline.checks.spec import Verdict
from nyc311_assets.pipeline.forecasting.anchored_prophet import ProphetFits
from nyc311_assets.pipeline.forecasting.drift import Drift
from nyc311_assets.pipeline.ml.accuracy import SUMS
from nyc311_assets.pipeline.ml.outcomes import (
    CARRIED,
    TRAINED,
    WAITING,
    Decision,
    IssuedDay,
    JudgedDay,
    Served,
    Trained,
    Version,
)

DAY = date(2026, 3, 30)


def failed(verdicts: Iterable[Verdict]) -> set[str]:
    return {each.spec.name for each in verdicts if not each.passed}


def named(verdicts: Iterable[Verdict]) -> set[str]:
    return {each.spec.name for each in verdicts}


def unjudged(verdicts: Iterable[Verdict]) -> set[str]:
    return {each.spec.name for each in verdicts if each.figures.get("judged") is False}


# Models


def trained(promoted: bool = True, failures: int = 0) -> Trained:
    series = tuple(f"s{number}" for number in range(100))
    fits = ProphetFits(
        DAY, series, (), DAY, np.empty((100, 0)), dict.fromkeys(series[:failures], "no")
    )
    decision = Decision(promoted, "loses to the incumbent", {"challenger": 0.7})
    return Trained(DAY, DAY - timedelta(days=89), {}, False, {}, fits, decision)


def served(**fields: Any) -> Served:
    version = Version(DAY, "3", True, {}, False)
    return replace(
        Served(DAY, DAY, version, TRAINED, "weekly", Drift(1.0, 50), trained(), True), **fields
    )


@pytest.mark.parametrize(
    ("fields", "names"),
    [
        ({}, set()),
        ({"trained": trained(promoted=False)}, {"training_accepted"}),
        ({"trained": trained(failures=5)}, set()),
        ({"trained": trained(failures=6)}, {"fits_succeed"}),
        ({"registered": False}, {"model_registered"}),
        ({"drift": Drift(1.5, 50)}, {"errors_not_drifting"}),
        ({"as_of": DAY + timedelta(days=35)}, set()),
        ({"as_of": DAY + timedelta(days=36)}, {"model_in_service"}),
        (
            {"version": None, "trained": trained(promoted=False)},
            {"training_accepted", "model_in_service"},
        ),
    ],
)
def test_what_is_wrong_with_a_model_is_named(fields: dict[str, Any], names: set[str]) -> None:
    verdicts = check_model(served(**fields))
    assert failed(verdicts) == names
    assert named(verdicts) == {spec.name for spec in MODEL_CHECKS}


def test_on_a_day_without_training_its_checks_are_not_judged() -> None:
    carried = check_model(served(trained=None, action=CARRIED))
    assert unjudged(carried) == {"training_accepted", "fits_succeed", "model_registered"}
    waiting = served(trained=None, version=None, action=WAITING, drift=None)
    assert unjudged(check_model(waiting)) == {spec.name for spec in MODEL_CHECKS}


# Forecasts


def issued(**fields: Any) -> IssuedDay:
    return replace(
        IssuedDay(DAY, DAY, 3000, 100, {}, 0, {"prophet": 100}, 0, 0, 70_000.0, True), **fields
    )


@pytest.mark.parametrize(
    ("fields", "names"),
    [
        ({}, set()),
        ({"bad_rows": 1}, {"bands_sound"}),
        ({"short_series": 1}, {"horizon_whole"}),
        ({"as_of": DAY + timedelta(days=1)}, {"no_look_ahead"}),
        ({"skipped": {f"s{number}": "silent" for number in range(5)}}, set()),
        ({"skipped": {f"s{number}": "silent" for number in range(6)}}, {"forecasts_issued"}),
        ({"series": 0}, {"forecasts_issued"}),
        ({"series": 0, "young": 80}, set()),
    ],
)
def test_what_is_wrong_with_forecasts_is_named(fields: dict[str, Any], names: set[str]) -> None:
    assert failed(check_issued([issued(**fields)], DAY)) == names


def test_forecasts_of_other_partitions_do_not_count() -> None:
    other = issued(partition=DAY - timedelta(days=1), bad_rows=9)
    verdicts = check_issued([other], DAY)
    assert not failed(verdicts)
    assert len(unjudged(verdicts)) == 4


def accuracy(*, days: int = 20, **sums: Any) -> pd.DataFrame:
    usual = {
        "forecasts": 700,
        "inside": 665,
        "error": 490.0,
        "naive_error": 700.0,
        "weekday_mean_error": 600.0,
        "percent_error": 20.0,
        "percent_forecasts": 100,
        "city_percent_error": 0.7,
        "city_forecasts": 7,
    }
    assert set(usual) == set(SUMS)
    rows = [
        {"as_of": DAY - timedelta(days=7 + number), "tier": "100+", **usual, **sums}
        for number in range(days)
    ]
    return pd.DataFrame(rows)


@pytest.mark.parametrize(
    ("sums", "names"),
    [
        ({}, set()),
        ({"inside": 640}, {"coverage_as_promised"}),
        ({"inside": 690}, {"coverage_as_promised"}),
        ({"error": 610.0}, {"beats_baselines"}),
        ({"naive_error": 480.0}, {"beats_baselines"}),
        ({"city_percent_error": 1.1}, {"mape_where_volume_allows"}),
    ],
)
def test_forecasts_that_did_badly_are_named(sums: dict[str, Any], names: set[str]) -> None:
    assert failed(check_accuracy(accuracy(**sums), DAY)) == names


def test_few_days_and_days_to_come_are_not_judged() -> None:
    names = {"coverage_as_promised", "beats_baselines", "mape_where_volume_allows"}
    assert unjudged(check_accuracy(accuracy(days=13), DAY)) == names
    assert unjudged(check_accuracy(accuracy(), DAY - timedelta(days=10))) == names
    assert not unjudged(check_accuracy(accuracy(), DAY))
    assert names < {spec.name for spec in FORECAST_CHECKS}


# Verdicts


def judged(number: int = 0, **fields: Any) -> JudgedDay:
    return replace(JudgedDay(DAY - timedelta(days=number), 900, 20, 2, 1, {}, 0), **fields)


@pytest.mark.parametrize(
    ("fields", "names"),
    [
        ({}, set()),
        ({"late_forecasts": 1}, {"judged_by_earlier_forecasts"}),
        ({"unjudged": {"no_forecast": 100, "too_little_history": 700}}, set()),
        ({"unjudged": {"no_forecast": 101}}, {"complete_days_judged"}),
    ],
)
def test_what_is_wrong_with_verdicts_is_named(fields: dict[str, Any], names: set[str]) -> None:
    history = [judged(number) for number in range(1, 28)]
    mine = judged(**fields)
    verdicts = check_verdicts([mine], [DAY], [*history, mine])
    assert failed(verdicts) == names
    assert named(verdicts) == {spec.name for spec in ANOMALY_CHECKS}


@pytest.mark.parametrize(
    ("fields", "name"), [({"above": 46}, "share_above_band"), ({"watch": 5}, "share_on_watch")]
)
def test_one_loud_day_is_news_and_a_loud_month_is_a_fault(
    fields: dict[str, Any], name: str
) -> None:
    quiet = [judged(number) for number in range(1, 28)]
    loud = judged(**fields)
    assert not failed(check_verdicts([loud], [DAY], [*quiet, loud]))
    always = [judged(number, **fields) for number in range(28)]
    assert failed(check_verdicts(always[:1], [DAY], always)) == {name}


def test_without_a_complete_day_nothing_is_judged() -> None:
    verdicts = check_verdicts([], [DAY], [])
    assert unjudged(verdicts) == {spec.name for spec in ANOMALY_CHECKS}
