"""anomalies: each complete day judged by the forecast issued before it."""

from __future__ import annotations

import dagster as dg

from nyc311_assets.assets.factory import delta_asset
from nyc311_assets.pipeline.checks.anomalies import ANOMALY_CHECKS
from nyc311_assets.pipeline.contracts import ANOMALIES


def anomalies(partitions: dg.PartitionsDefinition) -> dg.AssetsDefinition:
    """The asset anomalies."""
    return delta_asset(
        name="anomalies",
        description=(
            "Each complete day of each series judged by the forecasts issued before it, and the episodes that abnormal days make."
        ),
        contract=ANOMALIES,
        checks=ANOMALY_CHECKS,
        partitions=partitions,
        deps=["forecasts"],
    )
