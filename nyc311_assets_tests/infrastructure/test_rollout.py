from __future__ import annotations

import importlib.util
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import boto3
import pytest

from nyc311_assets_tests.infrastructure.servers import aws_server, make_cluster, use_aws

SCRIPT = Path(__file__).parents[2] / "infrastructure" / "rollout.py"
OLD, NEW = "registry/nyc311-dev:1", "registry/nyc311-dev:2"
QUICKLY = {"Delay": 0, "MaxAttempts": 3}


def _script() -> ModuleType:
    specification = importlib.util.spec_from_file_location("rollout", SCRIPT)
    assert specification is not None
    assert specification.loader is not None
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    return module


rollout = _script()


@pytest.fixture
def ecs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """An environment as Terraform makes it, on moto's ECS."""
    with aws_server(tmp_path / "moto.log") as url:
        use_aws(monkeypatch, url)
        ecs = boto3.client("ecs")
        secrets = [{"name": "DATABRICKS_TOKEN", "valueFrom": "arn:aws:made-up"}]
        network = make_cluster(("run", *rollout.SERVICES), image=OLD, secrets=secrets)
        for name in rollout.SERVICES:
            ecs.create_service(
                cluster="nyc311-dev",
                serviceName=name,
                taskDefinition=f"nyc311-dev-{name}",
                desiredCount=0,
                launchType="FARGATE",
                networkConfiguration=network,
            )
        yield ecs


class Ending:
    """The client, with tasks that have ended: moto's never do."""

    def __init__(self, ecs: Any, code: int) -> None:
        self._ecs, self._code = ecs, code
        self.ran: list[dict[str, Any]] = []

    def __getattr__(self, name: str) -> Any:
        return getattr(self._ecs, name)

    def run_task(self, **asked: Any) -> Any:
        self.ran.append(asked)
        return self._ecs.run_task(**asked)

    def get_waiter(self, name: str) -> Any:
        return self if name == "tasks_stopped" else self._ecs.get_waiter(name)

    def wait(self, **_: Any) -> None:
        pass

    def describe_tasks(self, **_: Any) -> dict[str, Any]:
        return {"tasks": [{"containers": [{"exitCode": self._code}], "stoppedReason": "exit"}]}


def _served(ecs: Any, service: str) -> dict[str, Any]:
    [described] = ecs.describe_services(cluster="nyc311-dev", services=[service])["services"]
    told = ecs.describe_task_definition(taskDefinition=described["taskDefinition"])
    definition: dict[str, Any] = told["taskDefinition"]
    return definition


def test_every_service_gets_the_image_after_the_migration_and_nothing_else_changes(
    ecs: Any,
) -> None:
    before = _served(ecs, "daemon")
    client = Ending(ecs, 0)
    told: list[str] = []
    rollout.roll_out(client, "dev", NEW, tell=told.append, wait=QUICKLY)
    for service in rollout.SERVICES:
        assert _served(ecs, service)["containerDefinitions"][0]["image"] == NEW
    after = _served(ecs, "daemon")
    for definition in (before, after):
        for name in ("revision", "taskDefinitionArn", "registeredAt"):
            definition.pop(name, None)
        definition["containerDefinitions"][0].pop("image")
    assert after == before
    [migration] = client.ran
    assert migration["overrides"]["containerOverrides"] == [
        {"name": "run", "command": ["dagster", "instance", "migrate"]}
    ]
    # EcsRunLauncher starts the family's newest.
    newest = ecs.describe_task_definition(taskDefinition="nyc311-dev-run")["taskDefinition"]
    assert newest["containerDefinitions"][0]["image"] == NEW
    assert told.index("database: migrated") < next(
        index for index, line in enumerate(told) if line.startswith("code: ")
    )


def test_the_same_image_again_registers_nothing(ecs: Any) -> None:
    for _ in range(2):
        rollout.roll_out(Ending(ecs, 0), "dev", NEW, tell=lambda _: None, wait=QUICKLY)
    revisions = ecs.list_task_definitions(familyPrefix="nyc311-dev-daemon")["taskDefinitionArns"]
    assert len(revisions) == 2


def test_a_failed_migration_leaves_the_services_alone(ecs: Any) -> None:
    with pytest.raises(rollout.RolloutFailed, match=r"ended with 1 .*No service was touched"):
        rollout.roll_out(Ending(ecs, 1), "dev", NEW, tell=lambda _: None, wait=QUICKLY)
    assert _served(ecs, "daemon")["containerDefinitions"][0]["image"] == OLD


def test_an_environment_that_is_not_there(ecs: Any) -> None:
    with pytest.raises(rollout.RolloutFailed, match=r"is AWS_REGION the region of nyc311-qa"):
        rollout.roll_out(ecs, "qa", NEW, tell=lambda _: None, wait=QUICKLY)


@pytest.mark.usefixtures("ecs")
def test_the_command_says_what_is_missing_in_one_line() -> None:
    command = [sys.executable, str(SCRIPT), "--environment", "qa", "--image", NEW]
    ended = subprocess.run(command, capture_output=True, text=True, check=False)
    assert ended.returncode == 1
    assert ended.stderr.startswith("Error: the task definitions: ")
    assert "Traceback" not in ended.stderr
