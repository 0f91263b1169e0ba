from __future__ import annotations

from datetime import date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nyc311_assets.local.feed.soql.binding import bind
from nyc311_assets.local.feed.soql.parser import parse
from nyc311_assets.local.feed.soql.window import Window, window_of


def window(condition: str) -> Window:
    return window_of(bind(parse(f"SELECT * WHERE {condition}"), "erm2-nwe9").where)


JUNE_1, JUNE_2 = date(2026, 6, 1), date(2026, 6, 2)


@pytest.mark.parametrize(
    ("condition", "expected"),
    [
        (
            "created_date >= '2026-06-01' AND created_date < '2026-06-03'",
            Window(JUNE_1, JUNE_2, True),
        ),
        (
            "'2026-06-01' <= created_date AND '2026-06-03T00:00:00' > created_date",
            Window(JUNE_1, JUNE_2, True),
        ),
        (
            "created_date >= '2026-06-01' AND created_date < '2026-06-02T01:00:00'",
            Window(JUNE_1, JUNE_2),
        ),
        ("created_date > '2026-06-01' AND created_date <= '2026-06-02'", Window(JUNE_1, JUNE_2)),
        ("created_date BETWEEN '2026-06-01' AND '2026-06-02T12:00:00'", Window(JUNE_1, JUNE_2)),
        ("created_date = '2026-06-01T05:06:07'", Window(JUNE_1, JUNE_1)),
        ("date_trunc_ymd(created_date) = '2026-06-01'", Window(JUNE_1, JUNE_1)),
        ("date_trunc_ymd(created_date) < '2026-06-02'", Window(None, JUNE_2)),
        ("created_date = '2026-06-01' OR created_date = '2026-06-02'", Window(JUNE_1, JUNE_2)),
        ("created_date > '2026-06-01' OR agency = 'DOT'", Window()),
        ("created_date >= '2026-06-01' AND agency = 'DOT'", Window(JUNE_1)),
        ("NOT created_date > '2026-06-01'", Window()),
        (
            "created_date IS NULL OR created_date >= '2026-06-01' AND created_date < '2026-06-03'",
            Window(JUNE_1, JUNE_2),
        ),
        ("created_date < '2026-06-02' OR created_date IS NULL", Window(None, JUNE_1)),
        ("created_date IS NULL OR agency = 'DOT'", Window()),
        ("NOT (created_date IS NULL)", Window()),
        ("created_date IS NOT NULL", Window()),
        ("closed_date IS NULL", Window()),
        ("closed_date > '2026-06-01'", Window()),
        ("created_date > closed_date", Window()),
        ("true", Window()),
    ],
)
def test_the_days_of_a_condition_follow_from_its_comparisons(
    condition: str, expected: Window
) -> None:
    assert window(condition) == expected


def test_no_condition_holds_on_every_day() -> None:
    assert window_of(None) == Window(is_whole=True)
    assert window_of(None).within((JUNE_1, JUNE_2)) == (JUNE_1, JUNE_2)
    assert Window(first=JUNE_2).within((JUNE_1, JUNE_1)) is None


@pytest.mark.parametrize(
    "condition",
    [
        "created_date IS NULL",
        "date_trunc_ymd(created_date) IS NULL",
        "created_date IS NULL AND agency = 'DOT'",
        "created_date >= '2026-06-01' AND created_date IS NULL",
        "created_date IS NULL OR created_date IS NULL",
    ],
)
def test_no_day_has_a_row_without_created_date(condition: str) -> None:
    assert window(condition).within((date.min, date.max)) is None


moments = st.datetimes(datetime(2026, 6, 1), datetime(2026, 6, 5)).map(
    lambda moment: moment.replace(microsecond=0)
)
comparisons = st.tuples(st.sampled_from(["<", "<=", ">", ">=", "="]), moments)


def holds(operator: str, left: datetime, right: datetime) -> bool:
    return {
        "<": left < right,
        "<=": left <= right,
        ">": left > right,
        ">=": left >= right,
        "=": left == right,
    }[operator]


@given(first=comparisons, second=comparisons, word=st.sampled_from(["AND", "OR"]), row=moments)
def test_no_row_that_fits_is_outside_the_window(
    first: tuple[str, datetime], second: tuple[str, datetime], word: str, row: datetime
) -> None:
    text = f" {word} ".join(
        f"created_date {operator} '{moment.isoformat()}'" for operator, moment in (first, second)
    )
    fits = [holds(operator, row, moment) for operator, moment in (first, second)]
    found = window(text)
    inside = found.within((row.date(), row.date())) is not None
    if all(fits) if word == "AND" else any(fits):
        assert inside
    elif found.is_whole:
        assert not inside


def test_a_whole_window_holds_every_row_of_its_days() -> None:
    found = window("created_date >= '2026-06-01' AND created_date < '2026-06-02'")
    assert found.is_whole
    assert found.within((JUNE_1 - timedelta(days=9), JUNE_2)) == (JUNE_1, JUNE_1)
