"""Dagster as it runs in production: its real classes on a real Postgres, with moto's AWS."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import boto3
import dagster as dg
import pytest
import yaml
from dagster._core.storage.compute_log_manager import ComputeIOType
from dagster._core.workspace.context import WorkspaceProcessContext
from dagster._core.workspace.load_target import WorkspaceFileTarget

from nyc311_assets_tests.infrastructure.servers import (
    AWS,
    aws_server,
    dump,
    free_port,
    make_cluster,
    postgres_server,
    use_aws,
    wait_for_port,
)

INFRASTRUCTURE = Path(__file__).parents[2] / "infrastructure"
DAGSTER = INFRASTRUCTURE / "dagster"
COMPOSE = yaml.safe_load((INFRASTRUCTURE / "docker" / "compose.yaml").read_text(encoding="utf-8"))
PASSWORD = "the-password-of-the-database"
# What nobody may find anywhere after a failing run.
SECRETS = {
    "DATABRICKS_TOKEN": "dapi0123456789abcdef0123456789abcdef",
    "NYC311_SODA_APP_TOKEN": "AppTokenAppTokenAppToken1",
    "NYC311_MASK_SALT": "salt-salt-salt-salt-salt",
    "NYC311_ALERT_URLS": "json://someone:secretword@127.0.0.1:9/alerts",
    "DAGSTER_POSTGRES_PASSWORD": PASSWORD,
}

pytestmark = [pytest.mark.long, pytest.mark.timeout(300)]


@dataclass(frozen=True)
class Place:
    """Where one environment's services are.

    Attributes:
        environment: What its processes are given.
        database: Port of its Postgres.
    """

    environment: Mapping[str, str]
    database: int


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    folder = tmp_path_factory.mktemp("production")
    with (
        postgres_server(folder / "postgres", PASSWORD) as database,
        aws_server(folder / "moto.log") as aws,
        _answering(403, _refused) as workspace,
    ):
        environment = {
            **AWS,
            **SECRETS,
            "DAGSTER_DISABLE_TELEMETRY": COMPOSE["x-dagster"]["environment"][
                "DAGSTER_DISABLE_TELEMETRY"
            ],
            "AWS_ENDPOINT_URL": aws,
            "DAGSTER_CODE_SERVER_HOST": "127.0.0.1",
            "DAGSTER_CODE_SERVER_PORT": str(free_port()),
            "DAGSTER_COMPUTE_LOGS_BUCKET": "artifacts",
            "DAGSTER_COMPUTE_LOGS_PREFIX": "compute-logs",
            "DAGSTER_POSTGRES_DB": "dagster",
            "DAGSTER_POSTGRES_HOST": "127.0.0.1",
            "DAGSTER_POSTGRES_PORT": str(database),
            "DAGSTER_POSTGRES_USER": "dagster",
            "DAGSTER_RUN_TASK_DEFINITION": "nyc311-dev-run",
            "DATABRICKS_HOST": workspace,
            "NYC311_CATALOG": "nyc311_dev",
            "NYC311_LAKEHOUSE_URL": "s3://lakehouse",
            "NYC311_VOLUME_PATH": "/Volumes/nyc311_dev/ops/files",
            "NYC311_MASKED_COLUMNS": "incident_address=hash",
        }
        with pytest.MonkeyPatch.context() as patch:
            use_aws(patch, aws)
            for bucket in ("artifacts", "lakehouse"):
                boto3.client("s3").create_bucket(Bucket=bucket)
        yield Place(environment, database)


@contextlib.contextmanager
def _answering(status: int, answer: Callable[[str], Mapping[str, str]]) -> Iterator[str]:
    """A server that answers everything alike, by the way it was asked with (Authorization)."""

    class Handler(BaseHTTPRequestHandler):
        def _answer(self) -> None:
            content = json.dumps(answer(self.headers.get("Authorization", ""))).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(content)

        do_GET = do_HEAD = do_POST = do_PUT = _answer  # noqa: N815 - http.server's names

        def log_message(self, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()
    thread.join()


def _refused(asked_with: str) -> Mapping[str, str]:
    """A workspace's refusal that gives away what it was asked with."""
    return {"error_code": "PERMISSION_DENIED", "message": f"not with {asked_with}"}


@contextlib.contextmanager
def _process(
    command: list[str], environment: Mapping[str, str], log: Path
) -> Iterator[subprocess.Popen[bytes]]:
    with log.open("wb") as output:
        process = subprocess.Popen(
            [str(Path(sys.executable).parent / command[0]), *command[1:]],
            env={**os.environ, **environment},
            cwd=DAGSTER,
            stdout=output,
            stderr=output,
            start_new_session=True,
        )
    try:
        yield process
    finally:
        process.terminate()
        # ECS and compose kill what does not end within so many seconds, too: now and then gRPC's
        # threads of a busy code server do not.
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(timeout=30)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait(timeout=30)


