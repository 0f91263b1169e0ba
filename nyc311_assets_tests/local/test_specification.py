from __future__ import annotations

import re
from typing import Any

import pytest

from nyc311_assets.local.api.errors import ApiError
from nyc311_assets.local.specification import read_submission


def change(submission: dict[str, Any], **fields: Any) -> dict[str, Any]:
    """Return the submission with other fields in its task; None removes one."""
    task = {**submission["tasks"][0], **fields}
    kept = {name: value for name, value in task.items() if value is not None}
    return {**submission, "tasks": [kept]}


def test_a_task_on_a_new_cluster_is_read(submission: dict[str, Any]) -> None:
    script = {"python_file": "/volumes/job.py", "parameters": ["--day", "2026-01-02"]}
    cluster = {"spark_version": "17.3.x-scala2.13", "spark_env_vars": {"A": "1"}}
    body = change(
        submission,
        spark_python_task=script,
        new_cluster=cluster,
        timeout_seconds=60,
        libraries=[{"whl": "/volumes/a-1.0-py3-none-any.whl"}, {"pypi": {"package": "holidays"}}],
    )
    run = read_submission(body | {"timeout_seconds": 0, "idempotency_token": "t"}, "local")
    (task,) = run.tasks
    assert (run.name, run.timeout_seconds, run.idempotency_token) == ("a run", None, "t")
    assert task.compute_kind == "new_cluster"
    assert task.parameters == ("--day", "2026-01-02")
    assert task.environment_variables == {"A": "1"}
    assert task.requirements == ("/volumes/a-1.0-py3-none-any.whl", "holidays")
    assert task.timeout_seconds == 60


def test_a_serverless_task_takes_its_dependencies_from_its_environment(
    submission: dict[str, Any],
) -> None:
    body = change(submission, new_cluster=None, environment_key="default")
    spec = {"client": "4", "dependencies": ["holidays>=0.5"]}
    environments = [{"environment_key": "default", "spec": spec}]
    (task,) = read_submission(body | {"environments": environments}, "local").tasks
    assert (task.compute_kind, task.requirements) == ("serverless", ("holidays>=0.5",))


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"tags": {"team": "a"}}, "Unknown field: tasks[0].tags"),
        (
            {"spark_python_task": {"python_file": "/a.py", "file": "/b.py"}},
            "Unknown field: tasks[0].spark_python_task.file",
        ),
        (
            {"new_cluster": {"spark_version": "17", "aws_attributes": {"spot": True}}},
            "Unknown field: tasks[0].new_cluster.aws_attributes.spot",
        ),
        (
            {"new_cluster": {"spark_version": "17", "aws_attributes": {"availability": "FREE"}}},
            "tasks[0].new_cluster.aws_attributes.availability must be one of ON_DEMAND",
        ),
        ({"spark_python_task": {}}, "Missing required field: tasks[0].spark_python_task.python"),
        ({"task_key": None}, "Missing required field: tasks[0].task_key"),
        ({"task_key": 7}, "tasks[0].task_key must be a text"),
        ({"timeout_seconds": "60"}, "tasks[0].timeout_seconds must be a number"),
        ({"timeout_seconds": True}, "tasks[0].timeout_seconds must be a number"),
        ({"timeout_seconds": -1}, "tasks[main].timeout_seconds must not be negative"),
        ({"libraries": {"whl": "a"}}, "tasks[0].libraries must be a list"),
        ({"new_cluster": "small"}, "tasks[0].new_cluster must be an object"),
        (
            {"new_cluster": {"spark_version": "17", "custom_tags": ["a"]}},
            "tasks[0].new_cluster.custom_tags must be an object",
        ),
        (
            {"new_cluster": {"spark_version": "17", "enable_elastic_disk": "yes"}},
            "tasks[0].new_cluster.enable_elastic_disk must be a boolean",
        ),
        (
            {"existing_cluster_id": "local"},
            "exactly one of new_cluster, existing_cluster_id, environment_key must be given; "
            "this task has new_cluster, existing_cluster_id",
        ),
        ({"new_cluster": None}, "this task has none"),
        ({"new_cluster": {"num_workers": 1}}, "Missing required field: tasks[main].new_cluster."),
        (
            {
                "new_cluster": {
                    "spark_version": "17",
                    "num_workers": 1,
                    "autoscale": {"min_workers": 1, "max_workers": 2},
                }
            },
            "only one of num_workers and autoscale",
        ),
        ({"new_cluster": None, "existing_cluster_id": "x"}, "Cluster x does not exist"),
        ({"new_cluster": None, "environment_key": "x"}, "environment_key x is not among"),
        ({"spark_python_task": None}, "runs spark_python_task and nothing else"),
        ({"notebook_task": {"notebook_path": "/n"}}, "runs spark_python_task and nothing else"),
        ({"run_if": "ALL_DONE"}, "run_if=ALL_DONE is not supported"),
        (
            {"spark_python_task": {"python_file": "/a.py", "source": "GIT"}},
            "source=GIT is not supported",
        ),
        ({"libraries": [{"jar": "/a.jar"}]}, "libraries[0].jar is not supported"),
        ({"libraries": [{}]}, "libraries[0]: exactly one kind must be given"),
        ({"depends_on": [{"task_key": "other"}]}, "depends_on names other, which is no task"),
        ({"depends_on": [{"task_key": "main"}]}, "main depend on each other"),
    ],
)
def test_a_task_that_is_wrong_is_refused(
    submission: dict[str, Any], fields: dict[str, Any], message: str
) -> None:
    with pytest.raises(ApiError, match=re.escape(message)) as refused:
        read_submission(change(submission, **fields), "local")
    assert (refused.value.status, refused.value.error_code) == (400, "INVALID_PARAMETER_VALUE")


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"notebook": 1}, "Unknown field: notebook"),
        ({"tasks": []}, "1 to 100 tasks; this one has 0"),
        ({"idempotency_token": "x" * 65}, "idempotency_token has 65 characters"),
        ({"git_source": {"git_url": "u", "git_provider": "gitHub"}}, "git_source is not supported"),
        (
            {"environments": [{"environment_key": "a", "spec": {}}]},
            "environments[a].spec: one of client and environment_version is required",
        ),
        (
            {"environments": [{"environment_key": "a", "spec": {"client": "4"}}] * 2},
            "environments: a is there twice",
        ),
    ],
)
def test_a_run_that_is_wrong_is_refused(
    submission: dict[str, Any], fields: dict[str, Any], message: str
) -> None:
    with pytest.raises(ApiError, match=re.escape(message)):
        read_submission(submission | fields, "local")


def test_task_keys_are_unique(submission: dict[str, Any]) -> None:
    with pytest.raises(ApiError, match="every task_key must be unique"):
        read_submission(submission | {"tasks": submission["tasks"] * 2}, "local")


def test_libraries_of_a_serverless_task_belong_in_its_environment(
    submission: dict[str, Any],
) -> None:
    body = change(
        submission,
        new_cluster=None,
        environment_key="a",
        libraries=[{"whl": "/a-1-py3-none-any.whl"}],
    )
    environments = [{"environment_key": "a", "spec": {"client": "4"}}]
    with pytest.raises(ApiError, match="libraries are not supported with environment_key"):
        read_submission(body | {"environments": environments}, "local")
