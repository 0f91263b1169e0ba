"""The daily partitions: New York calendar days, each the ingestion date of one pull."""

from __future__ import annotations

import dagster as dg

from nyc311_assets.pipeline.cities import NEW_YORK
from nyc311_assets.settings import Settings


def daily_partitions(settings: Settings) -> dg.DailyPartitionsDefinition:
    """Days from the configured start date to yesterday, New York time."""
    return dg.DailyPartitionsDefinition(
        start_date=settings.start_date.isoformat(), timezone=NEW_YORK.time_zone.key
    )
