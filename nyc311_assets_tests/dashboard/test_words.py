"""The sentences of Today."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path

from nyc311_assets.dashboard.queries.episodes import read_changes, read_queue
from nyc311_assets.dashboard.queries.freshness import read_freshness
from nyc311_assets.dashboard.queries.headlines import DayVerdicts
from nyc311_assets.dashboard.queries.lakehouse import Lakehouse
from nyc311_assets.dashboard.queries.series import SeriesDay
from nyc311_assets.dashboard.series.chart import chart_rows
from nyc311_assets.dashboard.today import words
from nyc311_assets_tests.dashboard.lakehouses import NEWEST

CALM = DayVerdicts(9000.0, 9100.0, 8000.0, 10000.0, 1187, 13, 0, 0)


def test_the_sentence_names_how_many_how_new_and_the_worst(small_home: Path) -> None:
    small = Lakehouse(str(small_home / "lakehouse"))
    queue, changes = read_queue(small, since=NEWEST), read_changes(small, NEWEST)
    assert words.sentence(NEWEST, CALM, queue, changes) == (
        "2 series are abnormally high; 1 new since yesterday; worst: Rodent, Bronx, 4 days, +212."
    )


def test_calm_is_said_with_what_was_checked() -> None:
    assert words.sentence(date(2026, 10, 29), CALM, [], None) == (
        "Nothing above its expected range on Thu 29 Oct. 1,187 series checked, 13 not scored "
        "(too little history)."
    )


def test_series_above_their_band_without_an_alert_are_told_beside_chance() -> None:
    some = replace(CALM, above=13)
    assert words.sentence(date(2026, 10, 29), some, [], None) == (
        "No alert on Thu 29 Oct: 13 of 1,187 series are above their band, about 30 would be by "
        "chance."
    )


def test_no_complete_day_is_no_all_clear() -> None:
    assert "nothing can be said" in words.sentence(None, None, [], None)


def test_late_data_is_no_all_clear(small_home: Path) -> None:
    freshness = read_freshness(Lakehouse(str(small_home / "lakehouse")))
    assert words.late(freshness, NEWEST + timedelta(days=3), 3) is None
    told = words.late(freshness, NEWEST + timedelta(days=4), 3)
    assert told is not None and "no alert is not all-clear" in told


def test_lags_and_places_read_as_people_say_them() -> None:
    assert words.lag_words(timedelta(minutes=25)) == "25 min"
    assert words.lag_words(timedelta(minutes=190)) == "3 h 10 min"
    assert words.place("type: Rodent | borough: STATEN ISLAND | agency: DOHMH") == (
        "Rodent", "Staten Island · DOHMH",
    )  # fmt: skip
    assert words.place("agency: DPR") == ("All requests", "DPR")


def test_no_data_is_never_zero_in_the_chart() -> None:
    days = [SeriesDay(date(2026, 10, 1), None, True, True, None)]
    [row] = chart_rows(days).to_pylist()
    assert (row["actual"], row["settled"]) == (None, "no data")
