"""raw_311: the source's rows, as they came."""

from __future__ import annotations

import dagster as dg

from nyc311_assets.assets.factory import delta_asset
from nyc311_assets.pipeline.checks import RAW_CHECKS
from nyc311_assets.pipeline.contracts import RAW_311


def raw_311(partitions: dg.PartitionsDefinition) -> dg.AssetsDefinition:
    """The bronze asset: each partition pulls the requests of its day and the 7 before."""
    return delta_asset(
        name="raw_311",
        description=(
            "Raw requests of NYC 311, append-only. A partition is an ingestion date: its pull "
            "covers the requests created that day and on the 7 days before, as the source goes on "
            "changing them. A range pulls each day once."
        ),
        contract=RAW_311,
        checks=RAW_CHECKS,
        partitions=partitions,
    )
