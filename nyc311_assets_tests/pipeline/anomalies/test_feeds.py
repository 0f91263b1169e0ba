from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path

import numpy as np

from nyc311_assets.pipeline.anomalies.feeds import (
    DOUBLED,
    HALF,
    REPEATED,
    STUCK,
    doubled_days,
    is_half_published,
    repeated_days,
    stuck_days,
    without_bad_days,
)
from nyc311_assets_tests.pipeline.anomalies.series import panel_of, poisson_panel
from nyc311_assets_tests.pipeline.checks.daily import bad_feed


def test_sound_counts_are_left_as_they_are() -> None:
    panel = poisson_panel(200, 150)
    trusted, bad = without_bad_days(panel, ())
    assert bad == ()
    np.testing.assert_array_equal(trusted.values, panel.values)


def test_the_real_flat_lined_feed_is_found_on_each_of_its_days(real_data: Path) -> None:
    days = bad_feed(real_data)
    first, last = min(days), max(days)
    types = sorted({name for counts in days.values() for name in counts})
    values = np.full((len(types), (last - first).days + 1), np.nan)
    for day, counts in days.items():
        values[:, (day - first).days] = [counts.get(name, np.nan) for name in types]
    found = [first + timedelta(days=column) for column in repeated_days(values)]
    assert found == [date(2021, 9, 8) + timedelta(days=ahead) for ahead in range(13)]


def test_a_repeated_day_is_unknown_and_the_days_around_it_are_not() -> None:
    panel = poisson_panel(60, 60)
    panel.values[:, 40] = panel.values[:, 33]
    trusted, bad = without_bad_days(panel, ())
    assert [(each.day, each.what) for each in bad] == [(panel.day(40), REPEATED)]
    assert np.isnan(trusted.values[:, 40]).all()
    assert not np.isnan(np.delete(trusted.values, 40, axis=1)).any()


def test_counts_that_always_come_again_are_no_broken_feed() -> None:
    week = np.arange(100.0, 170.0)[:, None] + np.arange(7)[None, :] * 3
    assert repeated_days(np.tile(week, 12)) == []
    assert repeated_days(np.tile(np.arange(50.0, 120.0)[:, None], 90)) == []


def test_copies_of_one_series_do_not_make_a_repeat() -> None:
    chance = np.random.default_rng(1)
    copies = np.tile(chance.poisson(30, (1, 300)).astype(float), (200, 1))
    assert repeated_days(copies) == []


def test_a_doubled_day_is_found_by_its_even_counts_and_by_its_level() -> None:
    panel = poisson_panel(60, 90)
    panel.values[:, 80] *= 2
    assert doubled_days(panel.values) == [80]
    almost = poisson_panel(60, 90).values
    almost[:, 80] = almost[:, 80] * 2 - 1
    assert doubled_days(almost) == [80]
    _, bad = without_bad_days(panel, ())
    assert [each.what for each in bad] == [DOUBLED]


def test_a_storm_in_some_series_is_no_doubled_feed() -> None:
    values = poisson_panel(60, 90).values
    values[:20, 80] = values[:20, 80] * 4 + 1
    assert doubled_days(values) == []


def test_counts_that_are_even_by_themselves_are_judged() -> None:
    values = 2 * poisson_panel(60, 90).values
    assert doubled_days(values) == []


def test_a_half_published_newest_day_is_not_judged_and_an_older_low_one_is() -> None:
    panel = poisson_panel(60, 90)
    panel.values[:, -1] = np.floor(panel.values[:, -1] * 0.4)
    trusted, bad = without_bad_days(panel, ())
    assert [(each.day, each.what) for each in bad] == [(panel.last_day, HALF)]
    assert np.isnan(trusted.values[:, -1]).all()
    later = np.hstack([panel.values, poisson_panel(60, 1, seed=9).values])
    assert not is_half_published(later)


def test_a_holiday_with_as_little_as_a_sunday_is_judged_and_half_of_it_is_not() -> None:
    panel = poisson_panel(60, 90)
    sundays = [panel.day(day).isoweekday() == 7 for day in range(90)]
    panel.values[:, sundays] = np.floor(panel.values[:, sundays] * 0.8)
    assert panel.last_day.isoweekday() < 7
    panel.values[:, -1] = np.floor(panel.values[:, -1] * 0.5)
    assert [each.what for each in without_bad_days(panel, ())[1]] == [HALF]
    assert without_bad_days(panel, {panel.last_day})[1] == ()
    panel.values[:, -1] = np.floor(panel.values[:, -1] * 0.5)
    assert [each.what for each in without_bad_days(panel, {panel.last_day})[1]] == [HALF]


def test_one_stuck_series_is_named_and_judged_all_the_same() -> None:
    panel = poisson_panel(30, 90)
    panel.values[7, 60:75] = 500.0
    trusted, bad = without_bad_days(panel, ())
    assert {(each.series, each.what) for each in bad} == {("s0007", STUCK)}
    np.testing.assert_array_equal(trusted.values, panel.values)
    assert stuck_days(np.zeros((3, 40))) == []


def test_a_short_file_has_no_bad_days() -> None:
    _, bad = without_bad_days(panel_of(np.array([[5.0]])), ())
    assert bad == ()
