from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from pathlib import Path

import pytest

from nyc311_assets.pipeline.checks.composition import (
    NEW_VALUE_SHARE,
    RejectCounts,
    check_rejects,
    check_vocabulary,
    newcomers,
)
from nyc311_assets.pipeline.checks.history import vocabulary
from nyc311_assets.pipeline.checks.nulls import NullCounts, check_null_rates, null_shares
from nyc311_assets.pipeline.cities import NEW_YORK

DAY = date(2026, 3, 30)
COLUMNS = ("complaint_type", "agency", "borough")
WATCHED = ("descriptor", "location_type", "incident_zip", "city", "latitude", "longitude")
Row = Mapping[str, str]


@pytest.fixture(scope="module")
def snapshots(real_data: Path) -> list[list[Row]]:
    """Five real pulls of 10,000 rows, a week or so apart."""
    pulls: list[list[Row]] = []
    for path in sorted((real_data / "rows" / "weekly_snapshots_2026").glob("snapshot_*.csv")):
        with path.open(newline="", encoding="utf-8") as file:
            pulls.append(list(csv.DictReader(file)))
    return pulls


def values_of(rows: Sequence[Row]) -> dict[str, dict[str, int]]:
    return {name: dict(Counter(row[name] for row in rows if row[name])) for name in COLUMNS}


def nulls_of(rows: Sequence[Row]) -> dict[str, NullCounts]:
    sizes = Counter(row["complaint_type"] for row in rows)
    empty = Counter(
        (row["complaint_type"], name) for row in rows for name in WATCHED if not row[name]
    )
    return {
        kind: NullCounts(size, {name: empty[kind, name] for name in WATCHED})
        for kind, size in sizes.items()
    }


def test_real_pulls_bring_few_new_values_and_a_new_type_of_five_percent_is_found(
    snapshots: list[list[Row]],
) -> None:
    for number in range(1, len(snapshots)):
        rows = snapshots[number]
        before = [values_of(earlier) for earlier in snapshots[:number]]
        for new in newcomers(values_of(rows), before, {}).values():
            assert sum(new.values()) <= NEW_VALUE_SHARE * len(rows)
        renamed = [
            {**row, "complaint_type": "Drone Noise"} if index % 20 == 0 else row
            for index, row in enumerate(rows)
        ]
        new_types = newcomers(values_of(renamed), before, {})["complaint_type"]
        assert new_types["Drone Noise"] == len(rows) / 20 > NEW_VALUE_SHARE * len(rows)


def test_real_null_shares_are_as_usual_and_a_column_emptied_in_five_percent_is_named(
    snapshots: list[list[Row]],
) -> None:
    for number in range(1, len(snapshots)):
        before = [nulls_of(earlier) for earlier in snapshots[:number]]
        assert all(share.is_usual for share in null_shares(nulls_of(snapshots[number]), before))
        for column in WATCHED:
            spoiled = [
                {**row, column: ""} if index % 15 == 0 else row
                for index, row in enumerate(snapshots[number])
            ]
            unusual = [
                share.column
                for share in null_shares(nulls_of(spoiled), before)
                if not share.is_usual
            ]
            assert unusual == [column]


def week(counts: NullCounts, kind: str = "Noise") -> dict[date, dict[str, NullCounts]]:
    return {DAY - timedelta(days=age): {kind: counts} for age in range(1, 8)}


def test_a_storm_of_requests_without_a_value_is_not_an_unusual_null_rate() -> None:
    trees = NullCounts(100, {"bbl": 60})
    noise = NullCounts(900, {"bbl": 9})
    before = {day: {**counts, "Trees": trees} for day, counts in week(noise).items()}
    storm = {**before, DAY: {"Noise": noise, "Trees": NullCounts(13_908, {"bbl": 8_345})}}
    assert check_null_rates(storm, DAY).passed
    broken = {**before, DAY: {"Noise": NullCounts(900, {"bbl": 90}), "Trees": trees}}
    verdict = check_null_rates(broken, DAY)
    assert not verdict.passed
    assert verdict.figures["columns_unusual"] == "bbl (15.0%, usually 6.9%)"


def test_a_column_that_is_suddenly_always_filled_is_unusual_too() -> None:
    days = {**week(NullCounts(1000, {"bbl": 200})), DAY: {"Noise": NullCounts(1000, {"bbl": 0})}}
    assert not check_null_rates(days, DAY).passed


def test_a_new_type_is_named_and_one_the_city_knows_of_is_not_new() -> None:
    usual = {
        "complaint_type": {"Noise - Residential": 900},
        "agency": {"NYPD": 900},
        "borough": {"BRONX": 900},
        "status": {"Open": 900},
    }
    before = {DAY - timedelta(days=age): usual for age in range(1, 8)}
    today = {
        "complaint_type": {"Noise - Residential": 850, "Snow or Ice": 20, "Drone Noise": 50},
        "agency": {"NYPD": 915, "FAA": 5},
        "borough": {"BRONX": 900, "UNSPECIFIED": 20},
        "status": {"Open": 900, "Lost": 20},
    }
    verdict = check_vocabulary({**before, DAY: today}, DAY, vocabulary(NEW_YORK))
    assert not verdict.passed
    assert verdict.figures["new_in_complaint_type"] == "Drone Noise (50)"
    assert verdict.figures["new_in_status"] == "Lost (20)"
    assert verdict.figures["new_in_agency"] == "FAA (5)"
    assert "new_in_borough" not in verdict.figures


def test_a_few_rows_of_a_new_value_pass_and_are_named() -> None:
    before = {DAY - timedelta(days=age): {"agency": {"NYPD": 900}} for age in range(1, 8)}
    verdict = check_vocabulary({**before, DAY: {"agency": {"NYPD": 996, "FAA": 4}}}, DAY, {})
    assert verdict.passed
    assert verdict.figures["new_in_agency"] == "FAA (4)"


def test_rejects_fail_by_their_share_or_by_one_reason_that_is_new() -> None:
    usual = RejectCounts(80_000, 80, {"agency is missing": 80})
    before = {DAY - timedelta(days=age): usual for age in range(1, 15)}

    def judged(counts: RejectCounts) -> tuple[bool, object]:
        verdict = check_rejects({**before, DAY: counts}, DAY)
        return verdict.passed, verdict.figures["reasons_unusual"]

    assert judged(usual) == (True, "")
    assert judged(RejectCounts(80_000, 0, {})) == (True, "")
    assert judged(RejectCounts(80_000, 400, {"agency is missing": 400})) == (
        False,
        "agency is missing (400, usually 0.10%)",
    )
    assert judged(RejectCounts(80_000, 120, {"borough is unknown": 120})) == (
        False,
        "borough is unknown (120, usually 0.00%)",
    )


def test_without_a_week_of_history_nothing_is_judged() -> None:
    assert "not_judged" in check_rejects({DAY: RejectCounts(10, 10, {})}, DAY).figures
    assert "not_judged" in check_null_rates({DAY: {"Noise": NullCounts(1)}}, DAY).figures
    assert "not_judged" in check_vocabulary({DAY: {}}, DAY, {}).figures
    assert check_null_rates({}, None).figures["not_judged"] == "no complete day"
