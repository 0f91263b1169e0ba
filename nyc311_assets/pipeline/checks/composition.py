"""Checks of what a day's requests are made of: new values and rejects beside the days before."""

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
from nyc311_assets.pipeline.checks.spec import (
    DATA_ENGINEERING,
    OPERATIONS_ANALYTICS,
    CheckSpec,
    Figure,
    Verdict,
)

VOCABULARY_KNOWN = CheckSpec(
    "vocabulary_known",
    "WARN",
    "At most 0.5 % of the newest complete day's requests have a complaint type, agency, borough or "
    "status that is neither in the city's vocabulary nor seen in the 90 days before. Add a new "
    "name to the vocabulary, or map a renamed one.",
    owner=OPERATIONS_ANALYTICS,
)
REJECTS_AS_USUAL = CheckSpec(
    "rejects_as_usual",
    "WARN",
    "The partition's share of rejects, in all and for each reason, is no higher than in the 28 "
    "days before.",
    owner=DATA_ENGINEERING,
)

VOCABULARY_HISTORY_DAYS = 90

# Of the real pull of 2026-05-04, 0.22 % of the rows had a type that the 10,000 rows before did
# not have; in later pulls, with up to 40,000 rows before, 0.04 to 0.13 %.
NEW_VALUE_SHARE = 0.005
_NAMED = 5

# The source's own rejects are rare: none in 50,000 real rows. The same broken row comes again in
# each of eight pulls, so chance alone is too narrow a margin.
REJECT_FLOOR = 0.001

DayValues = Mapping[str, Mapping[str, int]]
"""Column -> value -> rows of one request date."""


@dataclass(frozen=True, slots=True)
class RejectCounts:
    """The newest whole batch of one ingestion date.

    Attributes:
        rows: Rows landed, in reconciled request dates.
        rejects: Rows of it in silver.rejects.
        reasons: Reason -> rejects with it; a row may have several.
    """

    rows: int
    rejects: int = 0
    reasons: Mapping[str, int] = field(default_factory=dict)


def newcomers(
    values: DayValues, before: Iterable[DayValues], vocabulary: Mapping[str, frozenset[str]]
) -> dict[str, dict[str, int]]:
    """Rows with a value that is neither in the vocabulary nor in the days before.

    A column without either is left out: there is nothing to be new against.

    Returns:
        column -> value -> rows.
    """
    known = {column: set(vocabulary.get(column, ())) for column in values}
    for earlier in before:
        for column, seen in earlier.items():
            known.setdefault(column, set()).update(seen)
    return {
        column: {value: rows for value, rows in counts.items() if value not in known[column]}
        for column, counts in values.items()
        if known[column]
    }


def check_vocabulary(
    days: Mapping[date, DayValues],
    judged: date | None,
    vocabulary: Mapping[str, frozenset[str]],
) -> Verdict:
    """Judge the values of one request date; names the newcomers.

    A new type with 5 % of a day's requests is always found. None of the real pulls of 2026 fails
    beside those before it, nor of 143 synthetic days.

    Args:
        days: Values of the judged day and of the 90 before it, those that are known.
        judged: The day.
        vocabulary: Column -> the city's own names, where it has them.
    """
    before = days_before(days, judged, VOCABULARY_HISTORY_DAYS)
    if judged is None or judged not in days or len(before) < LEAST_HISTORY_DAYS:
        return not_judged(VOCABULARY_KNOWN, judged, len(before))
    figures: dict[str, Figure] = {
        "judged_day": judged.isoformat(),
        "days_of_history": len(before),
        "limit_of_share": NEW_VALUE_SHARE,
    }
    passed = True
    for column, new in newcomers(days[judged], before, vocabulary).items():
        share = sum(new.values()) / max(sum(days[judged][column].values()), 1)
        passed = passed and share <= NEW_VALUE_SHARE
        figures[f"new_share_of_{column}"] = round(share, 5)
        if new:
            most = sorted(new.items(), key=lambda item: (-item[1], item[0]))[:_NAMED]
            figures[f"new_in_{column}"] = ", ".join(f"{name} ({rows})" for name, rows in most)
    return Verdict(VOCABULARY_KNOWN, passed, figures)


def check_rejects(batches: Mapping[date, RejectCounts], judged: date) -> Verdict:
    """Judge the rejects of one ingestion date, in all and for each reason; names the reasons.

    Fewer rejects than usual never fail.
    """
    before = days_before(batches, judged, SHARE_HISTORY_DAYS)
    if judged not in batches or len(before) < LEAST_HISTORY_DAYS:
        return not_judged(REJECTS_AS_USUAL, judged, len(before))
    mine = batches[judged]
    rows_before = sum(counts.rows for counts in before)
    usual = sum(counts.rejects for counts in before) / max(rows_before, 1)
    share = mine.rejects / max(mine.rows, 1)
    unusual = []
    for reason, rejects in sorted(mine.reasons.items()):
        usual_of_reason = sum(counts.reasons.get(reason, 0) for counts in before) / max(
            rows_before, 1
        )
        limit = usual_of_reason + tolerance(usual_of_reason, mine.rows, REJECT_FLOOR)
        if rejects / max(mine.rows, 1) > limit:
            unusual.append(f"{reason} ({rejects}, usually {usual_of_reason:.2%})")
    limit = usual + tolerance(usual, mine.rows, REJECT_FLOOR)
    return Verdict(
        REJECTS_AS_USUAL,
        share <= limit and not unusual,
        {
            "days_of_history": len(before),
            "reject_share": round(share, 5),
            "usual_share": round(usual, 5),
            "limit": round(limit, 5),
            "reasons_unusual": ", ".join(unusual),
        },
    )