def _set(patch: pytest.MonkeyPatch, environment: Mapping[str, str]) -> None:
    for name, value in environment.items():
        patch.setenv(name, value)


@pytest.fixture(scope="module")
def code_server(place: Place, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The code server, with the command of the box; where its output goes."""
    log = tmp_path_factory.mktemp("code") / "log"
    port = place.environment["DAGSTER_CODE_SERVER_PORT"]
    command = [port if part == "4000" else part for part in COMPOSE["services"]["code"]["command"]]
    environment = {**place.environment, "DAGSTER_HOME": str(DAGSTER / "box")}
    environment["DAGSTER_COMPUTE_LOGS"] = str(log.parent / "compute_logs")
    with _process(command, environment, log) as process:
        wait_for_port(int(port), process)
        yield log


def _register_on_ecs() -> dict[str, str]:
    """The cluster, the runs' definition and the daemon's task; what the daemon's container sees."""
    network = make_cluster(("run", "daemon"), image="registry/nyc311:1")
    task = boto3.client("ecs").run_task(
        cluster="nyc311-dev",
        taskDefinition="nyc311-dev-daemon",
        launchType="FARGATE",
        networkConfiguration=network,
    )["tasks"][0]
    return {"Cluster": task["clusterArn"], "TaskARN": task["taskArn"]}


def _launch(instance: dg.DagsterInstance, job: str) -> str:
    """Launch a run of a job of the code server, as the daemon does; its id."""
    target = WorkspaceFileTarget([str(DAGSTER / "workspace.yaml")])
    with WorkspaceProcessContext(instance, target) as process:
        context = process.create_request_context()
        location = context.get_code_location("nyc311_assets")
        [repository] = location.get_repositories().values()
        remote_job = repository.get_full_job(job)
        plan = context.get_execution_plan(
            remote_job, {}, step_keys_to_execute=None, known_state=None
        )
        run = instance.create_run(
            job_name=job,
            run_id=None,
            run_config={},
            status=dg.DagsterRunStatus.NOT_STARTED,
            tags={},
            root_run_id=None,
            parent_run_id=None,
            step_keys_to_execute=None,
            execution_plan_snapshot=plan.execution_plan_snapshot,
            job_snapshot=remote_job.job_snapshot,
            parent_job_snapshot=remote_job.parent_job_snapshot,
            asset_selection=None,
            asset_check_selection=None,
            resolved_op_selection=None,
            op_selection=None,
            remote_job_origin=remote_job.get_remote_origin(),
            job_code_origin=remote_job.get_python_origin(),
            asset_graph=repository.asset_graph,
        )
        instance.launch_run(run.run_id, context)
        return run.run_id


def test_a_run_on_ecs_is_a_task_whose_failure_tells_everything_but_secrets(
    place: Place, code_server: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _set(monkeypatch, {**place.environment, "DAGSTER_HOME": str(DAGSTER / "ecs")})
    container = _register_on_ecs()
    with _answering(200, lambda _: container) as metadata:
        monkeypatch.setenv("ECS_CONTAINER_METADATA_URI_V4", metadata)
        with dg.DagsterInstance.get() as instance:
            assert type(instance.run_launcher).__name__ == "EcsRunLauncher"
            assert type(instance.compute_log_manager).__name__ == "S3ComputeLogManager"
            assert type(instance.event_log_storage).__name__ == "PostgresEventLogStorage"
            run_id = _launch(instance, "maintenance")

    ecs = boto3.client("ecs")
    tasks = ecs.list_tasks(cluster="nyc311-dev", family="nyc311-dev-run")["taskArns"]
    described = ecs.describe_tasks(cluster="nyc311-dev", tasks=tasks)["tasks"]
    [override] = [
        each
        for task in described
        for each in task["overrides"].get("containerOverrides", [])
        if each["name"] == "run"
    ]
    assert override["command"][:3] == ["dagster", "api", "execute_run"]
    environment = {each["name"] for each in override.get("environment", [])}
    assert not environment & set(SECRETS)

    # What Fargate would do now.
    log = tmp_path / "task.log"
    with _process(override["command"], {"DAGSTER_HOME": str(DAGSTER / "ecs")}, log) as process:
        process.wait(timeout=200)

    with dg.DagsterInstance.get() as instance:
        stored = instance.get_run_by_id(run_id)
        assert stored is not None
        assert stored.status is dg.DagsterRunStatus.FAILURE, log.read_text()
        failures = [
            entry.dagster_event.step_failure_data.error_display_string
            for entry in instance.all_logs(run_id)
            if entry.dagster_event and entry.dagster_event.is_step_failure
        ]
        captured = instance.compute_log_manager.get_log_keys_for_log_key_prefix(
            [run_id, "compute_logs"], ComputeIOType.STDERR
        )
    assert "PERMISSION_DENIED" in failures[0] or "not with" in failures[0]
    assert captured

    s3 = boto3.client("s3")
    objects = {
        each["Key"]: s3.get_object(Bucket=bucket, Key=each["Key"])["Body"].read().decode()
        for bucket in ("artifacts", "lakehouse")
        for each in s3.list_objects_v2(Bucket=bucket).get("Contents", [])
        if not each["Key"].endswith(".parquet")
    }
    assert any(key.startswith(f"compute-logs/storage/{run_id}/") for key in objects)
    told = {
        "Postgres": dump(place.database, PASSWORD),
        "the task's output": log.read_text(),
        "the code server's output": code_server.read_text(),
        "the task's overrides": json.dumps(described, default=str),
        **objects,
    }
    assert run_id in told["Postgres"]
    found = [
        f"{name} in {where}"
        for where, text in told.items()
        for name, secret in SECRETS.items()
        if secret in text or secret.removeprefix("json://") in text
    ]
    assert found == []
    assert "secretword" not in "".join(told.values())


def _ask(port: int, query: str, variables: Mapping[str, Any] | None = None) -> Any:
    request = urllib.request.Request(
        f"http://127.0.0.1:{port}/graphql",
        json.dumps({"query": query, "variables": variables or {}}).encode(),
        {"Content-Type": "application/json"},
    )
    with urllib.request.urlopen(request, timeout=60) as answer:  # noqa: S310
        return json.loads(answer.read())["data"]


LAUNCH = """
mutation($selector: JobOrPipelineSelector!) {
  launchRun(executionParams: {selector: $selector, runConfigData: {}, mode: "default"}) {
    __typename ... on LaunchRunSuccess { run { runId } } ... on PythonError { message }
  }
}"""
HEALTH = "{ instance { daemonHealth { allDaemonStatuses { daemonType healthy required } } } }"


def test_the_box_runs_what_its_webserver_is_asked_for(
    place: Place, code_server: Path, tmp_path: Path
) -> None:
    before = sorted(DAGSTER.rglob("*"))
    port = free_port()
    environment = {
        **place.environment,
        "DAGSTER_HOME": str(DAGSTER / "box"),
        "DAGSTER_COMPUTE_LOGS": str(code_server.parent / "compute_logs"),
    }
    services = COMPOSE["services"]
    webserver = [str(port) if part == "3000" else part for part in services["webserver"]["command"]]
    with (
        _process(webserver, environment, tmp_path / "webserver.log") as process,
        _process(services["daemon"]["command"], environment, tmp_path / "daemon.log"),
    ):
        wait_for_port(port, process)
        selector = {
            "repositoryLocationName": "nyc311_assets",
            "repositoryName": "__repository__",
            "jobName": "maintenance",
        }
        launched = _ask(port, LAUNCH, {"selector": selector})["launchRun"]
        assert launched["__typename"] == "LaunchRunSuccess", launched
        run_id = launched["run"]["runId"]
        status = _status_at_the_end(port, run_id)
        daemons = _ask(port, HEALTH)["instance"]["daemonHealth"]["allDaemonStatuses"]

    # The workspace refuses: the run came all the way there.
    assert status == "FAILURE", (tmp_path / "daemon.log").read_text()
    assert {
        each["daemonType"] for each in daemons if each["required"] and not each["healthy"]
    } == set()
    assert {
        "SENSOR",
        "SCHEDULER",
        "QUEUED_RUN_COORDINATOR",
        "MONITORING",
        "EVENT_LOG_CONSUMER",
    } <= {each["daemonType"] for each in daemons if each["healthy"]}
    assert list((code_server.parent / "compute_logs").rglob("*.err"))
    # The containers' file system is read-only.
    assert sorted(DAGSTER.rglob("*")) == before


def _status_at_the_end(port: int, run_id: str) -> str:
    query = "query($id: ID!) { runOrError(runId: $id) { ... on Run { status } } }"
    deadline = time.monotonic() + 200
    while time.monotonic() < deadline:
        status: str = _ask(port, query, {"id": run_id})["runOrError"]["status"]
        if status in {"SUCCESS", "FAILURE", "CANCELED"}:
            return status
        time.sleep(0.5)
    raise AssertionError(f"run {run_id} is {status}")


@pytest.mark.parametrize("name", ["ecs", "box"])
def test_what_runs_again_by_itself_and_what_is_kept(
    name: str, place: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _set(monkeypatch, {**place.environment, "DAGSTER_COMPUTE_LOGS": str(tmp_path)})
    _register_on_ecs()
    monkeypatch.setenv("DAGSTER_HOME", str(DAGSTER / name))
    with dg.DagsterInstance.get() as instance:
        assert instance.run_retries_enabled
        assert instance.run_retries_max_retries == 1
        assert not instance.run_retries_retry_on_asset_or_op_failure
        assert instance.run_monitoring_enabled
        assert instance.run_monitoring_max_resume_run_attempts == 0
        assert instance.get_concurrency_config().pool_config.default_pool_limit == 1
        assert not instance.telemetry_enabled
        assert not instance.nux_enabled
        assert instance.get_settings("retention")["sensor"]["purge_after_days"]["skipped"] == 7
