from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta

import pytest

from nyc311_assets.local.feed.synthetic.source import SyntheticSource
from nyc311_assets.pipeline.checks.lateness import Arrivals, check_lateness
from nyc311_assets_tests.pipeline.checks.synthetic import (
    Arrived,
    arrived,
    nightly_pulls,
    without_publication,
)

FIRST = date(2025, 1, 1)


@pytest.fixture(scope="module")
def days() -> Arrived:
    return arrived(SyntheticSource(), FIRST, 70)


def test_the_lateness_measured_at_the_source_is_as_usual_every_night(days: Arrived) -> None:
    pulls = nightly_pulls(days)
    verdicts = [check_lateness(pulls, day) for day in pulls]
    assert [verdict for verdict in verdicts if not verdict.passed] == []
    assert sum("not_judged" not in verdict.figures for verdict in verdicts) >= 56


def test_a_publication_that_does_not_come_is_found_and_so_is_the_one_that_catches_up(
    days: Arrived,
) -> None:
    missing = FIRST + timedelta(days=50)
    pulls = nightly_pulls(without_publication(days, missing))
    failed = [day for day in pulls if not check_lateness(pulls, day).passed]
    assert failed == [missing, missing + timedelta(days=1)]
    figure = str(check_lateness(pulls, failed[1]).figures["ages_unusual"])
    assert figure.startswith("2 days (9")


def test_rows_that_come_much_later_than_usual_are_named_by_their_age(days: Arrived) -> None:
    pulls = nightly_pulls(days)
    day = max(pulls)
    new = dict(pulls[day].new)
    new[4] += round(0.05 * pulls[day].known[4])
    verdict = check_lateness({**pulls, day: replace(pulls[day], new=new)}, day)
    assert not verdict.passed
    assert str(verdict.figures["ages_unusual"]).startswith("4 days (")


def test_another_hour_of_the_run_is_shown_once(days: Arrived) -> None:
    """After the evening's publication a pull has the whole day before; by night it had not."""
    moved_on = FIRST + timedelta(days=50)
    moved: Arrived = {}
    for day, seen in days.items():
        counts = moved.setdefault(day, {})
        for at, rows in seen.items():
            earlier = at - timedelta(days=1) if at > max(day, moved_on) else at
            counts[earlier] = counts.get(earlier, 0) + rows
    pulls = nightly_pulls(moved)
    failed = [day for day in pulls if not check_lateness(pulls, day).passed]
    assert failed == [moved_on + timedelta(days=1)]


def test_a_backfill_is_neither_judged_nor_compared_with(days: Arrived) -> None:
    pulls = nightly_pulls(days)
    day = max(pulls)
    backfill = Arrivals(dict.fromkeys(range(8), 9_000), dict.fromkeys(range(8), 9_000), False)
    verdict = check_lateness({**pulls, day: backfill}, day)
    assert verdict.passed
    assert verdict.figures["not_judged"] == "not a daily pull"
    before = {each: backfill if each < day else arrivals for each, arrivals in pulls.items()}
    assert check_lateness(before, day).figures["not_judged"] == "too little history"
