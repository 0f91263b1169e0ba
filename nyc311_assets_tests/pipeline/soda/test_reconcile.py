"""What landed against what the source counts."""

from __future__ import annotations

from datetime import date

import pytest

from nyc311_assets.pipeline.soda import EmptyPullError, reconcile

MONDAY, TUESDAY, WEDNESDAY = date(2026, 2, 16), date(2026, 2, 17), date(2026, 2, 18)


def test_a_pull_with_the_counted_rows_on_every_day_is_reconciled() -> None:
    days = reconcile({MONDAY: 10, TUESDAY: 20}, {TUESDAY: 20, MONDAY: 10})

    assert [day.request_date for day in days] == [MONDAY, TUESDAY]
    assert all(day.is_reconciled for day in days)


def test_missing_and_surplus_rows_do_not_cancel_out() -> None:
    days = reconcile({MONDAY: 10, TUESDAY: 20}, {MONDAY: 11, TUESDAY: 19})

    assert not any(day.is_reconciled for day in days)


def test_an_empty_day_stays_open_and_leaves_the_others_alone() -> None:
    days = reconcile({MONDAY: 10, TUESDAY: 0, WEDNESDAY: 7}, {MONDAY: 10, WEDNESDAY: 7})

    assert [day.is_empty for day in days] == [False, True, False]
    assert [day.is_reconciled for day in days] == [True, False, True]


def test_a_day_that_nobody_counted_is_not_reconciled() -> None:
    days = reconcile({MONDAY: 10}, {MONDAY: 10, TUESDAY: 3})

    assert [day.is_reconciled for day in days] == [True, False]


@pytest.mark.parametrize(
    ("expected", "message"),
    [
        ({MONDAY: 10, TUESDAY: 20}, "2026-02-16 to 2026-02-17.* counts 30.* run it again later"),
        ({MONDAY: 0}, "2026-02-16 to 2026-02-16.* counts 0"),
        ({}, "no day at all"),
    ],
)
def test_a_pull_without_any_row_is_an_error(expected: dict[date, int], message: str) -> None:
    with pytest.raises(EmptyPullError, match=message):
        reconcile(expected, dict.fromkeys(expected, 0))
