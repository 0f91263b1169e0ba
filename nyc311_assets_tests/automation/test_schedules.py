from __future__ import annotations

from datetime import datetime
from zoneinfo import ZoneInfo

import dagster as dg
import pytest

from nyc311_assets.definitions import build_definitions
from nyc311_assets.settings import Settings

NEW_YORK = ZoneInfo("America/New_York")


def tick(at: datetime) -> tuple[list[str | None], dg.ScheduleDefinition]:
    definitions = build_definitions(Settings(), in_production=True)
    schedule = definitions.resolve_schedule_def("daily_at_0300_new_york")
    context = dg.build_schedule_context(
        scheduled_execution_time=at, repository_def=definitions.get_repository_def()
    )
    data = schedule.evaluate_tick(context)
    return [request.partition_key for request in data.run_requests or []], schedule


@pytest.mark.parametrize(
    ("at", "partition"),
    [
        (datetime(2026, 7, 2, 3, tzinfo=NEW_YORK), "2026-07-01"),
        (datetime(2026, 3, 8, 3, tzinfo=NEW_YORK), "2026-03-07"),
        (datetime(2026, 11, 1, 3, tzinfo=NEW_YORK), "2026-10-31"),
    ],
)
def test_the_schedule_runs_yesterday_also_when_the_clocks_change(
    at: datetime, partition: str
) -> None:
    partitions, _ = tick(at)
    assert partitions == [partition]


def test_the_schedule_is_three_o_clock_in_new_york() -> None:
    _, schedule = tick(datetime(2026, 7, 2, 3, tzinfo=NEW_YORK))
    assert (schedule.cron_schedule, schedule.execution_timezone) == (
        "0 3 * * *",
        "America/New_York",
    )


@pytest.mark.parametrize(("in_production", "status"), [(True, "RUNNING"), (False, "STOPPED")])
def test_schedule_and_sensor_run_by_themselves_in_production_only(
    in_production: bool, status: str
) -> None:
    definitions = build_definitions(Settings(), in_production=in_production)
    assert definitions.resolve_schedule_def("daily_at_0300_new_york").default_status.value == status
    assert definitions.resolve_sensor_def("source_published").default_status.value == status
