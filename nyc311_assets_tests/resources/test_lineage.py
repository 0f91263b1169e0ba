from pathlib import Path

import dagster as dg
import mlflow
import pytest

from nyc311_assets.resources.lineage import tag_lineage
from nyc311_assets.resources.mlflow_place import EXPERIMENT, tracking_uri
from nyc311_assets.settings import Settings

# MLflow's database library warns of its own.
pytestmark = pytest.mark.filterwarnings("ignore::Warning")


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    monkeypatch.delenv("DATABRICKS_HOST", raising=False)
    return Settings(home=tmp_path)


def materialize(settings: Settings, runs: list[str]) -> dg.ExecuteInProcessResult:
    @dg.asset
    def trained(context: dg.AssetExecutionContext) -> None:
        tag_lineage(context, settings, runs)

    return dg.materialize([trained])


def test_a_training_leads_back_to_its_dagster_run(settings: Settings) -> None:
    client = mlflow.MlflowClient(tracking_uri(settings))
    run = client.create_run(client.create_experiment(EXPERIMENT))
    client.set_terminated(run.info.run_id)
    result = materialize(settings, [run.info.run_id])
    assert result.success
    found = client.get_run(run.info.run_id)
    assert found.data.tags["dagster/run_id"] == result.run_id
    assert found.data.tags["dagster/asset"] == "trained"
    assert found.info.status == "FINISHED"
    assert mlflow.active_run() is None


def test_without_mlflow_the_asset_works(
    settings: Settings, capfd: pytest.CaptureFixture[str]
) -> None:
    result = materialize(settings, ["no such run"])
    assert result.success
    assert "could not be tagged with this Dagster run" in capfd.readouterr().err


def test_days_without_a_training_do_not_ask_mlflow(settings: Settings) -> None:
    assert materialize(settings, []).success
    assert not (settings.home / "mlflow.db").exists()
