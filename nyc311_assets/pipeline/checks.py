"""Data-quality checks as pure functions: figures in, verdicts out."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Literal

from nyc311_assets.pipeline.batches import Batch
from nyc311_assets.pipeline.gold import DayTotals
from nyc311_assets.pipeline.silver import KeyAudit, PartitionCounts

Severity = Literal["ERROR", "WARN"]
Figure = int | float | str | bool


@dataclass(frozen=True, slots=True)
class CheckSpec:
    """A check as it is declared on its asset.

    Attributes:
        name: Its name.
        severity: ERROR blocks what is downstream; WARN only shows.
        description: What passes, and what to do when it does not.
    """

    name: str
    severity: Severity
    description: str


@dataclass(frozen=True, slots=True)
class Verdict:
    """One check of one partition.

    Attributes:
        spec: The check.
        passed: Whether the partition passes.
        figures: What was compared, by name.
        blocks_run: The failure would make other partitions wrong too, so a range run stops.
    """

    spec: CheckSpec
    passed: bool
    figures: Mapping[str, Figure] = field(default_factory=dict)
    blocks_run: bool = False


RECONCILED = CheckSpec(
    "reconciled_with_source",
    "ERROR",
    "Each pulled day has exactly the rows that the source counts itself. A day that differs is "
    "kept out of silver; run the partition again.",
)
NO_EMPTY_DAYS = CheckSpec(
    "no_empty_days",
    "WARN",
    "The source has rows for each pulled day that it has published. An empty day stays "
    "incomplete; pull it again when the source has mended it.",
)
UNIQUE_KEYS = CheckSpec(
    "unique_keys",
    "ERROR",
    "Each unique_key is in silver.requests once, among the request dates of the run.",
)
REQUIRED_PRESENT = CheckSpec(
    "required_columns_present",
    "ERROR",
    "No column that the contract requires is null in silver.requests.",
)
REJECT_RATE = CheckSpec(
    "reject_rate",
    "ERROR",
    "At most 1 % of a partition's rows break the contract; see silver.rejects for the reasons.",
)
ROWS_ACCOUNTED = CheckSpec(
    "every_row_accounted_for",
    "ERROR",
    "Every row read from bronze is kept, superseded by a newer version, or rejected.",
)
GOLD_EQUALS_SILVER = CheckSpec(
    "adds_up_to_silver",
    "ERROR",
    "The requests of each day in gold add up to the requests of that day in silver.",
)
COUNTS_NOT_NEGATIVE = CheckSpec(
    "counts_not_negative", "ERROR", "No count in gold.daily_counts is below zero."
)
COMPLETE_DAYS = CheckSpec(
    "complete_days_present",
    "WARN",
    "The days before the partition that the source has published are complete in gold.",
)

MAX_REJECT_RATE = 0.01

RAW_CHECKS = (RECONCILED, NO_EMPTY_DAYS)
SILVER_CHECKS = (UNIQUE_KEYS, REQUIRED_PRESENT, REJECT_RATE, ROWS_ACCOUNTED)
GOLD_CHECKS = (GOLD_EQUALS_SILVER, COUNTS_NOT_NEGATIVE, COMPLETE_DAYS)


def _names(days: Iterable[date]) -> str:
    return ", ".join(day.isoformat() for day in days)


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
                "days_that_differ": _names(day.request_date for day in wrong),
            },
        ),
        Verdict(
            NO_EMPTY_DAYS,
            not empty,
            {"empty_days": _names(day.request_date for day in empty), "days_pulled": len(days)},
        ),
    )


def check_silver(
    counts: PartitionCounts, rows_in_bronze: int, audit: KeyAudit
) -> tuple[Verdict, ...]:
    """Verdicts on one partition of a refinement and on the keys of the whole run."""
    accounted = counts.rows_kept + counts.rows_superseded + counts.rows_rejected
    return (
        Verdict(
            UNIQUE_KEYS,
            audit.rows == audit.distinct_keys,
            {"rows": audit.rows, "distinct_keys": audit.distinct_keys},
            blocks_run=True,
        ),
        Verdict(
            REQUIRED_PRESENT,
            audit.rows_with_nulls == 0,
            {"rows": audit.rows, "rows_with_nulls": audit.rows_with_nulls},
            blocks_run=True,
        ),
        Verdict(
            REJECT_RATE,
            counts.reject_rate <= MAX_REJECT_RATE,
            {
                "rows_read": counts.rows_read,
                "rows_rejected": counts.rows_rejected,
                "reject_rate": counts.reject_rate,
                "limit": MAX_REJECT_RATE,
            },
        ),
        Verdict(
            ROWS_ACCOUNTED,
            counts.rows_read == accounted == rows_in_bronze,
            {
                "rows_in_bronze": rows_in_bronze,
                "rows_kept": counts.rows_kept,
                "rows_superseded": counts.rows_superseded,
                "rows_rejected": counts.rows_rejected,
            },
            blocks_run=True,
        ),
    )


def check_gold(days: Iterable[DayTotals], pulled: Iterable[date]) -> tuple[Verdict, ...]:
    """Verdicts on the request dates that one partition brought to gold."""
    wanted = set(pulled)
    mine = [day for day in days if day.request_date in wanted]
    differing = [day for day in mine if day.requests != day.silver_requests]
    present = {day.request_date: day for day in mine}
    newest = max(present, default=None)
    incomplete = [
        day
        for day in sorted(wanted)
        if newest is not None
        and day < newest
        and (day not in present or not present[day].is_complete)
    ]
    return (
        Verdict(
            GOLD_EQUALS_SILVER,
            not differing,
            {
                "requests_in_gold": sum(day.requests for day in mine),
                "requests_in_silver": sum(day.silver_requests for day in mine),
                "days_that_differ": _names(day.request_date for day in differing),
            },
            blocks_run=True,
        ),
        Verdict(
            COUNTS_NOT_NEGATIVE,
            not any(day.negative for day in mine),
            {"rows_below_zero": sum(day.negative for day in mine)},
            blocks_run=True,
        ),
        Verdict(
            COMPLETE_DAYS,
            not incomplete,
            {"days_not_complete": _names(incomplete), "days_looked_at": len(wanted)},
        ),
    )
