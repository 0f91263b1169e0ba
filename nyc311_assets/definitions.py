"""Everything Dagster loads."""

from __future__ import annotations

import os

import dagster as dg

from nyc311_assets.assets import (
    anomalies,
    forecasts,
    gold_daily_counts,
    prophet_model,
    raw_311,
    silver_requests,
)
from nyc311_assets.automation.alerts.sensors import alert_sensors
from nyc311_assets.automation.alerts.spend import spend_check
from nyc311_assets.automation.alerts.ticks import AlertDesk
from nyc311_assets.automation.explain import explain_job
from nyc311_assets.automation.maintenance import maintenance_job, maintenance_schedule
from nyc311_assets.automation.models import model_jobs
from nyc311_assets.automation.publication import publication_sensor
from nyc311_assets.automation.rejects import rejects_job
from nyc311_assets.automation.schedules import daily_schedule
from nyc311_assets.automation.time_travel import time_travel_jobs
from nyc311_assets.partitions import daily_partitions
from nyc311_assets.resources.runner import JobRunner
from nyc311_assets.resources.secrets import bring_secrets
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
    sensor_status = (
        dg.DefaultSensorStatus.RUNNING if in_production else dg.DefaultSensorStatus.STOPPED
    )
    return dg.Definitions(
        assets=[
            asset(partitions)
            for asset in (
                raw_311,
                silver_requests,
                gold_daily_counts,
                prophet_model,
                forecasts,
                anomalies,
            )
        ],
        asset_checks=[spend_check()],
        jobs=[daily, maintenance, rejects_job(), explain_job(), *model_jobs(), *time_travel_jobs()],
        schedules=[
            daily_schedule(daily, schedule_status),
            maintenance_schedule(maintenance, schedule_status),
        ],
        sensors=[
            publication_sensor(daily, partitions, sensor_status),
            *alert_sensors(sensor_status),
        ],
        resources={"runner": JobRunner(settings), "alert_desk": AlertDesk(settings)},
        # The work is on the cluster: a process of its own for each step would only cost imports.
        executor=dg.in_process_executor,
    )


bring_secrets(os.environ)
defs = build_definitions(Settings(), in_production=bool(os.environ.get("DATABRICKS_HOST")))
