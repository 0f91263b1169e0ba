from __future__ import annotations

from datetime import date

import numpy as np
import pandas as pd

from nyc311_assets.pipeline.ml.series import Hierarchy, series_table

FIRST = date(2026, 1, 5)


def hierarchy(*leaves: tuple[str, str, str]) -> Hierarchy:
    return Hierarchy.of(pd.DataFrame(leaves, columns=["complaint_type", "borough", "agency"]))


SOME = hierarchy(
    ("Noise", "BRONX", "NYPD"),
    ("Noise", "QUEENS", "NYPD"),
    ("Noise", "QUEENS", "DEP"),
    ("Rodent", "BRONX", "DOHMH"),
    ("Water", "QUEENS", "DEP"),
)


def test_every_level_is_there_and_no_series_twice() -> None:
    levels = dict(zip(SOME.table["series"], SOME.table["level"], strict=True))
    assert levels == {
        "city": "city",
        "borough: BRONX": "borough",
        "borough: QUEENS": "borough",
        "agency: DEP": "agency",
        "agency: DOHMH": "agency",
        "agency: NYPD": "agency",
        "type: Noise": "type",
        "type: Rodent": "type",
        "type: Water": "type",
        "type: Noise | borough: BRONX": "type_borough",
        "type: Noise | borough: QUEENS": "type_borough",
        "type: Noise | borough: QUEENS | agency: NYPD": "leaf",
        "type: Noise | borough: QUEENS | agency: DEP": "leaf",
    }
    # Rodent is the Bronx's alone: the pair would tell the same twice.
    assert "type: Rodent | borough: BRONX" not in levels


def test_a_series_is_the_sum_of_its_leaves() -> None:
    counts = np.array([[5.0] * 30, [7.0] * 30, [2.0] * 30, [1.0] * 30, [4.0] * 30])
    panel = SOME.panel(counts, FIRST)
    values = dict(zip(panel.series, panel.values[:, 0], strict=True))
    assert values["city"] == 19
    assert values["borough: QUEENS"] == 13
    assert values["agency: NYPD"] == 12
    assert values["type: Noise | borough: QUEENS"] == 9


def test_days_before_the_first_request_and_incomplete_days_are_unknown_not_zero() -> None:
    counts = np.full((5, 40), 2.0)
    counts[3, :10] = 0.0
    counts[:, 20] = np.nan
    panel = SOME.panel(counts, FIRST)
    rodent = panel.values[panel.series.index("type: Rodent")]
    assert np.isnan(rodent[:10]).all()
    assert rodent[10] == 2
    assert np.isnan(panel.values[:, 20]).all()


def test_a_retired_series_is_left_out_and_a_rare_pair_too() -> None:
    counts = np.full((5, 200), 2.0)
    counts[3, 100:] = 0.0
    counts[0, -90:] = 0.0
    counts[0, -1] = 27.0
    names = SOME.panel(counts, FIRST).series
    assert "type: Rodent" not in names
    assert "type: Noise | borough: BRONX" not in names
    assert "type: Noise | borough: BRONX" in SOME.panel(counts, FIRST, least_requests=1).series
    counts[0, -1] = 28.0
    assert "type: Noise | borough: BRONX" in SOME.panel(counts, FIRST).series


def test_the_table_of_series_tells_tier_and_days() -> None:
    counts = np.full((5, 100), 2.0)
    counts[3, 50:] = 0.0
    rows = series_table(SOME, counts, FIRST).set_index("series")
    assert rows.loc["city", "tier"] == "3-10"
    assert rows.loc["type: Rodent", "last_day"] == date(2026, 2, 23)
    assert rows.loc["type: Rodent", "volume"] == 0
    assert rows.loc["type: Rodent", "is_active"]
