from __future__ import annotations

from typing import Any

import pytest
from databricks.sdk.service.jobs import SubmitTask

from nyc311_assets.resources.compute import submission
from nyc311_assets.settings import Settings

WHEEL = "/Volumes/c/s/v/wheels/nyc311_assets-0.1.0-py3-none-any.whl"


def submit(settings: Settings) -> tuple[SubmitTask, dict[str, Any]]:
    result = submission(
        settings,
        task_key="raw_311",
        python_file="/Volumes/c/s/v/jobs/raw_311.py",
        wheel=WHEEL,
        tags={"project": "nyc311_assets"},
    )
    return result.task, result.submit_args


def test_a_job_cluster_is_small_spot_with_fallback_and_tagged() -> None:
    task, _ = submit(Settings(compute="job_cluster"))
    fields = task.as_dict()
    cluster = fields["new_cluster"]
    assert cluster["autoscale"] == {"min_workers": 1, "max_workers": 3}
    assert cluster["aws_attributes"]["availability"] == "SPOT_WITH_FALLBACK"
    assert cluster["custom_tags"] == {"project": "nyc311_assets"}
    assert fields["libraries"] == [{"whl": WHEEL}]


def test_secrets_travel_as_references_only() -> None:
    secrets = {"soda_app_token": "t0ken", "mask_salt": "s4lt" * 4}
    task, _ = submit(Settings.model_validate(secrets))
    variables = task.as_dict()["new_cluster"]["spark_env_vars"]
    assert variables == {
        "NYC311_SODA_APP_TOKEN": "{{secrets/nyc311/soda_app_token}}",
        "NYC311_MASK_SALT": "{{secrets/nyc311/mask_salt}}",
    }
    assert not [secret for secret in secrets.values() if secret in str(task.as_dict())]


def test_serverless_brings_its_environment() -> None:
    task, arguments = submit(Settings(compute="serverless"))
    assert task.environment_key == "default"
    assert task.new_cluster is None
    (environment,) = arguments["environments"]
    assert environment.environment_key == "default"
    assert environment.spec.dependencies == [WHEEL]


def test_an_existing_cluster_must_be_named() -> None:
    with pytest.raises(ValueError, match="set NYC311_CLUSTER_ID"):
        submit(Settings(compute="existing_cluster"))
    task, _ = submit(Settings(compute="existing_cluster", cluster_id="1234-abc"))
    assert task.existing_cluster_id == "1234-abc"
