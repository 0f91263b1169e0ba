from __future__ import annotations

import tomllib
from pathlib import Path

import pytest
import yaml

from nyc311_assets.cli.demo import ASSETS
from nyc311_assets.definitions import build_definitions
from nyc311_assets.settings import Settings


@pytest.mark.parametrize("in_production", [True, False])
def test_everything_loads_together_and_no_two_have_one_name(
    in_production: bool, tmp_path: Path
) -> None:
    definitions = build_definitions(Settings(home=tmp_path), in_production=in_production)
    repository = definitions.get_repository_def()
    jobs = {job.name for job in repository.get_all_jobs()}
    assert {"daily", "maintenance", "restore_anomalies", "roll_back_model"} <= jobs
    keys = {key.to_user_string() for key in repository.asset_graph.get_all_asset_keys()}
    assert keys == set(ASSETS)
    assert len(repository.schedule_defs) == 2


def test_a_sensor_switched_on_by_the_command_line_is_the_one_in_the_ui() -> None:
    # `dagster dev` takes the location from pyproject.toml, `dagster … -w` from workspace.yaml: under
    # another name sensors and schedules are others.
    root = Path(__file__).parents[1]
    [location] = yaml.safe_load((root / "workspace.yaml").read_text("utf-8"))["load_from"]
    project = tomllib.loads((root / "pyproject.toml").read_text("utf-8"))["tool"]["dagster"]
    assert location["python_module"] == {
        "module_name": project["module_name"],
        "location_name": project["code_location_name"],
    }
