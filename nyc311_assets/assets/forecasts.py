"""forecasts: 30 days ahead for every series, as issued."""

from __future__ import annotations

import dagster as dg

from nyc311_assets.assets.factory import delta_asset
from nyc311_assets.pipeline.checks.forecasts import FORECAST_CHECKS
from nyc311_assets.pipeline.contracts import FORECASTS


def forecasts(partitions: dg.PartitionsDefinition) -> dg.AssetsDefinition:
    """The asset forecasts."""
    return delta_asset(
        name="forecasts",
        description=(
            "30 days ahead of the last complete day for every series, with 80 % and 95 % bands; never rewritten."
        ),
        contract=FORECASTS,
        checks=FORECAST_CHECKS,
        partitions=partitions,
        deps=["prophet_model"],
    )
