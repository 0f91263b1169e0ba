from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from databricks.sdk.errors import InvalidParameterValue, ResourceDoesNotExist
from databricks.sdk.service import compute, jobs

from nyc311_assets_tests.local.workspaces import RunningWorkspace, new_cluster, result

HELLO = "print('hello')"
SLEEP = "import time; print('asleep', flush=True); time.sleep(600)"


def is_running(run: jobs.Run) -> bool:
    return result(run).startswith("RUNNING")


def test_a_script_runs_with_its_parameters_and_variables(workspace: RunningWorkspace) -> None:
    script = "import os, sys; print(sys.argv[1:], os.environ['A'], file=sys.stderr); print('out')"
    run = workspace.wait(
        workspace.submit(script, "--day", "2026-01-02", new_cluster=new_cluster(A="1"))
    )
    assert result(run) == "TERMINATED/SUCCESS"
    assert run.status is not None
    assert run.status.state is jobs.RunLifecycleStateV2State.TERMINATED
    assert run.status.termination_details is not None
    assert run.status.termination_details.code is jobs.TerminationCodeCode.SUCCESS
    output = workspace.output(run)
    assert output.logs == "out\n\n['--day', '2026-01-02'] 1\n"
    assert (output.error, output.error_trace, output.logs_truncated) == (None, None, False)


@pytest.mark.spark
@pytest.mark.parametrize(
    "compute_fields",
    [
        {"new_cluster": new_cluster()},
        {"existing_cluster_id": "local"},
        {"environment_key": "default"},
    ],
    ids=["new cluster", "existing cluster", "serverless"],
)
def test_a_script_finds_spark_on_every_kind_of_compute(
    workspace: RunningWorkspace, compute_fields: dict[str, Any]
) -> None:
    script = """
from pyspark.sql import SparkSession
print(SparkSession.builder.getOrCreate().range(7).count())
"""
    environment = jobs.JobEnvironment("default", compute.Environment(client="4"))
    run = workspace.wait(
        workspace.submit_task(workspace.task(script, **compute_fields), environments=[environment])
    )
    assert workspace.output(run).logs == "7\n"
    assert workspace.client.clusters.get("local").state is compute.State.RUNNING


def test_a_run_is_described_with_its_times_and_its_task(workspace: RunningWorkspace) -> None:
    run = workspace.wait(workspace.submit_task(workspace.task(HELLO), run_name="a run"))
    (task,) = run.tasks or []
    assert (run.run_name, run.run_type, task.task_key) == (
        "a run",
        jobs.RunType.SUBMIT_RUN,
        "main",
    )
    assert task.new_cluster is not None
    assert task.new_cluster.spark_version == new_cluster().spark_version
    assert None not in {run.start_time, run.end_time, run.queue_duration, run.run_duration}
    phases = (run.queue_duration, run.setup_duration, run.execution_duration, run.cleanup_duration)
    assert sum(phase or 0 for phase in phases) == (run.end_time or 0) - (run.start_time or 0)
    assert run.execution_duration
    assert task.run_id is not None
    of_task = workspace.client.jobs.get_run(task.run_id)
    assert (of_task.run_id, of_task.job_run_id) == (task.run_id, run.run_id)
    assert workspace.output(run).metadata == of_task


def test_a_script_that_raises_fails_the_run_with_its_traceback(workspace: RunningWorkspace) -> None:
    run = workspace.wait(workspace.submit("def f():\n    raise ValueError('no rows')\nf()"))
    assert result(run) == "TERMINATED/FAILED"
    assert run.state is not None
    assert run.state.state_message == "Task main failed: ValueError: no rows"
    output = workspace.output(run)
    assert output.error == "ValueError: no rows"
    assert output.error_trace is not None
    assert output.error_trace.startswith("Traceback (most recent call last):")
    assert "in f" in output.error_trace


def test_a_script_that_is_killed_fails_the_run(workspace: RunningWorkspace) -> None:
    run = workspace.wait(workspace.submit("import os; os.kill(os.getpid(), 9)"))
    assert result(run) == "TERMINATED/FAILED"
    assert workspace.output(run).error == "The process was killed by SIGKILL."


def test_a_script_that_is_not_there_is_an_internal_error(workspace: RunningWorkspace) -> None:
    for path in ("/no/such/script.py", "relative.py", "dbfs:/script.py", "file:/no/such.py"):
        task = jobs.SubmitTask(
            task_key="main",
            spark_python_task=jobs.SparkPythonTask(path),
            new_cluster=new_cluster(),
        )
        run = workspace.wait(workspace.submit_task(task))
        assert result(run) == "INTERNAL_ERROR/FAILED"
        assert f"Cannot read the python file {path}" in (workspace.output(run).error or "")


