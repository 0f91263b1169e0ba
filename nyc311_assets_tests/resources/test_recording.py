"""Steps of a real embedded workspace, and the rows that they leave in ops.runs and ops.checks."""

from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
from dagster._core.errors import DagsterExecutionInterruptedError
from databricks.sdk.service import jobs

from nyc311_assets.local.lifecycle import ensure_workspace
from nyc311_assets.pipeline.checks import RAW_CHECKS
from nyc311_assets.resources import runner, workspace
from nyc311_assets.resources.compute import Submission
from nyc311_assets.resources.run_log import RunLog
from nyc311_assets.resources.run_rows import CheckOutcome, StepRun
from nyc311_assets.resources.run_times import run_seconds
from nyc311_assets.resources.runner import JobRunner
from nyc311_assets.settings import Settings
from nyc311_assets_tests.resources.probe import OPEN, STANDIN_FEED, hardened, script_task

DAY = date(2026, 3, 1)
CHECK = RAW_CHECKS[0]
PASSES = OPEN + (
    "with open_pipes() as pipes:\n"
    "    pipes.report_asset_materialization({'rows': 3})\n"
    f"    pipes.report_custom_message({{'kind': 'check', 'partition': '{DAY}',\n"
    f"        'name': '{CHECK.name}', 'passed': False, 'severity': '{CHECK.severity}',\n"
    "        'blocks_run': False, 'figures': {'rows': 3}})\n"
)
FAILS = OPEN + "with open_pipes() as pipes: raise ValueError('no such hydrant')\n"
KILLED = OPEN + "with open_pipes() as pipes: os.kill(os.getpid(), 9)\n"


