"""Why a day of a series has no verdict."""

from __future__ import annotations

from datetime import date

import pandas as pd
import pytest

from nyc311_assets.pipeline.ml.judging import why_unjudged

DAY = pd.Timestamp("2026-08-18")
THEN, LATER = date(2026, 8, 17), date(2026, 8, 30)


@pytest.mark.parametrize(
    ("first_issued", "others_forecast", "reason"),
    [
        # A range run also has the series that only grew up after the day.
        (LATER, True, "forecast_later"),
        (DAY.date(), True, "forecast_later"),
        # Forecast before, and not for this day: that forecast is missing.
        (THEN, True, "no_forecast"),
        # Nothing was issued for the day at all.
        (LATER, False, "no_forecast"),
        # Never forecast: it should have been.
        (None, True, "no_forecast"),
    ],
)
def test_a_series_that_was_forecast_only_later_misses_no_forecast(
    first_issued: date | None, others_forecast: bool, reason: str
) -> None:
    table = pd.DataFrame(
        {
            "ds": [DAY, DAY],
            "series": ["of interest", "another"],
            "yhat": [float("nan"), 5.0 if others_forecast else float("nan")],
            "reason": ["no_forecast", "no_forecast"],
        }
    )
    issued = pd.DataFrame(
        [
            {"as_of": as_of, "series": series}
            for as_of, series in ((first_issued, "of interest"), (THEN, "another"))
            if as_of is not None
        ]
    )
    found = why_unjudged(table, issued)
    assert found[0] == reason
    assert found[1] == ("too_few_errors" if others_forecast else "no_forecast")


def test_a_day_that_has_a_verdict_keeps_its_reason() -> None:
    table = pd.DataFrame(
        {"ds": [DAY], "series": ["of interest"], "yhat": [5.0], "reason": ["strong"]}
    )
    issued = pd.DataFrame({"as_of": [THEN], "series": ["of interest"]})
    assert list(why_unjudged(table, issued)) == ["strong"]


def test_without_any_forecast_every_reason_stays() -> None:
    table = pd.DataFrame(
        {
            "ds": [DAY],
            "series": ["of interest"],
            "yhat": [float("nan")],
            "reason": ["no_forecast"],
        }
    )
    issued = pd.DataFrame({"as_of": pd.Series([], dtype=object), "series": []})
    assert list(why_unjudged(table, issued)) == ["no_forecast"]
