"""Runs an embedded workspace inside the test process, over real HTTP, with real tasks."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import uvicorn
from databricks.sdk import WorkspaceClient
from databricks.sdk.config import Config
from databricks.sdk.service import compute, jobs

from nyc311_assets.local.embedded import EmbeddedWorkspace
from nyc311_assets.local.execution import Limits
from nyc311_assets.local.feed_process import FeedProcess
from nyc311_assets.local.paths import WorkspacePaths
from nyc311_assets.local.spark import Spark
from nyc311_assets.local.state import ServerState

TOKEN = "a-token-for-tests"
STANDIN_FEED = "nyc311_assets_tests.local.standin_feed"
_ENDED = {"TERMINATED", "INTERNAL_ERROR", "SKIPPED"}
_PATIENCE_SECONDS = 90.0


@dataclass
class RunningWorkspace:
    """A workspace that serves, and the clients that tests use."""

    paths: WorkspacePaths
    host: str
    client: WorkspaceClient
    http: httpx.Client
    asked_to_stop: threading.Event

    def submit(self, script: str, *parameters: str, **task_fields: Any) -> int:
        """Submit one task that runs a script; return the run's id."""
        return self.submit_task(self.task(script, *parameters, **task_fields))

    def submit_task(self, *tasks: jobs.SubmitTask, **arguments: Any) -> int:
        return int(self.client.jobs.submit(tasks=list(tasks), **arguments).bind()["run_id"])

    def task(self, script: str, *parameters: str, **fields: Any) -> jobs.SubmitTask:
        path = self.paths.volumes / f"script-{time.monotonic_ns()}.py"
        path.write_text(script)
        if not {"existing_cluster_id", "environment_key"} & set(fields):
            fields.setdefault("new_cluster", new_cluster())
        return jobs.SubmitTask(
            task_key=fields.pop("task_key", "main"),
            spark_python_task=jobs.SparkPythonTask(str(path), parameters=list(parameters)),
            **fields,
        )

    def wait(self, run_id: int) -> jobs.Run:
        """Wait until a run has ended."""
        return self.wait_for(
            run_id, lambda run: bool(run.state) and _life_cycle(run) in _ENDED, "ended"
        )

    def wait_for(self, run_id: int, holds: Callable[[jobs.Run], bool], what: str) -> jobs.Run:
        deadline = time.monotonic() + _PATIENCE_SECONDS
        while not holds(run := self.client.jobs.get_run(run_id)):
            assert time.monotonic() < deadline, f"run {run_id} is not {what}: {run.state}"
            time.sleep(0.02)
        return run

    def output(self, run: jobs.Run) -> jobs.RunOutput:
        """Return the output of a run's first task."""
        task, *_ = run.tasks or []
        assert task.run_id is not None
        return self.client.jobs.get_run_output(task.run_id)


@contextmanager
def running_workspace(
    home: Path,
    make_spark: Callable[[], Spark],
    *,
    idle_minutes: float = 120,
    limits: Limits | None = None,
) -> Iterator[RunningWorkspace]:
    """Serve a workspace until the block ends."""
    paths = WorkspacePaths.of(home)
    paths.create()
    asked_to_stop = threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        state = ServerState(str(paths.home), 0, 0.0, port, TOKEN)
        workspace = EmbeddedWorkspace(
            paths,
            state,
            idle_minutes=idle_minutes,
            stop_server=asked_to_stop.set,
            make_spark=make_spark,
            make_feed=lambda rows: FeedProcess(paths.feed, rows, STANDIN_FEED),
            limits=limits or Limits(stop_grace_seconds=1),
        )
        server = uvicorn.Server(uvicorn.Config(workspace.app(), log_config=None, lifespan="on"))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
        thread.start()
        try:
            with httpx.Client(
                base_url=state.host, headers={"Authorization": f"Bearer {TOKEN}"}, timeout=30
            ) as http:
                yield RunningWorkspace(
                    paths, state.host, sdk_client(state.host, TOKEN), http, asked_to_stop
                )
        finally:
            server.should_exit = True
            thread.join()


def sdk_client(host: str, token: str) -> WorkspaceClient:
    """Return a client that gives up soon on a server that is gone."""
    return WorkspaceClient(
        config=Config(host=host, token=token, auth_type="pat", retry_timeout_seconds=2)
    )


def new_cluster(**environment: str) -> compute.ClusterSpec:
    return compute.ClusterSpec(
        spark_version="17.3.x-scala2.13", num_workers=1, spark_env_vars=environment
    )


def _life_cycle(run: jobs.Run) -> str:
    assert run.state is not None
    assert run.state.life_cycle_state is not None
    return run.state.life_cycle_state.value


def result(run: jobs.Run) -> str:
    """Return a run's life cycle state and result, as in `TERMINATED/SUCCESS`."""
    assert run.state is not None
    outcome = run.state.result_state
    return f"{_life_cycle(run)}/{outcome.value if outcome else None}"
