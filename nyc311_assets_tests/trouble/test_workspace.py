"""A workspace that refuses, is busy, answers nothing, or loses what is under way."""

from __future__ import annotations

import json
import os
import signal
import socket
from pathlib import Path

import psutil
import pytest
from databricks.sdk.service.compute import TerminationReasonCode

from nyc311_assets.local.lifecycle import ensure_workspace, stop_workspace, workspace_status
from nyc311_assets.resources.databricks import HardenedPipesDatabricksClient
from nyc311_assets_tests.proxy import Answer, Ask, Call, Proxy, refusal
from nyc311_assets_tests.resources.probe import (
    HANG,
    OPEN,
    REPORT,
    STANDIN_FEED,
    Step,
    hardened,
    hardened_with,
    run_script,
    workspace_client,
)
from nyc311_assets_tests.shared_spark import SharedSpark
from nyc311_assets_tests.trouble.waiting import is_gone, meanwhile, when


def through(proxy: Proxy, home: Path, **settings: object) -> HardenedPipesDatabricksClient:
    """Return a client that reaches a home's workspace through a proxy."""
    return hardened_with(
        workspace_client(ensure_workspace(home), host=proxy.url, retry_timeout_seconds=2),
        home / "volumes",
        **settings,
    )


def assert_failed(step: Step) -> None:
    assert not step.succeeded
    assert step.materializations == 0
    assert step.failure is not None, step.error


def test_an_unknown_token_fails_and_names_the_variable(
    workspace_home: Path, tmp_path: Path
) -> None:
    workspace = ensure_workspace(workspace_home)
    client = hardened_with(
        workspace_client(workspace, token="dapi-expired"), workspace_home / "volumes"
    )
    step = run_script(client, tmp_path, REPORT)
    assert_failed(step)
    assert step.said.startswith(f"Nothing was started. The workspace {workspace.host}")
    assert "Set DATABRICKS_TOKEN" in step.said
    assert "dapi-expired" not in step.said + step.error + step.logs


@pytest.mark.parametrize(
    ("status", "code", "remedy"),
    [
        (401, "UNAUTHENTICATED", "Set DATABRICKS_TOKEN"),
        (403, "PERMISSION_DENIED", "owner of DATABRICKS_TOKEN"),
        (400, "INVALID_PARAMETER_VALUE", "refused: InvalidParameterValue"),
    ],
)
def test_a_submission_that_is_refused_fails_with_the_remedy(
    workspace_home: Path, tmp_path: Path, proxy: Proxy, status: int, code: str, remedy: str
) -> None:
    proxy.tamper = lambda call, ask: (
        refusal(status, code, "not like this") if "runs/submit" in call.path else ask()
    )
    step = run_script(through(proxy, workspace_home), tmp_path, REPORT)
    assert_failed(step)
    assert step.said.startswith("Nothing was started.")
    assert remedy in step.said
    assert "not like this" in step.said


@pytest.mark.parametrize(
    ("status", "code"), [(429, "REQUEST_LIMIT_EXCEEDED"), (503, "TEMPORARILY_UNAVAILABLE")]
)
def test_a_busy_workspace_is_asked_again_and_then_named(
    workspace_home: Path, tmp_path: Path, proxy: Proxy, status: int, code: str
) -> None:
    proxy.tamper = lambda *_: refusal(status, code, "come back later", retry_after="0")
    step = run_script(through(proxy, workspace_home), tmp_path, REPORT)
    assert_failed(step)
    assert len(proxy.calls) > 1
    assert "is too busy and stayed so through all retries" in step.said
    assert "come back later" in step.said


def test_a_workspace_that_is_busy_for_a_moment_does_no_harm(
    workspace_home: Path, tmp_path: Path, proxy: Proxy
) -> None:
    refused: set[str] = set()

    def refuse_once(call: Call, ask: Ask) -> Answer:
        kind = call.path.split("/")[-1]
        if "/jobs/runs/" not in call.path or kind in refused:
            return ask()
        refused.add(kind)
        return refusal(429, "REQUEST_LIMIT_EXCEEDED", "come back later", retry_after="0")

    proxy.tamper = refuse_once
    step = run_script(through(proxy, workspace_home), tmp_path, REPORT)
    assert step.succeeded, step.said
    assert refused == {"submit", "get"}


