"""Shares of a day's requests beside the days before: how much history, how far apart they may be."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, timedelta
from math import sqrt
from typing import TypeVar

from nyc311_assets.pipeline.checks.spec import CheckSpec, Verdict

T = TypeVar("T")

SHARE_HISTORY_DAYS = 28
LEAST_HISTORY_DAYS = 7
# Five standard deviations of a binomial count: once in 3 million columns and days by chance.
DEVIATIONS = 5.0


def tolerance(share: float, rows: int, floor: float) -> float:
    """How far a share of so many rows may be from the usual one, by chance and by habit."""
    return DEVIATIONS * sqrt(share * (1 - share) / rows) + floor if rows else 1.0


def days_before(days: Mapping[date, T], judged: date | None, most: int) -> list[T]:
    """What is known of the days before one, newest first; nothing where there is no such day."""
    if judged is None:
        return []
    back = (judged - timedelta(days=age) for age in range(1, most + 1))
    return [days[day] for day in back if day in days]


def not_judged(spec: CheckSpec, day: date | None, history: int) -> Verdict:
    """The verdict on a day that there is nothing to compare with: it passes, and says why."""
    reason = "no complete day" if day is None else "too little history"
    return Verdict(
        spec,
        True,
        {
            "judged_day": day.isoformat() if day else "none",
            "days_of_history": history,
            "not_judged": reason,
        },
    )
