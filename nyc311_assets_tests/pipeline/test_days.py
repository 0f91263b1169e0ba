from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest

from nyc311_assets.pipeline.cities import NEW_YORK
from nyc311_assets.pipeline.days import day_state, days_between, plan_pull


def days(first: str, count: int) -> list[date]:
    start = date.fromisoformat(first)
    return [start + timedelta(days=ahead) for ahead in range(count)]


def test_a_partition_pulls_its_day_and_the_seven_before() -> None:
    plan = plan_pull(NEW_YORK, [date(2026, 3, 10)])
    assert list(plan) == days("2026-03-03", 8)
    assert set(plan.values()) == {date(2026, 3, 10)}


def test_a_range_pulls_each_day_once_for_the_first_partition_that_would() -> None:
    plan = plan_pull(NEW_YORK, days("2026-03-10", 3))
    assert list(plan) == days("2026-03-03", 10)
    assert plan[date(2026, 3, 3)] == plan[date(2026, 3, 10)] == date(2026, 3, 10)
    assert plan[date(2026, 3, 11)] == date(2026, 3, 11)
    assert plan[date(2026, 3, 12)] == date(2026, 3, 12)


def test_partitions_with_a_gap_pull_only_what_they_would_alone() -> None:
    plan = plan_pull(NEW_YORK, [date(2026, 3, 20), date(2026, 3, 1)])
    assert len(plan) == 16
    assert plan[date(2026, 3, 13)] == date(2026, 3, 20)
    assert plan[date(2026, 2, 22)] == date(2026, 3, 1)
    assert date(2026, 3, 2) not in plan


def test_nothing_before_the_first_dataset_is_asked_for() -> None:
    assert min(plan_pull(NEW_YORK, [date(2010, 1, 2)])) == date(2010, 1, 1)


def test_each_request_date_has_one_dataset() -> None:
    assert NEW_YORK.dataset_for(date(2019, 12, 31)).dataset_id == "76ig-c548"
    assert NEW_YORK.dataset_for(date(2020, 1, 1)).dataset_id == "erm2-nwe9"
    with pytest.raises(ValueError, match="no dataset for requests of 2009-12-31"):
        NEW_YORK.dataset_for(date(2009, 12, 31))


@pytest.mark.parametrize(
    ("reach", "complete"),
    [
        (
            datetime(2026, 3, 10, 23, 59, 59),
            False,
        ),
        (datetime(2026, 3, 11, 0, 0), True),
        (None, False),
    ],
)
def test_a_day_is_complete_once_the_source_reaches_past_its_end(
    reach: datetime | None, complete: bool
) -> None:
    published = datetime(2026, 3, 12, 2, 40, tzinfo=UTC)
    state = day_state(NEW_YORK, date(2026, 3, 10), reach, published)
    assert (state.is_complete, state.is_final) == (complete, False)


def test_a_day_is_final_after_settling_by_the_new_york_calendar() -> None:
    reach = datetime(2026, 3, 18, 2, 0)
    # 01:40 UTC is still the evening before in New York.
    before = day_state(NEW_YORK, date(2026, 3, 10), reach, datetime(2026, 3, 17, 1, 40, tzinfo=UTC))
    after = day_state(NEW_YORK, date(2026, 3, 10), reach, datetime(2026, 3, 18, 1, 40, tzinfo=UTC))
    assert not before.is_final
    assert after.is_final


def test_the_last_partition_that_asks_for_a_day_makes_it_final() -> None:
    day = date(2026, 3, 10)
    last = max(
        partition
        for partition in days_between(day, day + timedelta(days=30))
        if day in NEW_YORK.pulled_by(partition)
    )
    published = datetime.combine(last, NEW_YORK.publication_time, NEW_YORK.time_zone)
    assert day_state(NEW_YORK, day, datetime(2026, 3, 17, 2, 0), published).is_final
