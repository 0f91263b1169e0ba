"""silver_requests: one typed row per request, in its newest version."""

from __future__ import annotations

import dagster as dg

from nyc311_assets.assets.factory import delta_asset
from nyc311_assets.pipeline.checks import SILVER_CHECKS
from nyc311_assets.pipeline.cities import NEW_YORK
from nyc311_assets.pipeline.contracts import silver_requests as contract


def silver_requests(partitions: dg.PartitionsDefinition) -> dg.AssetsDefinition:
    """The silver asset: merges the newest usable pull of each day, keeps broken rows apart."""
    return delta_asset(
        name="silver_requests",
        description=(
            "One typed row per request, in its newest version, with New York and UTC times. Rows "
            "that break the contract are in silver.rejects, with every reason."
        ),
        contract=contract(NEW_YORK),
        checks=SILVER_CHECKS,
        partitions=partitions,
        deps=["raw_311"],
    )
