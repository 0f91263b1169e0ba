"""What MLflow loads: the model of all series as a pyfunc, made from code, without pickle."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd
from mlflow.models import set_model
from mlflow.pyfunc.model import PythonModel

from nyc311_assets.pipeline.ml.bundle import Bundle


class SeriesForecaster(PythonModel):
    """Forecasts any series of the training, any number of days ahead."""

    def load_context(self, context: Any) -> None:
        """Read the model's files.

        Raises:
            BundleBroken: They cannot be read.
        """
        self.bundle = Bundle.load(Path(context.artifacts["bundle"]))

    def predict(
        self,
        context: Any,  # noqa: ARG002 - MLflow's own, untyped
        model_input: pd.DataFrame,
        params: dict[str, Any] | None = None,  # noqa: ARG002 - part of MLflow's signature
    ) -> pd.DataFrame:
        """Forecast; see `Bundle.forecast`."""
        return self.bundle.forecast(model_input)


set_model(SeriesForecaster())
