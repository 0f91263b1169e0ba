from __future__ import annotations

from datetime import date, timedelta

from nyc311_assets.pipeline.tables import within

FIRST = date(2026, 2, 27)


def day(number: int) -> date:
    return FIRST + timedelta(days=number)


def test_days_in_a_row_are_one_range_and_scattered_days_a_list() -> None:
    assert within([day(2), day(0), day(1), day(1)], "d") == (
        "(d BETWEEN DATE'2026-02-27' AND DATE'2026-03-01')"
    )
    two = within([day(0), day(2)], "d")
    assert two.count("BETWEEN") == 2
    scattered = within((day(2 * number) for number in range(100)), "d")
    assert scattered.startswith("(d BETWEEN DATE'2026-02-27' AND DATE'2026-09-13' AND d IN (")
    assert scattered.count("DATE") == 102
    assert within([]) == "false"
