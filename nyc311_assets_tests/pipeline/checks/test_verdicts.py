"""Every way in which a partition of silver or of gold can fail, and which checks say so."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date, timedelta
from typing import Any

import pytest

from nyc311_assets.pipeline.accounts import DayAccount, DayTotals, KeyAudit, PartitionCounts
from nyc311_assets.pipeline.checks import Verdict
from nyc311_assets.pipeline.checks.gold import check_gold
from nyc311_assets.pipeline.checks.silver import check_silver

PARTITION = date(2026, 3, 10)
YESTERDAY = PARTITION - timedelta(days=1)
OLDEST = PARTITION - timedelta(days=7)
PULLED = tuple(OLDEST + timedelta(days=age) for age in range(8))
NOT_PULLED = OLDEST - timedelta(days=1)

TODAY = DayAccount(PARTITION, PARTITION, 400, 400, 392, 4, 4)
BEFORE = DayAccount(YESTERDAY, PARTITION, 600, 600, 588, 6, 6)


@dataclass(frozen=True)
class Refined:
    """What `check_silver` is asked of."""

    counts: PartitionCounts
    rows_in_bronze: int
    audit: KeyAudit
    accounts: tuple[DayAccount, ...]
    held_back: tuple[date, ...] = ()

    def verdicts(self) -> tuple[Verdict, ...]:
        return check_silver(
            self.counts, self.rows_in_bronze, self.audit, self.accounts, self.held_back
        )


SOUND = Refined(
    PartitionCounts(1_000, 980, 10, 10),
    1_000,
    KeyAudit(980, 980, 0, {PARTITION: 392, YESTERDAY: 588}),
    (BEFORE, TODAY),
)
KEYS = "unique_keys"
NULLS = "required_columns_present"
RATE = "reject_rate"
ROWS = "every_row_accounted_for"


def with_counts(*counts: int, in_bronze: int = 1_000) -> Refined:
    return replace(SOUND, counts=PartitionCounts(*counts), rows_in_bronze=in_bronze)


def with_audit(rows: int, distinct_keys: int, rows_with_nulls: int) -> Refined:
    return replace(SOUND, audit=KeyAudit(rows, distinct_keys, rows_with_nulls, {}))


def with_today(**changes: Any) -> Refined:
    return replace(SOUND, accounts=(BEFORE, replace(TODAY, **changes)))


REFINED: dict[str, tuple[Refined, set[str]]] = {
    "sound": (SOUND, set()),
    "nothing pulled": (Refined(PartitionCounts(), 0, KeyAudit(0, 0, 0, {}), ()), set()),
    "merged before by a newer pull": (replace(SOUND, accounts=()), set()),
    "a day held back": (replace(SOUND, held_back=(OLDEST,)), set()),
    "a row of bronze is not read": (with_counts(999, 980, 10, 9), {ROWS}),
    "a row is read that did not land": (with_counts(1_001, 981, 10, 10), {ROWS}),
    "no row of bronze is read": (with_counts(0, 0, 0, 0), {ROWS}),
    "a row that is read is in no place": (with_counts(1_000, 979, 10, 10), {ROWS}),
    "a row that is read is in two places": (with_counts(1_000, 980, 11, 10), {ROWS}),
    "a row is rejected and kept": (with_counts(1_000, 981, 10, 10), {ROWS}),
    "the source counts one more": (with_today(rows_at_source=401), {ROWS}),
    "the source counts one less": (with_today(rows_at_source=399), {ROWS}),
    "a row did not land": (with_today(rows_in_bronze=399), {ROWS}),
    "a row landed twice": (with_today(rows_in_bronze=401), {ROWS}),
    "source and bronze have one that silver has not": (
        with_today(rows_at_source=401, rows_in_bronze=401),
        {ROWS},
    ),
    "silver lacks a request": (with_today(requests_in_silver=391), {ROWS}),
    "silver has a request too many": (with_today(requests_in_silver=393), {ROWS}),
    "a reject is gone": (with_today(rejects=3), {ROWS}),
    "a duplicate is not counted": (with_today(duplicates=3), {ROWS}),
    "one day has what another lacks": (
        replace(
            SOUND,
            accounts=(
                replace(BEFORE, requests_in_silver=589),
                replace(TODAY, requests_in_silver=391),
            ),
        ),
        {ROWS},
    ),
    "a key is there twice": (with_audit(981, 980, 0), {KEYS}),
    "a required column is null": (with_audit(980, 980, 1), {NULLS}),
    "a row without a key": (with_audit(980, 979, 1), {KEYS, NULLS}),
    "rejects just below the limit": (with_counts(1_000, 981, 10, 9), set()),
    "rejects at the limit": (with_counts(1_000, 980, 10, 10), set()),
    "rejects just above the limit": (with_counts(1_000, 979, 10, 11), {RATE}),
    "a large pull just below the limit": (
        with_counts(1_000_000, 990_001, 0, 9_999, in_bronze=1_000_000),
        set(),
    ),
    "a large pull just above the limit": (
        with_counts(1_000_000, 989_999, 0, 10_001, in_bronze=1_000_000),
        {RATE},
    ),
    "every row is rejected": (with_counts(1_000, 0, 0, 1_000), {RATE}),
    "a lost row beside too many rejects": (with_counts(1_000, 978, 10, 11), {RATE, ROWS}),
    "everything at once": (
        replace(with_counts(999, 900, 10, 89), audit=KeyAudit(981, 980, 1, {})),
        {KEYS, NULLS, RATE, ROWS},
    ),
}


def failed(verdicts: tuple[Verdict, ...]) -> set[str]:
    return {verdict.spec.name for verdict in verdicts if not verdict.passed}


def figures(verdicts: tuple[Verdict, ...], name: str) -> dict[str, object]:
    (found,) = (verdict.figures for verdict in verdicts if verdict.spec.name == name)
    return dict(found)


@pytest.mark.parametrize(("refined", "expected"), REFINED.values(), ids=REFINED.keys())
def test_a_refinement_fails_the_checks_of_what_is_wrong_with_it_and_no_others(
    refined: Refined, expected: set[str]
) -> None:
    verdicts = refined.verdicts()
    assert [verdict.spec.name for verdict in verdicts] == [KEYS, NULLS, RATE, ROWS]
    assert failed(verdicts) == expected


def test_only_what_would_make_other_partitions_wrong_stops_a_range() -> None:
    verdicts = SOUND.verdicts()
    assert {verdict.spec.name for verdict in verdicts if verdict.blocks_run} == {KEYS, NULLS, ROWS}
    assert all(verdict.spec.blocks for verdict in verdicts)


def test_the_figures_of_silver_name_the_days_and_the_rows() -> None:
    refined = replace(with_today(requests_in_silver=391), held_back=(OLDEST,))
    found = figures(refined.verdicts(), ROWS)
    assert found == {
        "rows_at_source": 1_000,
        "requests_in_silver": 979,
        "days_that_do_not_add_up": "2026-03-10",
        "days_held_back": "2026-03-03",
        "rows_in_bronze": 1_000,
        "rows_kept": 980,
        "rows_superseded": 10,
        "rows_rejected": 10,
    }
    rate = figures(with_counts(1_000, 979, 10, 11).verdicts(), RATE)
    assert (rate["rows_read"], rate["rows_rejected"]) == (1_000, 11)
    assert (rate["reject_rate"], rate["limit"]) == (0.011, 0.01)


EQUAL = "adds_up_to_silver"
NEGATIVE = "counts_not_negative"
COMPLETE = "complete_days_present"
DAYS = {
    day: DayTotals(day, 500, 500, 90, 0, 0, is_complete=day < PARTITION, is_final=day == OLDEST)
    for day in PULLED
}
OTHER = DayTotals(NOT_PULLED, 500, 500, 90, 0, 0, is_complete=True, is_final=True)


def with_day(day: date, **changes: Any) -> tuple[DayTotals, ...]:
    return tuple(
        replace(each, **changes) if each.request_date == day else each
        for each in (OTHER, *DAYS.values())
    )


def without(*days: date) -> tuple[DayTotals, ...]:
    return tuple(totals for day, totals in DAYS.items() if day not in days)


COUNTED: dict[str, tuple[tuple[DayTotals, ...], set[str]]] = {
    "sound": (tuple(DAYS.values()), set()),
    "sound, out of order": (tuple(reversed(DAYS.values())), set()),
    "no day": ((), set()),
    "gold lacks a request": (with_day(YESTERDAY, requests=499, differing=1), {EQUAL}),
    "gold has a request too many": (with_day(YESTERDAY, requests=501, differing=1), {EQUAL}),
    "two series differ and cancel out": (with_day(YESTERDAY, differing=2), {EQUAL}),
    "the newest day differs": (with_day(PARTITION, differing=1), {EQUAL}),
    "gold has a day that silver has not": (
        with_day(YESTERDAY, silver_requests=0, differing=90),
        {EQUAL},
    ),
    "silver has a day that gold has not": (
        with_day(YESTERDAY, requests=0, series=0, differing=90, is_complete=False),
        {EQUAL, COMPLETE},
    ),
    "silver has a newest day that gold has not": (
        with_day(PARTITION, requests=0, series=0, differing=90),
        {EQUAL},
    ),
    "a day that was not pulled differs": (with_day(NOT_PULLED, differing=3), set()),
    "a count below zero": (with_day(OLDEST, negative=1), {NEGATIVE}),
    "a count below zero that differs": (
        with_day(OLDEST, requests=-1, differing=1, negative=1),
        {EQUAL, NEGATIVE},
    ),
    "a count below zero on a day that was not pulled": (with_day(NOT_PULLED, negative=1), set()),
    "a day before the newest is not complete": (
        with_day(YESTERDAY, is_complete=False),
        {COMPLETE},
    ),
    "the newest day is complete": (with_day(PARTITION, is_complete=True), set()),
    "a day that was not pulled is not complete": (with_day(NOT_PULLED, is_complete=False), set()),
    "no day is final": (with_day(OLDEST, is_final=False), set()),
    "the oldest day is missing": (without(OLDEST), {COMPLETE}),
    "a day in the middle is missing": (without(PULLED[3]), {COMPLETE}),
    "the newest day has not come": (without(PARTITION), set()),
    "the newest two days have not come": (without(PARTITION, YESTERDAY), set()),
    "only the oldest day has come": (without(*PULLED[1:]), set()),
    "everything at once": (
        with_day(OLDEST, requests=-1, differing=1, negative=1, is_complete=False),
        {EQUAL, NEGATIVE, COMPLETE},
    ),
}


@pytest.mark.parametrize(("days", "expected"), COUNTED.values(), ids=COUNTED.keys())
def test_an_aggregation_fails_the_checks_of_what_is_wrong_with_it_and_no_others(
    days: tuple[DayTotals, ...], expected: set[str]
) -> None:
    verdicts = check_gold(days, PULLED)
    assert [verdict.spec.name for verdict in verdicts] == [EQUAL, NEGATIVE, COMPLETE]
    assert failed(verdicts) == expected


def test_what_is_wrong_in_gold_stops_what_follows_and_a_late_day_only_shows() -> None:
    verdicts = check_gold(DAYS.values(), PULLED)
    assert {each.spec.name for each in verdicts if each.blocks_run} == {EQUAL, NEGATIVE}
    assert {each.spec.name for each in verdicts if each.spec.blocks} == {EQUAL, NEGATIVE}


def test_the_figures_of_gold_name_the_days_and_the_rows() -> None:
    wrong = with_day(YESTERDAY, requests=497, differing=2, negative=1, is_complete=False)
    verdicts = check_gold(wrong, PULLED)
    assert figures(verdicts, EQUAL) == {
        "requests_in_gold": 3_997,
        "requests_in_silver": 4_000,
        "series_that_differ": 2,
        "days_that_differ": "2026-03-09",
    }
    assert figures(verdicts, NEGATIVE) == {"rows_below_zero": 1}
    assert figures(verdicts, COMPLETE) == {"days_not_complete": "2026-03-09", "days_looked_at": 8}
