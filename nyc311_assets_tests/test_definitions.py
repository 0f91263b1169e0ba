from __future__ import annotations

from pathlib import Path

import pytest

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
