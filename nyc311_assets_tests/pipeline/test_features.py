"""Which days a change of silver touches."""

from __future__ import annotations

from datetime import date, timedelta

import pytest

from nyc311_assets.pipeline.days import days_between
from nyc311_assets.pipeline.features import Scope

FIRST, LAST = date(2016, 1, 1), date(2026, 3, 31)
CHANGED = date(2026, 3, 10)


@pytest.fixture
def scope() -> Scope:
    affected = tuple(days_between(CHANGED, LAST))
    return Scope(FIRST, LAST, frozenset({CHANGED}), affected)


def test_a_changed_day_bears_on_the_backlog_of_the_week_after_it(scope: Scope) -> None:
    assert scope.backlog_days == set(days_between(CHANGED, CHANGED + timedelta(days=7)))


def test_a_backlog_is_counted_from_the_week_before_it(scope: Scope) -> None:
    week = timedelta(days=7)
    assert scope.counted_days == set(days_between(CHANGED - week, CHANGED + week))


def test_nothing_is_counted_beyond_silver_or_the_days_that_are_wanted() -> None:
    scope = Scope(FIRST, FIRST + timedelta(days=2), frozenset({FIRST}), (FIRST,))
    assert scope.backlog_days == scope.counted_days == {FIRST}
    assert scope.days == (FIRST,)


def test_the_days_of_a_long_history_are_worked_out_once(scope: Scope) -> None:
    # They are asked for once per day; ten years' worth of them each time would be quadratic.
    assert scope.backlog_days is scope.backlog_days
    assert scope.counted_days is scope.counted_days
    assert scope.days is scope.days
