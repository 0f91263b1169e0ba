from __future__ import annotations

from datetime import date

import numpy as np
import pandas as pd
import pytest

from nyc311_assets.pipeline.forecasting.panel import PanelError, read_panel


def table(*rows: tuple[object, object, object]) -> pd.DataFrame:
    return pd.DataFrame(rows, columns=["series", "ds", "y"])


def test_rows_in_any_order_become_series_by_days() -> None:
    panel = read_panel(
        table(("b", "2024-01-02", 5), ("a", "2024-01-03", 3), ("a", "2024-01-01", "1"))
    )
    assert panel.series == ("a", "b")
    assert (panel.first_day, panel.last_day) == (date(2024, 1, 1), date(2024, 1, 3))
    np.testing.assert_array_equal(panel.values, [[1, np.nan, 3], [np.nan, 5, np.nan]])


def test_missing_days_are_reported_and_are_not_zero() -> None:
    panel = read_panel(
        table(("a", "2024-01-01", 1), ("a", "2024-01-04", 2), ("b", "2024-01-02", 0))
    )
    assert panel.missing_days() == {"a": (date(2024, 1, 2), date(2024, 1, 3))}


def test_an_empty_count_is_unknown() -> None:
    panel = read_panel(table(("a", "2024-01-01", 1), ("a", "2024-01-02", None)))
    assert np.isnan(panel.values[0, 1])


def test_nothing_after_a_day_is_left_of_what_was_known_then() -> None:
    panel = read_panel(table(("a", "2024-01-01", 1), ("a", "2024-01-02", 2)))
    assert panel.until(date(2024, 1, 1)).values.tolist() == [[1.0]]
    with pytest.raises(PanelError, match="begin on 2024-01-01"):
        panel.until(date(2023, 12, 31))


@pytest.mark.parametrize(
    ("frame", "message"),
    [
        (pd.DataFrame({"series": ["a"], "y": [1]}), "no column ds; there are series, y"),
        (pd.DataFrame({"series": [], "ds": [], "y": []}), "no rows"),
        (table(("a", "2024-01-01", -1)), r"negative y: a 2024-01-01: -1"),
        (table(("a", "2024-01-01", "many")), r"no number: a 2024-01-01: many"),
        (table(("a", "2024-01-01", "inf")), "no number"),
        (table(("a", "2024-01-01", "nan")), "no number"),
        (table(("a", "yesterday", 1)), "a ds that is no day: yesterday"),
        (table(("a", None, 1)), r"a ds that is no day: \(empty\)"),
        (table(("a", "2024-01-01T05:00", 1)), "time of day"),
        (table(("a", "2024-01-01T00:00+00:00", 1)), "time zone"),
        (table((" ", "2024-01-01", 1)), "an empty series name: row 1"),
        (
            table(("a", "2024-01-01", 1), ("b", "2024-01-01", 1), ("a", "2024-01-01", 1)),
            "2 rows have more than one row for a series and day: a 2024-01-01",
        ),
    ],
)
def test_what_breaks_a_rule_is_named_with_the_remedy(frame: pd.DataFrame, message: str) -> None:
    with pytest.raises(PanelError, match=message):
        read_panel(frame)


def test_many_wrong_rows_are_counted_and_some_are_shown() -> None:
    rows = [("a", f"2024-01-{day:02d}", -1) for day in range(1, 10)]
    with pytest.raises(PanelError, match=r"9 rows have a negative y: .* and 6 more"):
        read_panel(table(*rows))
