"""How often each column of a day's requests is empty, beside the days before."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date

from nyc311_assets.pipeline.checks.shares import (
    LEAST_HISTORY_DAYS,
    SHARE_HISTORY_DAYS,
    days_before,
    not_judged,
    tolerance,
)
from nyc311_assets.pipeline.checks.spec import DATA_ENGINEERING, CheckSpec, Verdict

NULL_RATES_AS_USUAL = CheckSpec(
    "null_rates_as_usual",
    "WARN",
    "Each column of the newest complete day is empty about as often as in the 28 days before, "
    "complaint type by complaint type.",
    owner=DATA_ENGINEERING,
)
# Real null shares, standardised by complaint type, wandered by up to 0.81 percentage points
# between weekly pulls (location_type; coordinates 0.57, city 0.64).
NULL_FLOOR = 0.02
# Of a type with fewer rows in its history its usual null share is not known.
LEAST_ROWS_OF_TYPE = 30


@dataclass(frozen=True, slots=True)
class NullCounts:
    """Rows of one complaint type on one request date, and how many have no value, per column."""

    rows: int
    nulls: Mapping[str, int] = field(default_factory=dict)


DayNulls = Mapping[str, NullCounts]
"""Complaint type -> its null counts on one request date."""


@dataclass(frozen=True, slots=True)
class NullShare:
    """One column's share of nulls on a day beside what its mix of complaint types would have.

    Attributes:
        column: The column.
        share: Share of the rows that have no value.
        usual: The share that the same mix of types had in the days before.
        tolerance: How far the two may be apart.
    """

    column: str
    share: float
    usual: float
    tolerance: float

    @property
    def is_usual(self) -> bool:
        """Whether the two are within the tolerance."""
        return abs(self.share - self.usual) <= self.tolerance


def null_shares(nulls: DayNulls, before: Iterable[DayNulls]) -> list[NullShare]:
    """Compare a day's nulls with the days before, column by column.

    The usual share is standardised directly: each type's share in the days before, weighted by
    the rows of the type today (Rothman, Greenland and Lash, Modern Epidemiology, 2008, chapter
    3). A storm that brings 13,908 fallen trees, whose requests lack what others have, changes no
    type's own share. Types with too little history are left out on both sides.
    """
    rows_before: dict[str, int] = {}
    nulls_before: dict[str, dict[str, int]] = {}
    for earlier in before:
        for name, counts in earlier.items():
            rows_before[name] = rows_before.get(name, 0) + counts.rows
            of_type = nulls_before.setdefault(name, {})
            for column, many in counts.nulls.items():
                of_type[column] = of_type.get(column, 0) + many
    known = {
        name: counts
        for name, counts in nulls.items()
        if rows_before.get(name, 0) >= LEAST_ROWS_OF_TYPE
    }
    rows = sum(counts.rows for counts in known.values())
    if not rows:
        return []
    columns = sorted({column for counts in known.values() for column in counts.nulls})
    found = []
    for column in columns:
        usual = sum(
            counts.rows * nulls_before[name].get(column, 0) / rows_before[name]
            for name, counts in known.items()
        )
        today = sum(counts.nulls.get(column, 0) for counts in known.values())
        share, usual_share = today / rows, min(usual / rows, 1.0)
        found.append(
            NullShare(column, share, usual_share, tolerance(usual_share, rows, NULL_FLOOR))
        )
    return found


def check_null_rates(days: Mapping[date, DayNulls], judged: date | None) -> Verdict:
    """Judge the share of nulls in each column of one request date; names the columns.

    A column that is empty in 5 % more of the rows is found at any usual share (at 10,000 rows a
    day the tolerance is 2 to 4.5 percentage points). None of the real pulls of 2026 fails beside
    those before it, nor of 143 synthetic days.
    """
    before = days_before(days, judged, SHARE_HISTORY_DAYS)
    if judged is None or judged not in days or len(before) < LEAST_HISTORY_DAYS:
        return not_judged(NULL_RATES_AS_USUAL, judged, len(before))
    shares = null_shares(days[judged], before)
    unusual = [share for share in shares if not share.is_usual]
    return Verdict(
        NULL_RATES_AS_USUAL,
        not unusual,
        {
            "judged_day": judged.isoformat(),
            "days_of_history": len(before),
            "columns_compared": len(shares),
            "columns_unusual": ", ".join(
                f"{each.column} ({each.share:.1%}, usually {each.usual:.1%})" for each in unusual
            ),
        },
    )
