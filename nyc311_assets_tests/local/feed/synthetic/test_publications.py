"""What a clock shows of the synthetic stream: lag, late rows, restatements."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from nyc311_assets.local.feed.clock import frozen_clock
from nyc311_assets.local.feed.source import UnknownDataset
from nyc311_assets.local.feed.synthetic.source import SyntheticSource

CURRENT, OLDER = "erm2-nwe9", "76ig-c548"
NEW_YORK_TIME = ZoneInfo("America/New_York")
DAY = date(2026, 3, 3)

SourceAt = Callable[[str], SyntheticSource]


def rows_at(source: SyntheticSource, day: date, *names: str) -> dict[str, tuple[Any, ...]]:
    rows = source.publication(CURRENT).rows(day)
    columns = (rows.column(name).to_pylist() for name in (":id", *names))
    return {row[0]: row[1:] for row in zip(*columns, strict=True)}


def test_at_three_in_the_morning_yesterday_is_a_stub_and_the_day_before_is_whole(
    synthetic_source: SourceAt,
) -> None:
    publication = synthetic_source("2026-03-05T03:00:00-05:00").publication(CURRENT)
    stub, whole = date(2026, 3, 4), date(2026, 3, 3)
    newest = publication.rows(stub).column("created_date").to_pylist()[-1]
    assert datetime(2026, 3, 4, 1, 45) < newest < datetime(2026, 3, 4, 2, 35)
    assert publication.row_count(date(2026, 3, 5)) == 0
    assert publication.row_count(stub) < 0.12 * publication.row_count(whole)
    last = publication.rows(whole).column("created_date").to_pylist()[-1]
    assert last > datetime(2026, 3, 3, 23, 50)


def test_the_source_publishes_once_a_day_at_about_21_40() -> None:
    now = datetime(2026, 3, 6, tzinfo=NEW_YORK_TIME)
    source = SyntheticSource(clock=lambda: now)
    published = []
    for _ in range(96):
        published.append(source.publication(CURRENT).rows_updated_at.astimezone(NEW_YORK_TIME))
        assert published[-1] <= now
        now += timedelta(hours=1)
    assert published == sorted(published)
    assert len(set(published)) == 5
    for moment in published:
        assert abs(moment.hour * 60 + moment.minute - (21 * 60 + 40)) <= 5


def test_between_publications_answers_do_not_change(synthetic_source: SourceAt) -> None:
    morning = synthetic_source("2026-03-05T09:00:00-05:00")
    evening = synthetic_source("2026-03-05T21:00:00-05:00")
    names = ("unique_key", "status", "closed_date", ":updated_at")
    assert rows_at(morning, DAY, *names) == rows_at(evening, DAY, *names)


@pytest.fixture(scope="module")
def history() -> list[dict[str, tuple[Any, ...]]]:
    """The rows of one day on each of 21 evenings, by `:id`."""
    names = ("unique_key", ":updated_at", "status", "closed_date", "complaint_type", "created_date")
    now = datetime(DAY.year, DAY.month, DAY.day, 23, tzinfo=NEW_YORK_TIME)
    source = SyntheticSource(clock=lambda: now)
    states = []
    for _ in range(21):
        states.append(rows_at(source, DAY, *names))
        now += timedelta(days=1)
    return states


def test_some_rows_come_late_and_none_ever_leaves(
    history: list[dict[str, tuple[Any, ...]]],
) -> None:
    for before, after in itertools.pairwise(history):
        assert before.keys() <= after.keys()
    final = len(history[-1])
    late = 1 - len(history[1]) / final
    assert 0.0125 < late < 0.0225
    assert len(history[7]) == final


def test_an_update_never_goes_back_and_every_change_is_stamped(
    history: list[dict[str, tuple[Any, ...]]],
) -> None:
    changed, stamped_only = 0, 0
    for before, after in itertools.pairwise(history):
        for row_id, old in before.items():
            new = after[row_id]
            assert new[1] >= old[1]
            if old[2:] != new[2:]:
                assert new[1] > old[1]
                changed += 1
            elif new[1] > old[1]:
                stamped_only += 1
    # Most rows change after their first publication, and some are stamped without a change.
    assert changed > 2_000
    assert stamped_only > 1_000


def test_a_row_keeps_its_key_and_creation_and_stays_closed(
    history: list[dict[str, tuple[Any, ...]]],
) -> None:
    for before, after in itertools.pairwise(history):
        for row_id, old in before.items():
            new = after[row_id]
            assert (old[0], old[5]) == (new[0], new[5])
            if old[2] == "Closed" and old[3] is not None:
                assert new[2:4] == old[2:4]


def test_some_ninety_thousand_rows_a_day_are_stamped_or_changed() -> None:
    now = datetime(2026, 3, 12, 12, tzinfo=NEW_YORK_TIME)
    source = SyntheticSource(clock=lambda: now)
    newest = source.publication(CURRENT).rows_updated_at
    touched = 0
    for age in range(0, 96, 6):
        stamps = rows_at(source, now.date() - timedelta(days=age), ":updated_at").values()
        touched += sum(stamp == newest for (stamp,) in stamps)
    # A sixth of the days was looked at.
    assert 70_000 < touched * 6 < 120_000


def test_few_rows_are_reclassified_and_few_requests_stand_twice(
    history: list[dict[str, tuple[Any, ...]]],
) -> None:
    first_types: dict[str, str] = {}
    for state in history:
        for row_id, row in state.items():
            first_types.setdefault(row_id, row[4])
    final = history[-1]
    moved = sum(first_types[row_id] != row[4] for row_id, row in final.items())
    assert 0 < moved < 0.002 * len(final)


def test_over_a_week_some_requests_have_two_rows(synthetic_source: SourceAt) -> None:
    source = synthetic_source("2026-04-05T12:00:00-04:00")
    rows = unique = 0
    for age in range(10):
        day = DAY + timedelta(days=age)
        found = rows_at(source, day, "unique_key")
        rows += len(found)
        unique += len({row[0] for row in found.values()})
    assert 0.00005 < 1 - unique / rows < 0.0006


def test_on_26_december_2025_every_row_was_stamped(synthetic_source: SourceAt) -> None:
    source = synthetic_source("2025-12-27T12:00:00-05:00")
    for day in (date(2020, 6, 1), date(2025, 11, 1)):
        stamps = {row[0] for row in rows_at(source, day, ":updated_at").values()}
        assert {stamp.astimezone(NEW_YORK_TIME).date() for stamp in stamps} == {date(2025, 12, 26)}


def test_the_count_of_a_settled_day_is_the_number_of_its_rows(synthetic_source: SourceAt) -> None:
    publication = synthetic_source("2026-03-20T12:00:00-04:00").publication(CURRENT)
    for age in range(1, 14):
        day = date(2026, 3, 20) - timedelta(days=age)
        assert publication.row_count(day) == len(publication.rows(day))


def test_the_older_dataset_is_empty_and_others_are_unknown(synthetic_source: SourceAt) -> None:
    source = synthetic_source("2026-03-20T12:00:00-04:00")
    older = source.publication(OLDER)
    assert older.days is None
    assert (older.row_count(date(2015, 1, 1)), len(older.rows(date(2015, 1, 1)))) == (0, 0)
    assert older.rows_updated_at < datetime(2020, 1, 3, tzinfo=UTC)
    with pytest.raises(UnknownDataset):
        source.publication("zzzz-zzzz")


def test_before_2020_the_stream_has_no_day() -> None:
    source = SyntheticSource(clock=frozen_clock(datetime(2019, 6, 1, tzinfo=UTC)))
    assert source.publication(CURRENT).days is None


def test_no_request_falls_into_the_hour_that_no_clock_showed(synthetic_source: SourceAt) -> None:
    rows = rows_at(synthetic_source("2026-03-20T12:00:00-04:00"), date(2026, 3, 8), "created_date")
    hours = [row[0].hour for row in rows.values()]
    assert hours.count(2) == 0
    assert hours.count(3) > 0


def test_a_clock_needs_a_zone() -> None:
    with pytest.raises(ValueError, match="has no UTC offset"):
        frozen_clock(datetime(2026, 1, 1))
