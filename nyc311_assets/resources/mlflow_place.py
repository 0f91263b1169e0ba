"""Where MLflow keeps trainings: a database in the home, Databricks, or a server of one's own."""

from __future__ import annotations

import os
from typing import Any

from nyc311_assets.settings import Settings

EXPERIMENT = "nyc311_assets"
_SHARED = "/Shared"


def tracking_uri(settings: Settings) -> str:
    """MLflow's tracking address."""
    if settings.mlflow_tracking_uri:
        return settings.mlflow_tracking_uri
    if os.environ.get("DATABRICKS_HOST"):
        return "databricks"
    return f"sqlite:///{settings.home / 'mlflow.db'}"


def model_config(settings: Settings) -> dict[str, Any]:
    """What a job knows of MLflow and of training, as JSON values."""
    uri = tracking_uri(settings)
    is_databricks = uri == "databricks"
    return {
        "tracking_uri": uri,
        "model_name": settings.model_name,
        "experiment": f"{_SHARED}/{EXPERIMENT}" if is_databricks else EXPERIMENT,
        "artifacts": (
            (settings.home / "mlflow_artifacts").as_uri() if uri.startswith("sqlite:") else None
        ),
        "training_weekday": settings.training_weekday,
        "search_trials": settings.search_trials,
        "search_days": settings.search_days,
    }
