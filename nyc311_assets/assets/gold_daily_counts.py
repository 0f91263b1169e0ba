"""gold_daily_counts: requests per day, complaint type, borough and agency."""

from __future__ import annotations

import dagster as dg

from nyc311_assets.assets.factory import delta_asset
from nyc311_assets.pipeline.checks import GOLD_CHECKS
from nyc311_assets.pipeline.contracts import DAILY_COUNTS


def gold_daily_counts(partitions: dg.PartitionsDefinition) -> dg.AssetsDefinition:
    """The gold asset: rewrites just the request dates that changed."""
    return delta_asset(
        name="gold_daily_counts",
        description=(
            "Requests per day, complaint type, borough and agency, zero-filled while a series is "
            "active, with calendar lags and rolling means that never include the day itself."
        ),
        contract=DAILY_COUNTS,
        checks=GOLD_CHECKS,
        partitions=partitions,
        deps=["silver_requests"],
    )
