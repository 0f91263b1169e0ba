"""The checks of volume walk forward through the real daily files."""

from __future__ import annotations

from pathlib import Path

import pytest

from nyc311_assets_tests.pipeline.checks.daily import all_categories, fifteen_types, three_types
from nyc311_assets_tests.pipeline.checks.walk import CHECKS, Walk, walk


@pytest.fixture(scope="module")
def walks(real_data: Path) -> dict[tuple[str, str], Walk]:
    series = {
        "15 types": fifteen_types(real_data),
        "3 types": three_types(real_data),
        "10 categories": all_categories(real_data),
    }
    return {(name, key): walk(name, days) for name in CHECKS for key, days in series.items()}


@pytest.mark.parametrize("name", list(CHECKS))
def test_a_check_is_quiet_on_real_days(walks: dict[tuple[str, str], Walk], name: str) -> None:
    mine = [result for (check, _), result in walks.items() if check == name]
    judged = sum(result.days for result in mine)
    alarms = [day for result in mine for day in result.alarms]
    assert judged >= 180
    assert len(alarms) <= judged / 100, alarms


def test_on_no_good_day_be_it_a_holiday_is_the_volume_unusual(
    walks: dict[tuple[str, str], Walk],
) -> None:
    assert [result.alarms for (name, _), result in walks.items() if name == "volume_as_usual"] == [
        (),
        (),
        (),
    ]


@pytest.mark.parametrize(
    ("name", "series", "trouble", "share"),
    [
        ("volume_as_usual", "10 categories", "half a feed", 0.87),
        ("volume_as_usual", "10 categories", "doubled", 1.0),
        ("volume_as_usual", "15 types", "half a feed", 0.85),
        ("volume_as_usual", "15 types", "doubled", 0.85),
        ("not_flat_lined", "15 types", "yesterday again", 1.0),
        ("not_flat_lined", "15 types", "last week again", 1.0),
        ("not_flat_lined", "10 categories", "yesterday again", 1.0),
        ("types_as_usual", "15 types", "busiest type gone", 0.98),
        ("types_as_usual", "10 categories", "busiest type gone", 1.0),
    ],
)
def test_trouble_is_found_on_the_real_days_it_is_injected_into(
    walks: dict[tuple[str, str], Walk], name: str, series: str, trouble: str, share: float
) -> None:
    result = walks[name, series]
    assert result.found[trouble] >= share * result.days
