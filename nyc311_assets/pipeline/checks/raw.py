"""Checks of a pull."""

from __future__ import annotations

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
from nyc311_assets.pipeline.pulls import Batch

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

RAW_CHECKS = (RECONCILED, NO_EMPTY_DAYS, *FIELD_CHECKS, *RAW_HISTORY_CHECKS)


def check_raw(batch: Batch, partition: date) -> tuple[Verdict, ...]:
    """Verdicts on one partition of a pull."""
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
    )
