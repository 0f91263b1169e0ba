"""A step that is interrupted cancels its remote run, whenever it is interrupted."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
from dagster._core.errors import DagsterExecutionInterruptedError
from databricks.sdk.service import jobs

from nyc311_assets.local.lifecycle import ensure_workspace
from nyc311_assets.resources import remote_run
from nyc311_assets_tests.proxy import Answer, Ask, Call, Proxy, refusal
from nyc311_assets_tests.resources.probe import (
    HANG,
    Step,
    execute,
    hardened,
    hardened_with,
    run_script,
    script_task,
    workspace_client,
)
from nyc311_assets_tests.trouble.waiting import is_gone, when


def assert_interrupted(step: Step) -> None:
    assert not step.succeeded
    assert step.materializations == 0
    assert "DagsterExecutionInterruptedError" in step.error


def state_of(home: Path, run_id: int) -> jobs.RunState:
    state = hardened(home).client.jobs.get_run(run_id).state
    assert state is not None
    return state


def newest_run(home: Path) -> int:
    run = next(iter(hardened(home).client.jobs.list_runs(limit=1)))
    assert run.run_id is not None
    return run.run_id


@pytest.mark.parametrize(
    ("number", "is_requested", "recorded_as"),
    [
        # The button in Dagster's UI, and Control-C in the terminal.
        (signal.SIGTERM, True, dg.DagsterRunStatus.CANCELED),
        pytest.param(signal.SIGINT, False, dg.DagsterRunStatus.FAILURE, marks=pytest.mark.long),
    ],
)
def test_terminating_the_dagster_run_cancels_the_remote_run_and_records_no_materialization(
    workspace_home: Path,
    tmp_path: Path,
    number: signal.Signals,
    is_requested: bool,
    recorded_as: dg.DagsterRunStatus,
) -> None:
    script, pid_file, dagster_home = tmp_path / "hang.py", tmp_path / "pid", tmp_path / "dagster"
    script.write_text(HANG)
    dagster_home.mkdir()
    command = [sys.executable, "-m", "nyc311_assets_tests.trouble.cancelled_run"]
    command += ["--home", str(workspace_home), "--dagster-home", str(dagster_home)]
    command += ["--script", str(script), "--pid-file", str(pid_file)]
    with (
        dg.DagsterInstance.local_temp(str(dagster_home)) as instance,
        subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        ) as run,
    ):
        try:
            when(lambda: pid_file.exists() or run.poll() is not None, "the job runs")
            if is_requested:
                instance.report_run_canceling(instance.get_runs()[0])
            run.send_signal(number)
            output, _ = run.communicate(timeout=60)
        finally:
            run.kill()
    assert pid_file.exists(), output
    assert run.returncode != 0, output
    # The step waited for the remote run's end: nothing of it is left now.
    assert is_gone(int(pid_file.read_text()))
    assert state_of(workspace_home, newest_run(workspace_home)).result_state is (
        jobs.RunResultState.CANCELED
    )
    with dg.DagsterInstance.local_temp(str(dagster_home)) as instance:
        (recorded,) = instance.get_runs()
        assert recorded.status is recorded_as
        assert not instance.fetch_materializations(dg.AssetKey("probe"), limit=1).records
    assert "Cancelling Databricks run" in output


def test_an_interruption_that_hides_the_answer_to_the_submission_leaves_no_run_behind(
    workspace_home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = hardened(workspace_home)
    submit = client.client.jobs.submit
    submitted = []

    def submit_and_be_interrupted(**request: Any) -> Any:
        submitted.append(submit(**request).bind()["run_id"])
        if len(submitted) == 1:
            raise DagsterExecutionInterruptedError
        return submit(**request)

    monkeypatch.setattr(client.client.jobs, "submit", submit_and_be_interrupted)
    task = script_task(tmp_path, HANG, {"PID_FILE": str(tmp_path / "pid")})
    step = execute(lambda context: client.run(context=context, task=task))
    assert_interrupted(step)
    assert len(set(submitted)) == 1
    assert state_of(workspace_home, submitted[0]).result_state is jobs.RunResultState.CANCELED
    assert newest_run(workspace_home) == submitted[0]


def test_a_second_interruption_does_not_stop_the_cancelling(
    workspace_home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = hardened(workspace_home)
    cancel, look = client.client.jobs.cancel_run, client.client.jobs.get_run
    looked = []

    def be_interrupted_once(run_id: int) -> jobs.Run:
        run = look(run_id)
        looked.append(run_id)
        if len(looked) == 1:
            raise DagsterExecutionInterruptedError
        return run

    def cancel_and_be_interrupted_again(run_id: int) -> Any:
        signal.raise_signal(signal.SIGINT)
        signal.raise_signal(signal.SIGTERM)
        return cancel(run_id)

    monkeypatch.setattr(client.client.jobs, "get_run", be_interrupted_once)
    monkeypatch.setattr(client.client.jobs, "cancel_run", cancel_and_be_interrupted_again)
    task = script_task(tmp_path, HANG, {"PID_FILE": str(tmp_path / "pid")})
    step = execute(lambda context: client.run(context=context, task=task))
    assert_interrupted(step)
    assert state_of(workspace_home, looked[0]).result_state is jobs.RunResultState.CANCELED


def test_an_interruption_is_not_hidden_by_a_workspace_that_does_not_cancel(
    workspace_home: Path, tmp_path: Path, proxy: Proxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    proxy.tamper = lambda call, ask: (
        refusal(403, "PERMISSION_DENIED", "not your run") if "cancel" in call.path else ask()
    )
    workspace = ensure_workspace(workspace_home)
    client = hardened_with(workspace_client(workspace, host=proxy.url), workspace_home / "volumes")
    look = client.client.jobs.get_run

    def be_interrupted(run_id: int) -> jobs.Run:
        look(run_id)
        raise DagsterExecutionInterruptedError

    monkeypatch.setattr(client.client.jobs, "get_run", be_interrupted)
    task = script_task(tmp_path, HANG, {"PID_FILE": str(tmp_path / "pid")})
    try:
        step = execute(lambda context: client.run(context=context, task=task))
        assert_interrupted(step)
        assert "could not be cancelled and may still be running" in step.logs
        assert "not your run" in step.logs
    finally:
        hardened(workspace_home).client.jobs.cancel_run(newest_run(workspace_home))


def test_a_run_that_does_not_end_after_its_cancellation_is_not_waited_for_for_ever(
    workspace_home: Path, tmp_path: Path, proxy: Proxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    def never_ends(call: Call, ask: Ask) -> Answer:
        answer = ask()
        if not call.path.endswith("runs/get"):
            return answer
        state = {"state": {"life_cycle_state": "TERMINATING"}}
        return answer.with_json(json.loads(answer.body) | state)

    proxy.tamper = never_ends
    monkeypatch.setattr(remote_run, "_CANCEL_WAIT_SECONDS", 0.3)
    workspace = ensure_workspace(workspace_home)
    client = hardened_with(
        workspace_client(workspace, host=proxy.url),
        workspace_home / "volumes",
        timeout_seconds=30,
        deadline_slack_seconds=-29.9,
    )
    step = run_script(client, tmp_path, HANG, {"PID_FILE": str(tmp_path / "pid")})
    assert not step.succeeded
    assert "was still TERMINATING after" in step.said
    assert "and has not ended: look at it, it may still cost money and write" in step.logs
