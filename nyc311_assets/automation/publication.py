"""The sensor that starts a run as soon as the source has published."""

from collections.abc import Callable
from datetime import datetime

import dagster as dg
from dagster._core.definitions.unresolved_asset_job_definition import (
    UnresolvedAssetJobDefinition,
)

from nyc311_assets.pipeline.cities import NEW_YORK
from nyc311_assets.pipeline.soda.client import SodaClient
from nyc311_assets.pipeline.soda.errors import SodaError
from nyc311_assets.resources.runner import JobRunner

POLL_SECONDS = 300


def rows_updated_at(url: str, app_token: str | None) -> datetime:
    """When the dataset that is being written was last published."""
    with SodaClient(url, app_token=app_token) as client:
        return client.dataset_version(NEW_YORK.datasets[-1].dataset_id).rows_updated_at


def publication_sensor(
    job: UnresolvedAssetJobDefinition,
    partitions: dg.TimeWindowPartitionsDefinition,
    status: dg.DefaultSensorStatus,
    read: Callable[[str, str | None], datetime] = rows_updated_at,
) -> dg.SensorDefinition:
    """Run the newest partition once for each publication of the source.

    The source publishes in the evening; waiting for 03:00 would leave gold more than five hours
    behind it. The first look only takes note: what was published before is the schedule's.

    Args:
        job: The daily job.
        partitions: Its partitions.
        status: Whether the sensor runs without being switched on.
        read: Returns when the source was last published.
    """

    @dg.sensor(
        name="source_published",
        job=job,
        minimum_interval_seconds=POLL_SECONDS,
        default_status=status,
        description="Starts a run as soon as the source's rowsUpdatedAt moves.",
    )
    def source_published(
        context: dg.SensorEvaluationContext, runner: dg.ResourceParam[JobRunner]
    ) -> dg.SensorResult | dg.SkipReason:
        try:
            published = read(*runner.source())
        except SodaError as error:
            return dg.SkipReason(f"The source did not answer: {error}")
        cursor = published.isoformat()
        if context.cursor is None:
            return dg.SensorResult(
                skip_reason=f"Noted: the source was last published at {cursor}.", cursor=cursor
            )
        if datetime.fromisoformat(context.cursor) >= published:
            return dg.SkipReason(f"Nothing new since {context.cursor}.")
        partition = partitions.get_last_partition_key()
        if partition is None:
            return dg.SkipReason("No partition has ended yet: look at NYC311_START_DATE.")
        request = dg.RunRequest(
            run_key=cursor, partition_key=partition, tags={"nyc311/published": cursor}
        )
        return dg.SensorResult(run_requests=[request], cursor=cursor)

    return source_published