def test_a_workspace_that_is_not_there_fails_soon_and_says_what_to_look_at(
    workspace_home: Path, tmp_path: Path
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        nobody = f"http://127.0.0.1:{listener.getsockname()[1]}"
    client = workspace_client(ensure_workspace(workspace_home), host=nobody)
    step = run_script(hardened_with(client, workspace_home / "volumes"), tmp_path, REPORT)
    assert_failed(step)
    assert f"The workspace {nobody} does not answer" in step.said
    assert "check DATABRICKS_HOST" in step.said
    assert "nyc311 local status" in step.said


def test_a_workspace_that_no_longer_shows_the_run_fails_the_step_and_cancels_the_run(
    workspace_home: Path, tmp_path: Path, proxy: Proxy
) -> None:
    pid_file = tmp_path / "pid"

    def refuse_under_way(call: Call, ask: Ask) -> Answer:
        if "runs/get" in call.path and pid_file.exists():
            return refusal(403, "PERMISSION_DENIED", "no longer yours")
        return ask()

    proxy.tamper = refuse_under_way
    step = run_script(through(proxy, workspace_home), tmp_path, HANG, {"PID_FILE": str(pid_file)})
    assert_failed(step)
    assert "no longer yours" in step.said
    assert "whether it still runs is unknown" in step.said
    assert step.failure is not None
    assert str(step.failure.metadata["databricks_run_url"].value) in step.said
    assert "runs/cancel" in "".join(call.path for call in proxy.calls)
    when(lambda: is_gone(int(pid_file.read_text())), "the job is gone")


@pytest.mark.parametrize(
    ("reason", "remedy"),
    [
        ("AWS_INSUFFICIENT_INSTANCE_CAPACITY_FAILURE", "NYC311_COMPUTE=serverless"),
        ("SPOT_INSTANCE_TERMINATION", "NYC311_COMPUTE=serverless"),
        ("AWS_INSUFFICIENT_FREE_ADDRESSES_IN_SUBNET_FAILURE", "limit is reached"),
        ("AWS_RESOURCE_QUOTA_EXCEEDED", "quota of vCPUs"),
    ],
)
def test_a_cluster_that_aws_does_not_give_is_named_with_what_to_do(
    workspace_home: Path, tmp_path: Path, proxy: Proxy, reason: str, remedy: str
) -> None:
    assert reason in {each.value for each in TerminationReasonCode}

    def without_machines(call: Call, ask: Ask) -> Answer:
        answer = ask()
        if not call.path.endswith("/runs/get"):
            return answer
        said = f"Cluster 'x' was terminated. Reason: {reason} (CLIENT_ERROR)"
        state = {"life_cycle_state": "INTERNAL_ERROR", "result_state": "FAILED"}
        run = json.loads(answer.body)
        return answer.with_json({**run, "state": {**state, "state_message": said}})

    proxy.tamper = without_machines
    step = run_script(through(proxy, workspace_home), tmp_path, REPORT)
    assert_failed(step)
    assert reason in step.said
    assert remedy in step.said


def test_a_cluster_that_s3_refuses_is_told_whose_grants_to_look_at(
    workspace_home: Path, tmp_path: Path
) -> None:
    said = "java.nio.file.AccessDeniedException: s3a://lakehouse/silver: Forbidden"
    step = run_script(hardened(workspace_home), tmp_path, OPEN + f"raise OSError({said!r})")
    assert_failed(step)
    assert "storage_credential_role_arn" in step.said


def test_messages_that_cannot_be_read_fail_the_step_at_once_and_cancel_the_run(
    workspace_home: Path, tmp_path: Path, proxy: Proxy
) -> None:
    pid_file = tmp_path / "pid"

    def refuse_messages(call: Call, ask: Ask) -> Answer:
        if call.method == "GET" and "/fs/files/" in call.path and pid_file.exists():
            return refusal(403, "PERMISSION_DENIED", "the Volume is closed")
        return ask()

    proxy.tamper = refuse_messages
    step = run_script(through(proxy, workspace_home), tmp_path, HANG, {"PID_FILE": str(pid_file)})
    assert_failed(step)
    assert "messages could not be read" in step.said
    assert "the Volume is closed" in step.said
    assert is_gone(int(pid_file.read_text()))


def test_messages_that_cannot_be_read_fail_the_step_of_a_run_that_succeeded(
    workspace_home: Path, tmp_path: Path, proxy: Proxy
) -> None:
    proxy.tamper = lambda call, ask: (
        Answer(200, b"{not a message")
        if call.method == "GET" and call.path.endswith("/1.json")
        else ask()
    )
    step = run_script(through(proxy, workspace_home), tmp_path, REPORT)
    assert_failed(step)
    assert "messages could not be read" in step.said


def test_folders_that_cannot_be_removed_are_a_warning_and_lose_no_result(
    workspace_home: Path, tmp_path: Path, proxy: Proxy
) -> None:
    proxy.tamper = lambda call, ask: (
        refusal(403, "PERMISSION_DENIED", "deleting is not permitted")
        if call.method == "DELETE"
        else ask()
    )
    step = run_script(through(proxy, workspace_home), tmp_path, REPORT)
    assert step.succeeded, step.said
    assert step.materializations == 1
    assert step.metadata["rows"] == 3
    assert "could not be removed and may be deleted" in step.logs
    assert "deleting is not permitted" in step.logs


def test_folders_that_cannot_be_removed_do_not_hide_why_the_job_failed(
    workspace_home: Path, tmp_path: Path, proxy: Proxy
) -> None:
    proxy.tamper = lambda call, ask: (
        refusal(500, "INTERNAL_ERROR", "the store is out of order")
        if call.method == "DELETE"
        else ask()
    )
    step = run_script(through(proxy, workspace_home), tmp_path, OPEN + "raise ValueError('mine')")
    assert_failed(step)
    assert "ValueError: mine" in step.said


def test_a_traceback_that_cannot_be_fetched_is_said_and_the_one_from_pipes_is_shown(
    workspace_home: Path, tmp_path: Path, proxy: Proxy
) -> None:
    proxy.tamper = lambda call, ask: (
        refusal(403, "PERMISSION_DENIED", "logs are not for you")
        if "get-output" in call.path
        else ask()
    )
    script = OPEN + "with open_pipes() as pipes: raise ValueError('mine')"
    step = run_script(through(proxy, workspace_home), tmp_path, script)
    assert_failed(step)
    assert "logs are not for you" in step.said
    assert "ValueError: mine" in step.said


def test_kill_9_of_the_embedded_server_fails_the_step_and_the_next_run_has_a_new_server(
    tmp_path: Path, spark_server: SharedSpark, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SPARK_REMOTE", spark_server.remote)
    home, pid_file = tmp_path / "home", tmp_path / "pid"
    first = ensure_workspace(home, feed_module=STANDIN_FEED)
    server = psutil.Process(first.pid)

    def kill() -> None:
        when(pid_file.exists, "the job runs")
        server.send_signal(signal.SIGKILL)

    try:
        with meanwhile(kill):
            step = run_script(
                hardened_with(workspace_client(first), home / "volumes"),
                tmp_path,
                HANG,
                {"PID_FILE": str(pid_file)},
            )
        assert_failed(step)
        assert f"The workspace {first.host} does not answer" in step.said
        assert "whether it still runs is unknown" in step.said
        when(lambda: is_gone(int(pid_file.read_text())), "the job is gone")

        second = ensure_workspace(home, feed_module=STANDIN_FEED)
        assert second.pid != first.pid
        again = run_script(hardened(home), tmp_path, REPORT)
        assert again.succeeded, again.said
    finally:
        stop_workspace(home)


def _is_spark(process: psutil.Process) -> bool:
    try:
        return "SparkConnectServer" in " ".join(process.cmdline())
    except psutil.NoSuchProcess:  # a zombie is one of these
        return False


@pytest.mark.long
def test_a_lost_cluster_fails_the_step_and_the_next_run_has_a_new_one(tmp_path: Path) -> None:
    home, pid_file = tmp_path / "home", tmp_path / "pid"
    ensure_workspace(home, feed_module=STANDIN_FEED)

    def kill() -> None:
        when(pid_file.exists, "the job runs")
        family = psutil.Process(ensure_workspace(home).pid).children(recursive=True)
        os.kill([each for each in family if _is_spark(each)][-1].pid, signal.SIGKILL)

    try:
        with meanwhile(kill):
            step = run_script(hardened(home), tmp_path, HANG, {"PID_FILE": str(pid_file)})
        assert_failed(step)
        assert "Cluster lost while the task ran" in step.said
        assert is_gone(int(pid_file.read_text()))
        again = run_script(hardened(home), tmp_path, REPORT)
        assert again.succeeded, again.said
    finally:
        stop_workspace(home)
    assert workspace_status(home) is None
