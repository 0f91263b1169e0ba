"""What goes wrong on a cluster: tasks that write on, Spark that dies."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from nyc311_assets.local.external_spark import ExternalSpark
from nyc311_assets.local.spark import SparkServer
from nyc311_assets_tests.local.test_sessions import BEATING_JOB, await_beats, beats_stop
from nyc311_assets_tests.local.workspaces import RunningWorkspace, result, running_workspace
from nyc311_assets_tests.shared_spark import SharedSpark

COUNT = """
from pyspark.sql import SparkSession
print(SparkSession.builder.getOrCreate().range(7).count())
"""


@pytest.mark.spark
@pytest.mark.parametrize("trouble", ["cancelled", "killed"])
def test_the_spark_job_of_a_task_that_was_stopped_stops_too(
    workspace: RunningWorkspace, tmp_path: Path, trouble: str
) -> None:
    beats, table = tmp_path / "beats", tmp_path / "table"
    script = (
        f"import os\nopen({str(tmp_path / 'pid')!r}, 'w').write(str(os.getpid()))" + BEATING_JOB
    )
    task = workspace.task(script, str(beats), str(table))
    run_id = workspace.submit_task(task)
    await_beats(beats)
    if trouble == "cancelled":
        workspace.client.jobs.cancel_run(run_id)
    else:
        os.kill(int((tmp_path / "pid").read_text()), signal.SIGKILL)
    run = workspace.wait(run_id)
    expected = {"cancelled": "CANCELED", "killed": "FAILED"}[trouble]
    assert result(run) == f"TERMINATED/{expected}"
    assert beats_stop(beats)
    assert not list((table / "_delta_log").glob("*.json"))
    # Other tasks of the shared Spark are not touched.
    assert result(workspace.wait(workspace.submit(COUNT))) == "TERMINATED/SUCCESS"


@pytest.mark.spark
@pytest.mark.long
def test_a_lost_cluster_fails_the_run_and_the_next_run_gets_a_new_one(tmp_path: Path) -> None:
    servers: list[SparkServer] = []

    def make_spark() -> SparkServer:
        servers.append(SparkServer(tmp_path / "spark", driver_memory="1g"))
        return servers[-1]

    with running_workspace(tmp_path / "home", make_spark) as workspace:
        script = COUNT + "import time; print('asleep', flush=True); time.sleep(600)"
        run_id = workspace.submit(script)
        workspace.wait_for(run_id, lambda run: result(run).startswith("RUNNING"), "running")
        (first,) = servers
        assert first.pid is not None
        os.kill(first.pid, signal.SIGKILL)
        run = workspace.wait(run_id)
        assert result(run) == "INTERNAL_ERROR/FAILED"
        assert run.state is not None
        assert f"Cluster lost while the task ran: the Spark server (process {first.pid})" in str(
            run.state.state_message
        )
        assert "Cluster lost" in str(workspace.client.clusters.get("local").state_message)

        again = workspace.wait(workspace.submit(COUNT))
        assert result(again) == "TERMINATED/SUCCESS"
        assert workspace.output(again).logs == "7\n"
        assert len(servers) == 2
    assert not any(server.alive() for server in servers)


@pytest.mark.spark
def test_a_spark_that_does_not_end_a_session_is_told_and_left_if_it_is_another_s(
    tmp_path: Path, spark_server: SharedSpark
) -> None:
    # With another token than it was given, its Spark refuses to end the session.
    remote = spark_server.remote.replace("token=", "token=wrong")
    with running_workspace(tmp_path, lambda: ExternalSpark(remote)) as workspace:
        run = workspace.wait(workspace.submit("raise ValueError('no rows')"))
    assert result(run) == "TERMINATED/FAILED"
    assert run.state is not None
    assert "What it ran may still run: Spark did not end session" in str(run.state.state_message)
    assert spark_server.alive()


@pytest.mark.spark
def test_a_spark_of_its_own_that_does_not_end_a_session_is_stopped(
    tmp_path: Path, spark_server: SharedSpark
) -> None:
    class Owned(ExternalSpark):
        """Takes connections until it is stopped, and refuses to end sessions."""

        is_owned = True
        stopped = False

        def stop(self) -> None:
            self.stopped = True

        def alive(self) -> bool:
            return not self.stopped

    sparks = [Owned(spark_server.remote.replace("token=", "token=wrong")) for _ in range(2)]
    made = iter(sparks)
    with running_workspace(tmp_path, lambda: next(made)) as workspace:
        run_id = workspace.submit("import time; time.sleep(600)")
        workspace.wait_for(run_id, lambda run: result(run).startswith("RUNNING"), "running")
        workspace.client.jobs.cancel_run(run_id)
        run = workspace.wait(run_id)
        assert result(run) == "TERMINATED/CANCELED"
        assert run.state is not None
        assert "The Spark server had to be stopped" in str(run.state.state_message)
        assert [spark.stopped for spark in sparks] == [True, False]
        assert result(workspace.wait(workspace.submit("print('hello')"))) == "TERMINATED/SUCCESS"


@pytest.mark.spark
def test_a_closing_workspace_ends_its_runs(
    tmp_path: Path, shared_spark: Callable[[], ExternalSpark]
) -> None:
    pid_file = tmp_path / "pid"
    with running_workspace(tmp_path / "home", shared_spark) as workspace:
        workspace.submit(
            f"import os, time; open({str(pid_file)!r}, 'w').write(str(os.getpid())); time.sleep(600)"
        )
        deadline = time.monotonic() + 20
        while not (pid_file.exists() and pid_file.read_text()):
            assert time.monotonic() < deadline
            time.sleep(0.05)
    with pytest.raises(ProcessLookupError):
        os.kill(int(pid_file.read_text()), 0)
