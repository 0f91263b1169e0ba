"""MLflow: a run for each training, a registered version, and the aliases that say which serves.

Only what is asked for is imported: MLflow takes seconds to load. Everything that it raises becomes
`RegistryDown`, which no forecast fails for.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from math import isfinite
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd

from nyc311_assets.pipeline.ml.bundle import Bundle

if TYPE_CHECKING:
    from mlflow import MlflowClient

STAGING, PRODUCTION = "staging", "production"
TRAINED_ON = "trained_on"
_PATIENCE = {"MLFLOW_HTTP_REQUEST_MAX_RETRIES": "2", "MLFLOW_HTTP_REQUEST_TIMEOUT": "20"}
_REQUEST = {"series": ["city"], "horizon": [7]}


class RegistryDown(RuntimeError):
    """The model registry does not answer, or refuses."""


@dataclass(frozen=True, slots=True)
class Registered:
    """A version in the registry.

    Attributes:
        version: Its number there.
        run_id: The training's run.
        trained_on: The training's last day.
    """

    version: str
    run_id: str
    trained_on: date


@dataclass(frozen=True, slots=True)
class RegistryPlace:
    """Where trainings are recorded.

    Attributes:
        tracking_uri: MLflow's tracking server or database, or `databricks`.
        model_name: Name of the registered model.
        experiment: Name of the experiment.
        artifacts: Folder of the artifacts; None where the server has its own.
    """

    tracking_uri: str
    model_name: str
    experiment: str
    artifacts: str | None = None


class ModelRegistry:
    """The registered model of all series, and its aliases."""

    def __init__(self, place: RegistryPlace) -> None:
        self.place = place
        self._opened: MlflowClient | None = None

    def record(
        self,
        bundle: Bundle,
        *,
        parameters: Mapping[str, str],
        metrics: Mapping[str, float],
        tags: Mapping[str, str],
    ) -> Registered:
        """Log a training with its plots and register its model, with the alias `staging`.

        Args:
            bundle: The model.
            parameters: What it was made with.
            metrics: What it was judged by; those that are no number are left out.
            tags: What it was made from: versions of tables, the partition.

        Raises:
            RegistryDown: The registry does not answer, or refuses.
        """
        trained_on = bundle.panel.last_day
        with self._asked("record the training") as client, tempfile.TemporaryDirectory() as scratch:
            import mlflow  # noqa: PLC0415 - seconds, on training days only

            # Matplotlib, likewise.
            from nyc311_assets.pipeline.ml.plots import draw_plots  # noqa: PLC0415

            folder = Path(scratch)
            bundle.save(folder / "bundle")
            with mlflow.start_run(
                experiment_id=self._experiment(client), run_name=f"training {trained_on}"
            ) as run:
                mlflow.log_params(dict(parameters))
                mlflow.log_metrics(
                    {name: value for name, value in metrics.items() if isfinite(value)}
                )
                mlflow.set_tags({**tags, TRAINED_ON: trained_on.isoformat()})
                draw_plots(bundle, folder / "plots")
                mlflow.log_artifacts(str(folder / "plots"), "plots")
                example = pd.DataFrame(_REQUEST)
                logged = mlflow.pyfunc.log_model(
                    name="model",
                    python_model=str(Path(__file__).with_name("registered.py")),
                    artifacts={"bundle": str(folder / "bundle")},
                    signature=mlflow.models.infer_signature(
                        example, bundle.forecast(_first(bundle))
                    ),
                    pip_requirements=["nyc311_assets"],
                    registered_model_name=self.place.model_name,
                    await_registration_for=60,
                )
            version = str(logged.registered_model_version)
            client.set_model_version_tag(
                self.place.model_name, version, TRAINED_ON, trained_on.isoformat()
            )
            client.set_registered_model_alias(self.place.model_name, STAGING, version)
        return Registered(version, run.info.run_id, trained_on)

    def promote(self, version: str) -> None:
        """Give a version the alias `production`.

        Raises:
            RegistryDown: The registry does not answer, or has no such version.
        """
        with self._asked(f"give version {version} the alias {PRODUCTION}") as client:
            client.set_registered_model_alias(self.place.model_name, PRODUCTION, version)

    def production(self) -> Registered | None:
        """The version with the alias `production`; None if no version has it.

        Raises:
            RegistryDown: The registry does not answer.
        """
        from mlflow.exceptions import MlflowException  # noqa: PLC0415 - seconds

        with self._asked(f"read the alias {PRODUCTION}") as client:
            try:
                found = client.get_model_version_by_alias(self.place.model_name, PRODUCTION)
            except MlflowException as error:
                if error.error_code in {"RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE"}:
                    return None
                raise
        trained_on = found.tags.get(TRAINED_ON)
        if trained_on is None:
            raise RegistryDown(
                f"Version {found.version} of {self.place.model_name} has the alias {PRODUCTION} and "
                f"no tag {TRAINED_ON}: this project did not register it. Give the alias back to one "
                "that it did."
            )
        return Registered(str(found.version), str(found.run_id), date.fromisoformat(trained_on))

    def _experiment(self, client: MlflowClient) -> str:
        found = client.get_experiment_by_name(self.place.experiment)
        if found is not None:
            return str(found.experiment_id)
        return str(
            client.create_experiment(self.place.experiment, artifact_location=self.place.artifacts)
        )

    @contextmanager
    def _asked(self, what: str) -> Iterator[MlflowClient]:
        """The client; whatever goes wrong with it is said as one error."""
        try:
            yield self._client()
        except RegistryDown:
            raise
        except Exception as error:
            said = str(error).strip().splitlines()
            raise RegistryDown(
                f"The model registry at {self.place.tracking_uri.split('@')[-1]} could not "
                f"{what}: {type(error).__name__}: {said[0] if said else 'no message'}. Forecasts go "
                "on with the models in ml.models; look at MLFLOW_TRACKING_URI."
            ) from error

    def _client(self) -> MlflowClient:
        if self._opened is None:
            import mlflow  # noqa: PLC0415 - seconds, on training days only

            # Its own patience is minutes, and forecasts do not wait for it.
            for name, value in _PATIENCE.items():
                os.environ.setdefault(name, value)
            mlflow.set_tracking_uri(self.place.tracking_uri)
            if self.place.tracking_uri == "databricks":
                mlflow.set_registry_uri("databricks-uc")
            self._opened = mlflow.MlflowClient()
        return self._opened


def _first(bundle: Bundle) -> pd.DataFrame:
    return pd.DataFrame({"series": list(bundle.panel.series[:1]), "horizon": [1]})
