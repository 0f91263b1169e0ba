"""What a job can do wrong, and that none of it is recorded as a success."""

from __future__ import annotations

from pathlib import Path

import pytest

from nyc311_assets_tests.resources.probe import OPEN, REPORT, hardened, run_script

SECRET = "s3cr3t-app-token"


def test_a_job_that_reports_and_closes_is_materialized_with_what_it_cost(
    workspace_home: Path, tmp_path: Path
) -> None:
    step = run_script(hardened(workspace_home), tmp_path, REPORT)
    assert step.succeeded, step.said
    assert step.materializations == 1
    assert step.metadata["rows"] == 3
    assert step.metadata["databricks_run_id"].isdecimal()
    assert step.metadata["databricks_run_url"].startswith("http://127.0.0.1:")
    assert {"queue_seconds", "setup_seconds", "execution_seconds"} <= set(step.metadata)


def test_a_job_that_raises_fails_with_its_own_traceback(
    workspace_home: Path, tmp_path: Path
) -> None:
    script = OPEN + (
        "with open_pipes() as pipes:\n"
        "    pipes.report_asset_materialization({'rows': 3})\n"
        "    raise LookupError('no such borough: Westchester')\n"
    )
    step = run_script(hardened(workspace_home), tmp_path, script)
    assert not step.succeeded
    assert step.materializations == 0
    assert "ended as FAILED" in step.said
    assert "LookupError: no such borough: Westchester" in step.said
    assert "raise LookupError(" in step.said
    assert step.failure is not None
    url = step.failure.metadata["databricks_run_url"].value
    assert str(url) in step.said
    assert "LookupError" in str(step.failure.metadata["remote_traceback"].value)


def test_a_job_that_raises_before_pipes_fails_with_its_traceback(
    workspace_home: Path, tmp_path: Path
) -> None:
    step = run_script(hardened(workspace_home), tmp_path, "import a_module_that_is_not_there")
    assert not step.succeeded
    assert "ModuleNotFoundError: No module named 'a_module_that_is_not_there'" in step.said


@pytest.mark.parametrize(
    ("what", "script"),
    [
        (
            "killed after it had reported",
            OPEN + "pipes = open_pipes()\n"
            "pipes.report_asset_materialization({'rows': 3})\ntime.sleep(0.5)\nos._exit(0)\n",
        ),
        ("never opened Pipes", "pass"),
    ],
)
def test_a_job_reported_as_success_without_its_final_report_fails(
    workspace_home: Path, tmp_path: Path, what: str, script: str
) -> None:
    step = run_script(hardened(workspace_home), tmp_path, script)
    assert not step.succeeded, what
    assert step.materializations == 0
    assert "ended as SUCCESS but its final report never came" in step.said
    assert "run the step again" in step.said


def test_a_job_that_swallows_its_exception_fails(workspace_home: Path, tmp_path: Path) -> None:
    script = OPEN + (
        "try:\n"
        "    with open_pipes() as pipes:\n"
        "        pipes.report_asset_materialization({'rows': 3})\n"
        "        try:\n"
        "            {}['borough']\n"
        "        except KeyError as error:\n"
        "            raise ValueError('half of the rows') from error\n"
        "except ValueError:\n"
        "    pass\n"
    )
    step = run_script(hardened(workspace_home), tmp_path, script)
    assert not step.succeeded
    assert step.materializations == 0
    assert "ended as SUCCESS although its job raised" in step.said
    assert step.said.index("KeyError: 'borough'") < step.said.index("ValueError: half of the rows")


def test_a_job_that_closes_without_a_materialization_fails(
    workspace_home: Path, tmp_path: Path
) -> None:
    step = run_script(hardened(workspace_home), tmp_path, OPEN + "with open_pipes(): pass")
    assert not step.succeeded
    assert step.materializations == 0
    assert "ended as SUCCESS and reported nothing" in step.said


def test_a_job_that_kills_itself_names_the_signal(workspace_home: Path, tmp_path: Path) -> None:
    script = OPEN + "pipes = open_pipes()\nos.kill(os.getpid(), 9)\n"
    step = run_script(hardened(workspace_home), tmp_path, script)
    assert not step.succeeded
    assert step.materializations == 0
    assert "SIGKILL" in step.said


def test_a_hung_job_is_stopped_by_the_workspace_and_the_failure_names_the_setting(
    workspace_home: Path, tmp_path: Path
) -> None:
    script = OPEN + "with open_pipes() as pipes: time.sleep(600)"
    step = run_script(hardened(workspace_home, timeout_seconds=1), tmp_path, script)
    assert not step.succeeded
    assert step.materializations == 0
    assert "was stopped after its 1 s" in step.said
    assert "NYC311_STEP_TIMEOUT_SECONDS" in step.said


def test_a_hung_job_that_the_workspace_does_not_stop_is_cancelled_from_here(
    workspace_home: Path, tmp_path: Path
) -> None:
    script = OPEN + "with open_pipes() as pipes: time.sleep(600)"
    client = hardened(workspace_home, timeout_seconds=30, deadline_slack_seconds=-29)
    step = run_script(client, tmp_path, script)
    assert not step.succeeded
    assert step.materializations == 0
    assert "was still RUNNING after 1 s" in step.said
    assert "It was cancelled" in step.said
    assert step.failure is not None
    run_id = step.failure.metadata["databricks_run_id"].value
    state = client.client.jobs.get_run(int(str(run_id))).state
    assert state is not None
    assert state.result_state is not None
    assert state.result_state.value == "CANCELED"


def test_no_secret_reaches_a_failure_a_log_or_a_traceback(
    workspace_home: Path, tmp_path: Path
) -> None:
    client = hardened(workspace_home, secrets=[SECRET])
    token = str(client.client.config.token)
    script = OPEN + (
        "with open_pipes() as pipes:\n"
        "    token, secret = os.environ['A_TOKEN'], os.environ['A_SECRET']\n"
        "    pipes.log.info(f'calling with {token} and {secret}')\n"
        "    print(token, secret)\n"
        "    raise ValueError(f'refused: {token}, {secret}')\n"
    )
    step = run_script(client, tmp_path, script, {"A_TOKEN": token, "A_SECRET": SECRET})
    assert "calling with [REDACTED] and [REDACTED]" in step.logs
    assert "refused: [REDACTED], [REDACTED]" in step.said
    for text in (step.said, step.logs, step.error, str(step.failure and step.failure.metadata)):
        assert token not in text
        assert SECRET not in text
