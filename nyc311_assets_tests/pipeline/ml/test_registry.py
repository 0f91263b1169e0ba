"""A real MLflow on a database: registration, aliases, and the pyfunc that comes back."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import mlflow
import numpy as np
import pandas as pd
import pytest

from nyc311_assets.pipeline.forecasting.anchored_prophet import fit_prophet
from nyc311_assets.pipeline.forecasting.bands import calibrate
from nyc311_assets.pipeline.forecasting.candidates import LEVEL_PROFILE
from nyc311_assets.pipeline.forecasting.issue import catch_up
from nyc311_assets.pipeline.forecasting.level_profile import history
from nyc311_assets.pipeline.forecasting.panel import Panel
from nyc311_assets.pipeline.forecasting.past import PastForecasts
from nyc311_assets.pipeline.forecasting.volume import tier_of
from nyc311_assets.pipeline.ml.bundle import Bundle
from nyc311_assets.pipeline.ml.registry import (
    ModelRegistry,
    Registered,
    RegistryDown,
    RegistryPlace,
)

pytestmark = [
    pytest.mark.long,
    # MLflow's own: its database library, and hints that it takes from this model's signature.
    pytest.mark.filterwarnings("ignore::Warning"),
]
NAME = "nyc311_forecaster"


def bundle(days: int) -> Bundle:
    random = np.random.default_rng(311)
    values = random.poisson([[150.0], [20.0]], (2, days)).astype(float)
    panel = Panel(("city", "type: Noise"), date(2026, 1, 5), values)
    fits = fit_prophet(history(panel, {}), panel.series, 30, keep_models=True)
    past = catch_up(panel, panel.last_day, PastForecasts(panel.series, 30), {})
    served = past.forecasts[LEVEL_PROFILE]
    calibration = calibrate(panel, past, served, tier_of(np.array([150.0, 20.0])))
    return Bundle(panel, fits, np.array([True, True]), calibration, {})


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> RegistryPlace:
    home = tmp_path_factory.mktemp("mlflow")
    return RegistryPlace(
        f"sqlite:///{home / 'mlflow.db'}", NAME, "tests", (home / "artifacts").as_uri()
    )


@pytest.fixture(scope="module")
def recorded(place: RegistryPlace) -> list[Registered]:
    registry = ModelRegistry(place)
    return [
        registry.record(
            bundle(days),
            parameters={"100 and more growth": "flat"},
            metrics={"fold_loss challenger": 0.7, "fold_loss incumbent": float("nan")},
            tags={"gold_version": "12"},
        )
        for days in (90, 97)
    ]


def test_registration_gives_staging_and_not_production(
    place: RegistryPlace, recorded: list[Registered]
) -> None:
    assert [each.version for each in recorded] == ["1", "2"]
    assert [each.trained_on for each in recorded] == [date(2026, 4, 4), date(2026, 4, 11)]
    client = mlflow.MlflowClient(place.tracking_uri)
    assert client.get_model_version_by_alias(NAME, "staging").run_id == recorded[1].run_id
    assert ModelRegistry(place).production() is None


def test_production_is_given_and_taken_back(
    place: RegistryPlace, recorded: list[Registered]
) -> None:
    registry = ModelRegistry(place)
    registry.promote(recorded[1].version)
    assert registry.production() == recorded[1]
    registry.promote(recorded[0].version)
    assert registry.production() == recorded[0]
    with pytest.raises(RegistryDown, match="version 7"):
        registry.promote("7")


def test_the_run_has_parameters_metrics_plots_and_what_it_read(
    place: RegistryPlace, recorded: list[Registered]
) -> None:
    client = mlflow.MlflowClient(place.tracking_uri)
    run = client.get_run(recorded[0].run_id)
    assert run.data.params["100 and more growth"] == "flat"
    assert run.data.metrics == {"fold_loss challenger": 0.7}
    assert run.data.tags["gold_version"] == "12"
    assert run.data.tags["trained_on"] == "2026-04-04"
    plots = {Path(each.path).name for each in client.list_artifacts(recorded[0].run_id, "plots")}
    assert plots == {"forecast.png", "reliability.png", "residuals_by_weekday.png"}


def test_the_version_loads_as_a_pyfunc_and_predicts(
    place: RegistryPlace, recorded: list[Registered]
) -> None:
    mlflow.set_tracking_uri(place.tracking_uri)
    model = mlflow.pyfunc.load_model(f"models:/{NAME}/{recorded[1].version}")
    rows = model.predict(pd.DataFrame({"series": ["city", "type: Noise"], "horizon": [45, 3]}))
    assert len(rows) == 48
    city = rows[rows["series"] == "city"]
    assert city["yhat"].mean() == pytest.approx(150, rel=0.1)
    assert (city["lo95"] < city["yhat"]).all()
    assert str(city["ds"].iloc[0].date()) == "2026-04-12"


@pytest.mark.parametrize("uri", ["sqlite:////proc/nowhere/mlflow.db", "http://127.0.0.1:9"])
def test_a_registry_that_is_down_says_what_and_where(uri: str) -> None:
    down = ModelRegistry(RegistryPlace(uri, NAME, "tests", None))
    with pytest.raises(RegistryDown, match=r"could not read the alias production.*MLFLOW_TRACKING"):
        down.production()


def test_a_password_in_its_address_is_not_told() -> None:
    place = RegistryPlace("postgresql://me:secret@127.0.0.1:1/mlflow", NAME, "tests", None)
    with pytest.raises(RegistryDown) as told:
        ModelRegistry(place).production()
    assert "secret" not in str(told.value)
