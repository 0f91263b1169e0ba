from __future__ import annotations

import itertools
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import dagster as dg
import pytest
from dagster._utils.schedules import schedule_execution_time_iterator

from nyc311_assets.automation.maintenance import MAINTENANCE, maintenance_job, maintenance_op
from nyc311_assets.definitions import build_definitions
from nyc311_assets.pipeline.catalog import layers
from nyc311_assets.pipeline.cities import NEW_YORK
from nyc311_assets.settings import Settings

SCHEDULE = "maintenance_on_sundays_at_0500_new_york"
ZONE = ZoneInfo("America/New_York")


class AskedRunner:
    """Stands where the runner does: keeps what was asked, and answers as the job does."""

    def __init__(self) -> None:
        self.settings = Settings(vacuum_hours=200, bronze_retention_days=30)
        self.asked: list[tuple[str, dict[str, Any]]] = []

    def ask(self, _context: Any, entry: str, parameters: dict[str, Any]) -> dict[str, Any]:
        self.asked.append((entry, parameters))
        figures = {
            "rows": 1200,
            "files": 3,
            "size_bytes": 5000,
            "hidden_rows": None,
            "versions": 8,
            "oldest_version": 2,
            "oldest_at": "2026-03-01T08:00:00+00:00",
        }
        table = {
            "table": f"{parameters['layer']}.table",
            "before": figures,
            "after": figures | {"files": 1},
            "rows_expired": 40,
            "files_compacted": 3,
            "files_written": 1,
            "files_removed": None,
        }
        return {"dry_run": parameters["dry_run"], "tables": [table]}


@pytest.mark.parametrize(("in_production", "status"), [(True, "RUNNING"), (False, "STOPPED")])
def test_maintenance_runs_by_itself_in_production_only(in_production: bool, status: str) -> None:
    schedule = build_definitions(Settings(), in_production=in_production).resolve_schedule_def(
        SCHEDULE
    )
    assert schedule.default_status.value == status
    assert (schedule.job_name, schedule.execution_timezone) == (MAINTENANCE, "America/New_York")


@pytest.mark.parametrize("week", [datetime(2026, 3, 5), datetime(2026, 10, 29)])
def test_a_sunday_on_which_the_clocks_change_has_one_tick_after_the_daily_run(
    week: datetime,
) -> None:
    schedule = build_definitions(Settings(), in_production=True).resolve_schedule_def(SCHEDULE)
    ticks = schedule_execution_time_iterator(
        week.replace(tzinfo=ZONE).timestamp(), schedule.cron_schedule, str(ZONE)
    )
    first, second = (tick.astimezone(ZONE) for tick in itertools.islice(ticks, 2))
    assert first.utcoffset() != week.replace(tzinfo=ZONE).utcoffset()
    assert (first.weekday(), first.hour, first.minute) == (6, 5, 0)
    assert (second.date() - first.date()) == timedelta(days=7)


def test_each_layer_is_maintained_in_its_pool_with_the_configured_retention() -> None:
    runner = AskedRunner()
    result = maintenance_job().execute_in_process(resources={"runner": runner})
    assert result.success
    assert sorted(runner.asked, key=str) == sorted(
        (
            (
                "maintain",
                {
                    "layer": layer.name,
                    "vacuum_hours": 200,
                    "bronze_retention_days": 30,
                    "dry_run": False,
                },
            )
            for layer in layers(NEW_YORK)
        ),
        key=str,
    )
    nodes = maintenance_job().graph.node_defs
    pools = {node.name: node.pool for node in nodes if isinstance(node, dg.OpDefinition)}
    assert pools == {maintenance_op(layer): layer.pool for layer in layers(NEW_YORK)}


def test_the_run_tells_the_tables_before_and_after() -> None:
    result = maintenance_job().execute_in_process(resources={"runner": AskedRunner()})
    (output,) = result.filter_events(
        lambda event: event.is_successful_output and event.step_key == "maintain_gold"
    )
    metadata = {name: value.value for name, value in output.step_output_data.metadata.items()}
    line = "| gold.table | 1,200 | {} | 5,000 | not told | 8 | 2 | 2026-03-01T08:00:00+00:00 |"
    assert line.format(3) in str(metadata["before"])
    assert line.format(1) in str(metadata["after"])
    assert (metadata["rows_expired"], metadata["files_removed"]) == (40, 0)


def test_less_than_a_week_of_files_is_refused_by_the_settings() -> None:
    with pytest.raises(ValueError, match="greater than or equal to 168"):
        Settings(vacuum_hours=167)
