from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from nyc311_assets.pipeline.versions import (
    DEFAULT_RETENTION,
    FILE_RETENTION,
    History,
    Version,
    VersionMissing,
    retention_of,
)

START = datetime(2026, 3, 1, 8, tzinfo=UTC)
FOR_EVER = timedelta(days=9_000)


def daily(
    first: int, last: int, retention: timedelta = FOR_EVER, *, now: int = 60, **vacuums: int
) -> History:
    """A version a day; `v20=7` makes version 20 a VACUUM that leaves 7 days. Read on day `now`."""
    left = {int(name.removeprefix("v")): timedelta(days=days) for name, days in vacuums.items()}
    versions = tuple(
        Version(
            number,
            START + timedelta(days=number),
            "VACUUM START" if number in left else "MERGE",
            vacuum_retention=left.get(number),
        )
        for number in range(last, first - 1, -1)
    )
    return History(versions, retention, START + timedelta(days=now))


def test_without_a_vacuum_everything_in_the_log_that_is_kept_can_be_had() -> None:
    history = daily(0, 12)
    assert (history.oldest.number, history.vacuumed_at, history.newest.number) == (0, None, 12)


def test_a_vacuum_leaves_what_was_current_at_its_horizon() -> None:
    history = daily(0, 22, v20=7)
    assert history.oldest.number == 13
    assert history.vacuumed_at == START + timedelta(days=20)


def test_a_version_that_none_followed_before_the_horizon_is_left_too() -> None:
    history = daily(0, 22, v20=7)
    quiet = tuple(each for each in history.versions if each.number not in range(5, 19))
    assert History(quiet, FOR_EVER, history.read_at).oldest.number == 4


def test_the_farthest_horizon_counts_also_when_a_later_vacuum_left_more() -> None:
    assert daily(0, 25, v20=7, v24=14).oldest.number == 13


def test_delta_refuses_what_was_written_before_the_retention_began() -> None:
    assert daily(0, 22, timedelta(days=7), now=22).oldest.number == 15
    assert daily(0, 22, timedelta(days=7), now=22, v14=7).oldest.number == 15
    assert daily(0, 22, timedelta(days=12), now=22, v20=7).oldest.number == 13


def test_the_current_version_can_always_be_had() -> None:
    assert daily(0, 22, timedelta(days=7), now=60).oldest.number == 22


def test_a_log_that_was_cleaned_up_begins_later() -> None:
    history = daily(31, 40, v38=30)
    assert (history.oldest.number, history.first.number) == (31, 31)


def test_a_time_finds_the_version_that_was_current_then() -> None:
    history = daily(3, 9)
    assert history.at(START + timedelta(days=5)).number == 5
    assert history.at(START + timedelta(days=5, hours=23)).number == 5
    assert history.at(history.read_at).number == 9


def test_a_version_or_a_time_that_is_not_there_is_answered_with_the_choices_in_local_time() -> None:
    history, zone = daily(3, 22, v20=7), ZoneInfo("America/New_York")
    choices = r"Choose a version from 13 \(2026-03-14 04:00:00-04:00\) to 22 \(2026-03-23"
    with pytest.raises(VersionMissing, match=r"There is no version 2 in the log\. " + choices):
        history.find(2, zone=zone)
    with pytest.raises(VersionMissing, match=r"At 2026-03-01 03:00:00-05:00 .* since\. " + choices):
        history.at(START, zone=zone)
    with pytest.raises(VersionMissing, match=r"is still to come\. " + choices):
        history.at(history.read_at + timedelta(seconds=1), zone=zone)
    assert history.find(3).number == 3


def test_the_retention_is_the_tables_own_or_deltas_week() -> None:
    assert retention_of({}) == DEFAULT_RETENTION == timedelta(hours=168)
    assert retention_of({FILE_RETENTION: "interval 200 hours"}) == timedelta(hours=200)
    assert retention_of({FILE_RETENTION: "interval 2 weeks 1 day"}) == timedelta(days=15)
    with pytest.raises(ValueError, match="'interval 1 month', which cannot be read here"):
        retention_of({FILE_RETENTION: "interval 1 month"})
