"""What landed against what the source says it has."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

from nyc311_assets.pipeline.soda.errors import EmptyPullError


@dataclass(frozen=True, slots=True)
class DayReconciliation:
    """One request day.

    Attributes:
        request_date: The local calendar day.
        expected_rows: Rows that the source counts.
        landed_rows: Rows that arrived.
    """

    request_date: date
    expected_rows: int
    landed_rows: int

    @property
    def is_empty(self) -> bool:
        """Whether nothing arrived. A city has no day without a request: such a day is broken."""
        return self.landed_rows == 0

    @property
    def is_reconciled(self) -> bool:
        """Whether the day arrived whole: not empty, nothing missing, nothing in surplus."""
        return not self.is_empty and self.landed_rows == self.expected_rows


def reconcile(
    expected: Mapping[date, int], landed: Mapping[date, int]
) -> tuple[DayReconciliation, ...]:
    """Compare, per request day, the rows that landed with the source's own count.

    A day that is missing from one side counts as zero there, so the days of the pull are the
    union of both.

    Returns:
        The days, oldest first.

    Raises:
        EmptyPullError: Nothing landed on any day. Zero rows are never a success.
    """
    days = tuple(
        DayReconciliation(day, expected.get(day, 0), landed.get(day, 0))
        for day in sorted({*expected, *landed})
    )
    if not any(day.landed_rows for day in days):
        span = f"{days[0].request_date} to {days[-1].request_date}" if days else "no day at all"
        counted = sum(day.expected_rows for day in days)
        raise EmptyPullError(
            f"The whole pull ({span}) returned no row, while the source counts {counted}. "
            "The source publishes empty days when its own load fails: run it again later. If it "
            "stays so, check that the datasets hold these days."
        )
    return days
