"""prophet_model: which model serves each day, and the weekly training."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import dagster as dg

from nyc311_assets.assets.factory import delta_asset
from nyc311_assets.pipeline.checks.models import MODEL_CHECKS
from nyc311_assets.pipeline.contracts import MODELS
from nyc311_assets.resources.lineage import tag_lineage
from nyc311_assets.resources.runner import JobRunner


def prophet_model(partitions: dg.PartitionsDefinition) -> dg.AssetsDefinition:
    """The asset prophet_model."""
    return delta_asset(
        name="prophet_model",
        description=(
            "The model that serves the day: on the training day a search of settings, a fit of every series and the gate; on other days the model in service, carried and put at the level of the day."
        ),
        contract=MODELS,
        checks=MODEL_CHECKS,
        partitions=partitions,
        deps=["gold_daily_counts"],
        after=_tag_trainings,
    )


def _tag_trainings(
    context: dg.AssetExecutionContext, runner: JobRunner, metadata: Mapping[str, Any]
) -> None:
    reported = metadata.get("mlflow_runs")
    text = reported.value if isinstance(reported, dg.TextMetadataValue) else reported
    tag_lineage(context, runner.settings, [each for each in str(text or "").split(", ") if each])
