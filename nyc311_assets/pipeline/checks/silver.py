"""Checks of the refined requests."""

from __future__ import annotations

from collections.abc import Collection
from datetime import date

from nyc311_assets.pipeline.accounts import DayAccount, KeyAudit, PartitionCounts
from nyc311_assets.pipeline.checks.history import SILVER_HISTORY_CHECKS
from nyc311_assets.pipeline.checks.spec import DATA_ENGINEERING, CheckSpec, Verdict, names

UNIQUE_KEYS = CheckSpec(
    "unique_keys",
    "ERROR",
    "Each unique_key is in silver.requests once, among the request dates of the run.",
    owner=DATA_ENGINEERING,
)
REQUIRED_PRESENT = CheckSpec(
    "required_columns_present",
    "ERROR",
    "No column that the contract requires is null in silver.requests.",
    owner=DATA_ENGINEERING,
)
REJECT_RATE = CheckSpec(
    "reject_rate",
    "ERROR",
    "At most 1 % of a partition's rows break the contract; see silver.rejects for the reasons.",
    owner=DATA_ENGINEERING,
)
ROWS_ACCOUNTED = CheckSpec(
    "every_row_accounted_for",
    "ERROR",
    "Every row read from bronze is kept, superseded by a newer version, or rejected; and for each "
    "day source = bronze = silver + rejects + duplicates.",
    owner=DATA_ENGINEERING,
)

MAX_REJECT_RATE = 0.01

SILVER_CHECKS = (
    UNIQUE_KEYS,
    REQUIRED_PRESENT,
    REJECT_RATE,
    ROWS_ACCOUNTED,
    *SILVER_HISTORY_CHECKS,
)


def check_silver(
    counts: PartitionCounts,
    rows_in_bronze: int,
    audit: KeyAudit,
    accounts: Collection[DayAccount],
    held_back: Collection[date] = (),
) -> tuple[Verdict, ...]:
    """Verdicts on one partition of a refinement and on the keys of the whole run.

    Args:
        counts: What became of the partition's rows.
        rows_in_bronze: What bronze.batches says that the pulls which were read landed.
        audit: The published table over the run's request dates.
        accounts: The partition's request dates of which this is the newest pull.
        held_back: Its request dates that are kept out of silver.
    """
    wrong = [account.request_date for account in accounts if not account.adds_up]
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
            counts.rows_read == accounted == rows_in_bronze and not wrong,
            {
                "rows_at_source": sum(account.rows_at_source for account in accounts),
                "requests_in_silver": sum(account.requests_in_silver for account in accounts),
                "days_that_do_not_add_up": names(wrong),
                "days_held_back": names(held_back),
                "rows_in_bronze": rows_in_bronze,
                "rows_kept": counts.rows_kept,
                "rows_superseded": counts.rows_superseded,
                "rows_rejected": counts.rows_rejected,
            },
            blocks_run=True,
        ),
    )