def test_a_library_that_is_not_installed_is_an_internal_error(workspace: RunningWorkspace) -> None:
    library = compute.Library(pypi=compute.PythonPyPiLibrary("no-such-package-311"))
    run = workspace.wait(workspace.submit(HELLO, libraries=[library]))
    assert result(run) == "INTERNAL_ERROR/FAILED"
    assert run.status is not None
    assert run.status.termination_details is not None
    code = run.status.termination_details.code
    assert code is jobs.TerminationCodeCode.LIBRARY_INSTALLATION_ERROR
    assert "no-such-package-311 is not installed" in (workspace.output(run).error or "")


def test_secrets_reach_the_script_and_no_log(workspace: RunningWorkspace) -> None:
    workspace.client.secrets.create_scope("jobs")
    workspace.client.secrets.put_secret("jobs", "token", string_value="s3cret-value")
    script = """
import os
token = os.environ["TOKEN"]
print(len(token), token)
raise ValueError(f"refused {token}")
"""
    cluster = new_cluster(TOKEN="{{secrets/jobs/token}}")
    run = workspace.wait(workspace.submit(script, new_cluster=cluster))
    output = workspace.output(run)
    assert output.logs is not None
    assert output.logs.startswith("12 [REDACTED]\n")
    assert output.error == "ValueError: refused [REDACTED]"
    kept = [path for path in workspace.paths.folder.rglob("*") if path.is_file()]
    assert kept
    assert not any(b"s3cret-value" in path.read_bytes() for path in kept)


def test_a_secret_that_is_not_there_is_an_internal_error(workspace: RunningWorkspace) -> None:
    cluster = new_cluster(TOKEN="{{secrets/none/token}}")
    run = workspace.wait(workspace.submit(HELLO, new_cluster=cluster))
    assert result(run) == "INTERNAL_ERROR/FAILED"
    assert "TOKEN: Secret none/token does not exist" in (workspace.output(run).error or "")


def test_the_same_token_is_the_same_run(workspace: RunningWorkspace) -> None:
    task = workspace.task(HELLO)
    first = workspace.submit_task(task, idempotency_token="a")
    assert workspace.submit_task(task, idempotency_token="a") == first
    assert workspace.submit_task(task, idempotency_token="b") != first
    workspace.wait(first)
    assert workspace.submit_task(task, idempotency_token="a") == first


def test_a_cancelled_run_ends_with_all_that_it_started(
    workspace: RunningWorkspace, tmp_path: Path
) -> None:
    beats = tmp_path / "beats"
    child = f"import time\nwhile True:\n    open({str(beats)!r}, 'a').write('.'); time.sleep(0.05)"
    script = f"""
import subprocess, sys, time
subprocess.Popen([sys.executable, "-c", {child!r}], start_new_session=True)
time.sleep(600)
"""
    run_id = workspace.submit(script)
    workspace.wait_for(run_id, lambda _: beats.exists(), "beating")
    workspace.client.jobs.cancel_run(run_id)
    run = workspace.wait(run_id)
    assert result(run) == "TERMINATED/CANCELED"
    assert run.state is not None
    assert run.state.user_cancelled_or_timedout
    size = beats.stat().st_size
    again = workspace.wait(workspace.submit("import time; time.sleep(0.3)"))
    assert result(again) == "TERMINATED/SUCCESS"
    assert beats.stat().st_size == size
    workspace.client.jobs.cancel_run(run_id)
    assert result(workspace.client.jobs.get_run(run_id)) == "TERMINATED/CANCELED"


@pytest.mark.parametrize("of_run", [True, False], ids=["of the run", "of the task"])
def test_a_hung_task_ends_at_its_timeout(workspace: RunningWorkspace, *, of_run: bool) -> None:
    if of_run:
        run_id = workspace.submit_task(workspace.task(SLEEP), timeout_seconds=1)
    else:
        run_id = workspace.submit(SLEEP, timeout_seconds=1)
    run = workspace.wait(run_id)
    assert result(run) == "TERMINATED/TIMEDOUT"
    output = workspace.output(run)
    assert output.error == "Run timed out."


