from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, date, datetime

import pytest

from nyc311_assets.pipeline.checks import check_raw
from nyc311_assets.pipeline.checks.raw import NO_ROWS_WITHOUT_DAY
from nyc311_assets.pipeline.checks.spec import Verdict
from nyc311_assets.pipeline.cities import NEW_YORK
from nyc311_assets.pipeline.pulls import Batch, Provenance, PulledDay

OLD, NEW = (dataset.dataset_id for dataset in NEW_YORK.datasets)
LAST_OF_OLD, FIRST_OF_NEW = date(2019, 12, 31), date(2020, 1, 1)


def judged(
    rows: Mapping[str, int | None], before: Mapping[str, int], partition: date = FIRST_OF_NEW
) -> Verdict:
    """The verdict on a partition of a pull of two days, one of each dataset."""
    at = datetime(2020, 1, 2, tzinfo=UTC)
    days = tuple(
        PulledDay(
            day,
            1,
            1,
            FIRST_OF_NEW,
            datetime(2020, 1, 2),
            Provenance(dataset_id, "$select=:id", ("0" * 64,), {}),
            rows_without_day=rows[dataset_id],
        )
        for day, dataset_id in ((LAST_OF_OLD, OLD), (FIRST_OF_NEW, NEW))
        if dataset_id in rows
    )
    batch = Batch("b1", "test", True, at, None, at, days)
    (verdict,) = (
        verdict
        for verdict in check_raw(batch, partition, before)
        if verdict.spec is NO_ROWS_WITHOUT_DAY
    )
    return verdict


@pytest.mark.parametrize(
    ("rows", "before", "passes"),
    [
        ({NEW: 0}, {}, True),
        ({NEW: 1}, {}, False),
        ({NEW: 1}, {NEW: 0}, False),
        ({NEW: 1}, {NEW: 1}, True),
        ({NEW: 2}, {NEW: 1}, False),
        ({NEW: 1}, {NEW: 2}, True),
        ({NEW: 1}, {OLD: 1}, False),
        ({OLD: 0, NEW: 1}, {OLD: 9, NEW: 1}, True),
        ({OLD: 1, NEW: 1}, {OLD: 0, NEW: 9}, False),
        ({OLD: None, NEW: 1}, {}, False),
    ],
)
def test_more_rows_without_a_day_than_at_the_pull_before_fail_dataset_by_dataset(
    rows: Mapping[str, int | None], before: Mapping[str, int], passes: bool
) -> None:
    verdict = judged(rows, before)
    assert verdict.passed is passes
    assert verdict.spec.severity == "WARN"
    assert "not_judged" not in verdict.figures


def test_the_figures_tell_the_rows_of_each_dataset_and_those_before() -> None:
    assert judged({OLD: 0, NEW: 2}, {NEW: 1}).figures == {
        "rows_without_day": f"{OLD}: 0, {NEW}: 2",
        "before": f"{OLD}: 0, {NEW}: 1",
    }


def test_a_record_from_before_these_rows_were_counted_is_not_judged() -> None:
    verdict = judged({NEW: None}, {NEW: 0})
    assert verdict.passed
    assert "not_judged" in verdict.figures


def test_a_partition_is_judged_by_its_own_datasets_only() -> None:
    assert "not_judged" in judged({NEW: 1}, {}, partition=date(2020, 1, 2)).figures