@pytest.fixture
def settings(workspace_home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    hardened(workspace_home)
    monkeypatch.setattr(
        runner, "open_site", lambda settings: _site(settings, workspace_home, monkeypatch)
    )
    return Settings(home=workspace_home, lakehouse_url=str(tmp_path / "lakehouse"))


def _site(settings: Settings, home: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    with monkeypatch.context() as patch:
        patch.setattr(
            workspace,
            "ensure_workspace",
            lambda _, **__: ensure_workspace(home, feed_module=STANDIN_FEED),
        )
        return workspace._embedded_site(settings)


def step(
    settings: Settings, folder: Path, script: str, monkeypatch: pytest.MonkeyPatch
) -> dg.ExecuteInProcessResult:
    """Materialize an asset whose job is a script, through the runner."""
    monkeypatch.setattr(
        runner, "submission", lambda *_, **__: Submission(script_task(folder, script), {})
    )

    @dg.asset(name="raw_311", partitions_def=dg.DailyPartitionsDefinition("2026-01-01"))
    def asset(context: dg.AssetExecutionContext) -> dg.MaterializeResult[Any]:
        return (
            JobRunner(settings)
            .run(context, "raw_311")
            .get_materialize_result(implicit_materialization=False)
        )

    return dg.materialize([asset], partition_key=DAY.isoformat(), raise_on_error=False)


def metadata_of(result: dg.ExecuteInProcessResult) -> dict[str, Any]:
    (event,) = result.get_asset_materialization_events()
    metadata = event.step_materialization_data.materialization.metadata
    return {name: value.value for name, value in metadata.items()}


def test_a_step_that_succeeds_leaves_its_run_its_checks_and_its_cost(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    result = step(settings, tmp_path, PASSES, monkeypatch)
    assert result.success
    log = RunLog(settings.tables_url)
    (run,) = log.runs()
    assert (run.asset, run.first_partition, run.last_partition) == ("raw_311", DAY, DAY)
    assert (run.partitions, run.attempt, run.state, run.error) == (1, 1, "SUCCESS", None)
    assert run.dagster_run_id == result.run_id
    assert run.submitted_at <= run.ended_at
    assert run.workspace == "embedded"
    assert run.cost_usd == 0.0
    assert run.would_cost_usd == pytest.approx(sum(run.cost_parts.values()))
    metadata = metadata_of(result)
    assert run.run_id == metadata["databricks_run_id"]
    assert metadata["estimated_cost_usd"] == 0.0
    assert metadata["would_cost_usd"] == round(run.would_cost_usd or 0, 4) > 0
    assert "run_record" not in metadata
    (failed,) = log.standing_failures()
    assert (failed.asset, failed.check, failed.partition) == ("raw_311", CHECK.name, DAY)
    assert (failed.passed, failed.blocking, failed.figures) == (False, CHECK.blocks, {"rows": 3})
    assert (failed.description, failed.run_id) == (CHECK.description, run.run_id)


@pytest.mark.parametrize(("script", "said"), [(FAILS, "FAILED"), (KILLED, "FAILED")])
def test_a_step_that_fails_or_is_killed_leaves_its_run(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, script: str, said: str
) -> None:
    assert not step(settings, tmp_path, script, monkeypatch).success
    (run,) = RunLog(settings.tables_url).runs()
    assert run.state == "FAILED"
    assert run.error is not None
    assert f"ended as {said}" in run.error
    assert "\n" not in run.error
    assert run.run_id.isdigit()


def test_a_cancelled_step_leaves_its_run(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    look = jobs.JobsAPI.get_run
    looks: list[int] = []

    def interrupted_once(self: jobs.JobsAPI, run_id: int, **options: Any) -> jobs.Run:
        looks.append(run_id)
        if len(looks) == 2:
            raise DagsterExecutionInterruptedError
        return look(self, run_id, **options)

    monkeypatch.setattr(jobs.JobsAPI, "get_run", interrupted_once)
    script = OPEN + "with open_pipes(): time.sleep(600)\n"
    assert not step(settings, tmp_path, script, monkeypatch).success
    (run,) = RunLog(settings.tables_url).runs()
    assert (run.state, run.run_id) == ("CANCELED", str(looks[0]))


def test_a_step_whose_record_cannot_be_written_succeeds_and_says_so(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "lakehouse").write_text("a file where the folder should be", encoding="utf-8")
    result = step(settings, tmp_path, PASSES, monkeypatch)
    assert result.success
    assert metadata_of(result)["run_record"].startswith("not written: ")


RUN = StepRun(
    run_id="7", dagster_run_id="d", asset="raw_311", first_partition=DAY, last_partition=DAY,
    partitions=1, attempt=1, workspace="databricks", compute="job_cluster", state="SUCCESS",
    error=None, submitted_at=datetime(2026, 3, 2, 8, tzinfo=UTC),
    ended_at=datetime(2026, 3, 2, 9, tzinfo=UTC), queue_seconds=0.0, setup_seconds=300.0,
    execution_seconds=100.0, cost_usd=0.1, would_cost_usd=0.1, price_list=DAY,
    cost_parts={"dbu": 0.1},
)  # fmt: skip


def outcome(run: StepRun, *, passed: bool) -> CheckOutcome:
    return CheckOutcome(
        "raw_311", "c", DAY, passed, "ERROR", True, "text", "o", {"n": 1},
        run.ended_at, "d", run.run_id,
    )  # fmt: skip


def test_a_run_is_recorded_once_however_often_it_is_written(tmp_path: Path) -> None:
    for _ in range(3):
        RunLog(str(tmp_path)).write(RUN, [outcome(RUN, passed=False)])
    log = RunLog(str(tmp_path))
    assert log.runs() == [RUN]
    assert log.standing_failures() == [outcome(RUN, passed=False)]


def test_a_failure_stands_until_the_check_passes_and_runs_are_found_by_time(
    tmp_path: Path,
) -> None:
    log = RunLog(str(tmp_path))
    later = replace(RUN, run_id="8", ended_at=datetime(2026, 4, 1, tzinfo=UTC))
    log.write(RUN, [outcome(RUN, passed=False)])
    log.write(later, [outcome(later, passed=True)])
    assert log.standing_failures() == []
    april = datetime(2026, 4, 1, tzinfo=UTC)
    assert log.runs(since=april) == [later]
    assert log.runs(until=april) == [RUN]


def test_the_phases_of_a_multitask_run_are_those_of_its_task() -> None:
    task = jobs.RunTask("t", setup_duration=200_000, execution_duration=30_000, queue_duration=1000)
    run = jobs.Run(setup_duration=0, execution_duration=0, tasks=[task])
    assert (run_seconds(run).queue, run_seconds(run).setup, run_seconds(run).execution) == (
        1.0, 200.0, 30.0,
    )  # fmt: skip
