"""Checks of the daily counts."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date

from nyc311_assets.pipeline.accounts import DayTotals
from nyc311_assets.pipeline.checks.history import GOLD_HISTORY_CHECKS
from nyc311_assets.pipeline.checks.spec import (
    DATA_ENGINEERING,
    SOURCE_STEWARD,
    CheckSpec,
    Verdict,
    names,
)

GOLD_EQUALS_SILVER = CheckSpec(
    "adds_up_to_silver",
    "ERROR",
    "Each day and series in gold has the requests, and the closed ones, that silver has.",
    owner=DATA_ENGINEERING,
)
COUNTS_NOT_NEGATIVE = CheckSpec(
    "counts_not_negative",
    "ERROR",
    "No count in gold.daily_counts is below zero.",
    owner=DATA_ENGINEERING,
)
COMPLETE_DAYS = CheckSpec(
    "complete_days_present",
    "WARN",
    "The days before the partition that the source has published are complete in gold.",
    owner=SOURCE_STEWARD,
)

GOLD_CHECKS = (GOLD_EQUALS_SILVER, COUNTS_NOT_NEGATIVE, COMPLETE_DAYS, *GOLD_HISTORY_CHECKS)


def check_gold(days: Iterable[DayTotals], pulled: Iterable[date]) -> tuple[Verdict, ...]:
    """Verdicts on the request dates that one partition brought to gold."""
    wanted = set(pulled)
    mine = [day for day in days if day.request_date in wanted]
    differing = [day for day in mine if day.differing]
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
                "series_that_differ": sum(day.differing for day in differing),
                "days_that_differ": names(day.request_date for day in differing),
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
            {"days_not_complete": names(incomplete), "days_looked_at": len(wanted)},
        ),
    )
