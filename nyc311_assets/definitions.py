"""Everything Dagster loads."""

from __future__ import annotations

import os

import dagster as dg

from nyc311_assets.assets import gold_daily_counts, raw_311, silver_requests
from nyc311_assets.automation.maintenance import maintenance_job, maintenance_schedule
from nyc311_assets.automation.publication import publication_sensor
from nyc311_assets.automation.rejects import rejects_job
from nyc311_assets.automation.schedules import daily_schedule
from nyc311_assets.automation.time_travel import time_travel_jobs
from nyc311_assets.partitions import daily_partitions
from nyc311_assets.resources.runner import JobRunner
from nyc311_assets.settings import Settings


def build_definitions(settings: Settings, *, in_production: bool) -> dg.Definitions:
    """Assets, jobs, schedules and sensor; the latter two run by themselves in production only."""
    partitions = daily_partitions(settings)
    daily = dg.define_asset_job(
        "daily",
        selection=dg.AssetSelection.all(),
        description="All assets for a day, or in one run for a range of days.",
    )
    maintenance = maintenance_job()
    schedule_status = (
        dg.DefaultScheduleStatus.RUNNING if in_production else dg.DefaultScheduleStatus.STOPPED
    )
    return dg.Definitions(
        assets=[raw_311(partitions), silver_requests(partitions), gold_daily_counts(partitions)],
        jobs=[daily, maintenance, rejects_job(), *time_travel_jobs()],
        schedules=[
            daily_schedule(daily, schedule_status),
            maintenance_schedule(maintenance, schedule_status),
        ],
        sensors=[
            publication_sensor(
                daily,
                partitions,
                dg.DefaultSensorStatus.RUNNING if in_production else dg.DefaultSensorStatus.STOPPED,
            )
        ],
        resources={"runner": JobRunner(settings)},
        # The work is on the cluster: a process of its own for each step would only cost imports.
        executor=dg.in_process_executor,
    )


defs = build_definitions(Settings(), in_production=bool(os.environ.get("DATABRICKS_HOST")))