def test_a_script_that_ignores_sigterm_is_killed(workspace: RunningWorkspace) -> None:
    script = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN)\n" + SLEEP
    run = workspace.wait(workspace.submit(script, timeout_seconds=1))
    assert result(run) == "TERMINATED/TIMEDOUT"


def test_tasks_run_after_those_they_depend_on(workspace: RunningWorkspace, tmp_path: Path) -> None:
    log = tmp_path / "log"
    script = f"import sys, time; time.sleep(0.2); open({str(log)!r}, 'a').write(sys.argv[1])"
    second = workspace.task(
        script, "2", task_key="second", depends_on=[jobs.TaskDependency("first")]
    )
    run = workspace.wait(
        workspace.submit_task(second, workspace.task(script, "1", task_key="first"))
    )
    assert result(run) == "TERMINATED/SUCCESS"
    assert log.read_text() == "12"


@pytest.mark.parametrize(
    ("cancel", "expected"), [(False, "UPSTREAM_FAILED"), (True, "UPSTREAM_CANCELED")]
)
def test_a_task_does_not_run_after_one_that_did_not_succeed(
    workspace: RunningWorkspace, expected: str, *, cancel: bool
) -> None:
    first = workspace.task(SLEEP if cancel else "1 / 0", task_key="first")
    second = workspace.task(HELLO, task_key="second", depends_on=[jobs.TaskDependency("first")])
    run_id = workspace.submit_task(first, second)
    if cancel:
        workspace.wait_for(run_id, is_running, "running")
        workspace.client.jobs.cancel_run(run_id)
    run = workspace.wait(run_id)
    states = [task.state.result_state for task in run.tasks or [] if task.state]
    assert [state.value for state in states if state][1] == expected
    assert result(run) == f"TERMINATED/{'CANCELED' if cancel else 'FAILED'}"


def test_runs_are_listed_newest_first_in_pages(workspace: RunningWorkspace) -> None:
    ids = [workspace.submit(HELLO) for _ in range(3)]
    for run_id in ids:
        workspace.wait(run_id)
    listed = [run.run_id for run in workspace.client.jobs.list_runs(limit=2)]
    assert listed[:3] == ids[::-1]
    assert len(listed) == len(set(listed))
    expanded = next(iter(workspace.client.jobs.list_runs(expand_tasks=True)))
    assert [task.task_key for task in expanded.tasks or []] == ["main"]


def test_runs_are_listed_by_whether_they_are_under_way(workspace: RunningWorkspace) -> None:
    run_id = workspace.submit(SLEEP)
    active = [run.run_id for run in workspace.client.jobs.list_runs(active_only=True)]
    assert active == [run_id]
    completed = [run.run_id for run in workspace.client.jobs.list_runs(completed_only=True)]
    assert run_id not in completed
    workspace.client.jobs.cancel_run(run_id)
    workspace.wait(run_id)
    assert not list(workspace.client.jobs.list_runs(active_only=True))


@pytest.mark.parametrize(
    "query",
    [{"limit": "26"}, {"page_token": "x"}, {"active_only": "true", "completed_only": "true"}],
)
def test_a_wrong_listing_is_refused(workspace: RunningWorkspace, query: dict[str, str]) -> None:
    answer = workspace.http.get("/api/2.1/jobs/runs/list", params=query)
    assert (answer.status_code, answer.json()["error_code"]) == (400, "INVALID_PARAMETER_VALUE")


def test_a_run_that_is_not_known_does_not_exist(workspace: RunningWorkspace) -> None:
    with pytest.raises(ResourceDoesNotExist, match="Run 7 does not exist"):
        workspace.client.jobs.get_run(7)
    with pytest.raises(InvalidParameterValue, match="Run 7 does not exist"):
        workspace.client.jobs.cancel_run(7)


def test_the_output_is_a_task_s_and_not_a_run_s(workspace: RunningWorkspace) -> None:
    run = workspace.wait(workspace.submit(HELLO))
    assert run.run_id is not None
    with pytest.raises(InvalidParameterValue, match="output of each individual task run"):
        workspace.client.jobs.get_run_output(run.run_id)


def test_a_submission_with_an_unknown_field_is_refused_over_http(
    workspace: RunningWorkspace, submission: dict[str, Any]
) -> None:
    for version in ("2.1", "2.2"):
        answer = workspace.http.post(
            f"/api/{version}/jobs/runs/submit", json=submission | {"job_clusters": []}
        )
        assert answer.status_code == 400
        assert answer.json() == {
            "error_code": "INVALID_PARAMETER_VALUE",
            "message": "Unknown field: job_clusters",
        }
