"""The daily schedule."""

from __future__ import annotations

import dagster as dg
from dagster._core.definitions.partitions.partitioned_schedule import (
    UnresolvedPartitionedAssetScheduleDefinition,
)
from dagster._core.definitions.unresolved_asset_job_definition import (
    UnresolvedAssetJobDefinition,
)


def daily_schedule(
    job: UnresolvedAssetJobDefinition, status: dg.DefaultScheduleStatus
) -> UnresolvedPartitionedAssetScheduleDefinition | dg.ScheduleDefinition:
    """All assets for yesterday's partition, every day at 03:00 New York time.

    At 03:00 the source has been settled for five hours since its evening publication, and the
    partition's own day has ended. A tick that is missed is made up by the next: every pull
    covers the 7 days before it again. Both days on which the clocks change run once.
    """
    return dg.build_schedule_from_partitioned_job(
        job,
        name="daily_at_0300_new_york",
        hour_of_day=3,
        minute_of_hour=0,
        default_status=status,
    )
