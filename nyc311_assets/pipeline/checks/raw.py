"""Checks of a pull."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date

from nyc311_assets.pipeline.checks.fields import FIELD_CHECKS
from nyc311_assets.pipeline.checks.history import RAW_HISTORY_CHECKS
from nyc311_assets.pipeline.checks.spec import (
    DATA_ENGINEERING,
    SOURCE_STEWARD,
    CheckSpec,
    Verdict,
    names,
)
from nyc311_assets.pipeline.pulls import Batch, PulledDay

RECONCILED = CheckSpec(
    "reconciled_with_source",
    "ERROR",
    "Each pulled day has exactly the rows that the source counts itself. A day that differs is "
    "kept out of silver; run the partition again.",
    owner=DATA_ENGINEERING,
)
NO_EMPTY_DAYS = CheckSpec(
    "no_empty_days",
    "WARN",
    "The source has rows for each pulled day that it has published. An empty day stays "
    "incomplete; pull it again when the source has mended it.",
    owner=SOURCE_STEWARD,
)

NO_ROWS_WITHOUT_DAY = CheckSpec(
    "no_rows_without_day",
    "WARN",
    "Each row of the source has a created_date within its dataset's days and not after its "
    "publication. No day's pull asks for another row: report it to the source. It is told when "
    "there are more such rows than at the pull before.",
    owner=SOURCE_STEWARD,
)

RAW_CHECKS = (RECONCILED, NO_EMPTY_DAYS, NO_ROWS_WITHOUT_DAY, *FIELD_CHECKS, *RAW_HISTORY_CHECKS)


def check_raw(
    batch: Batch, partition: date, rows_without_day_before: Mapping[str, int]
) -> tuple[Verdict, ...]:
    """Verdicts on one partition of a pull.

    Args:
        batch: The pull.
        partition: The ingestion date.
        rows_without_day_before: Dataset id -> rows that belonged to no request day at the pull
            before; a dataset that is not there had none.
    """
    days = batch.of_partition(partition)
    wrong = [day for day in days if not day.is_reconciled and not day.is_empty]
    empty = [day for day in days if day.is_empty and not day.is_beyond_reach]
    expected = sum(day.expected_rows for day in days)
    landed = sum(day.landed_rows for day in days)
    return (
        Verdict(
            RECONCILED,
            not wrong,
            {
                "rows_expected": expected,
                "rows_landed": landed,
                "days_that_differ": names(day.request_date for day in wrong),
            },
        ),
        Verdict(
            NO_EMPTY_DAYS,
            not empty,
            {"empty_days": names(day.request_date for day in empty), "days_pulled": len(days)},
        ),
        _rows_without_day(days, rows_without_day_before),
    )


def _rows_without_day(days: Iterable[PulledDay], before: Mapping[str, int]) -> Verdict:
    """A batch from before these rows were recorded is not judged: it passes and says so."""
    rows = {
        day.provenance.dataset_id: day.rows_without_day
        for day in days
        if day.provenance is not None and day.rows_without_day is not None
    }
    if not rows:
        unknown = {"not_judged": "the batch's record has no such rows counted"}
        return Verdict(NO_ROWS_WITHOUT_DAY, True, unknown)
    return Verdict(
        NO_ROWS_WITHOUT_DAY,
        all(count <= before.get(dataset_id, 0) for dataset_id, count in rows.items()),
        {
            "rows_without_day": ", ".join(f"{id_}: {count}" for id_, count in rows.items()),
            "before": ", ".join(f"{id_}: {before.get(id_, 0)}" for id_ in rows),
        },
    )
