"""From an MLflow run back to the Dagster run that made it, through dagster-mlflow's resource."""

from __future__ import annotations

import warnings
from collections.abc import Sequence

import dagster as dg

from nyc311_assets.resources.mlflow_place import model_config
from nyc311_assets.settings import Settings


def tag_lineage(
    context: dg.AssetExecutionContext, settings: Settings, mlflow_runs: Sequence[str]
) -> None:
    """Tag the MLflow runs of a step's trainings with its Dagster run.

    The models serve without it: what goes wrong is a warning in the event log.

    Args:
        context: The step's.
        settings: Say where MLflow is.
        mlflow_runs: Ids of the runs; none on days without a training.
    """
    if not mlflow_runs:
        return
    # MLflow takes seconds to load, and only training days need it.
    import mlflow  # noqa: PLC0415
    from dagster_mlflow import mlflow_tracking  # noqa: PLC0415

    place = model_config(settings)
    for mlflow_run in mlflow_runs:
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", dg.BetaWarning)
                resource = mlflow_tracking.configured(
                    {
                        "experiment_name": place["experiment"],
                        "mlflow_tracking_uri": place["tracking_uri"],
                        "mlflow_run_id": mlflow_run,
                        "env": {},
                        "extra_tags": {
                            "dagster/run_id": context.run.run_id,
                            "dagster/asset": context.asset_key.to_user_string(),
                        },
                    }
                )
                with dg.build_resources(
                    {"mlflow": resource}, instance=context.instance, dagster_run=context.run
                ):
                    mlflow.end_run()
        except Exception as error:  # noqa: BLE001 - lineage must never cost a model its service
            said = str(error).strip().splitlines()
            context.log.warning(
                f"The MLflow run {mlflow_run} could not be tagged with this Dagster run "
                f"({type(error).__name__}: {said[0] if said else 'no message'}). The model serves "
                "all the same; look at MLFLOW_TRACKING_URI."
            )
