from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable
from pathlib import Path

import httpx

from nyc311_assets.local.execution import Limits
from nyc311_assets.local.external_spark import ExternalSpark
from nyc311_assets_tests.local.workspaces import RunningWorkspace, result, running_workspace

SLEEP = "import time; time.sleep(600)"


def no_spark() -> ExternalSpark:
    """A Spark that nothing answers for: these tests need none."""
    return ExternalSpark("sc://127.0.0.1:1")


def claim(workspace: RunningWorkspace, *rows: Path) -> httpx.Response:
    return workspace.http.post(
        "/api/embedded/claim", json={"feed_rows": [str(path) for path in rows], "idle_minutes": 5}
    )


def feed_url(workspace: RunningWorkspace, *rows: Path) -> str:
    return str(claim(workspace, *rows).raise_for_status().json()["feed_url"])


def await_feed(url: str) -> dict[str, object]:
    deadline = time.monotonic() + 30
    while True:
        try:
            answer: dict[str, object] = httpx.get(url).json()
        except httpx.TransportError:
            assert time.monotonic() < deadline, "the feed does not come back"
            time.sleep(0.05)
        else:
            return answer


def test_an_idle_workspace_asks_to_stop(tmp_path: Path) -> None:
    with running_workspace(tmp_path, no_spark, idle_minutes=0.5 / 60) as workspace:
        assert workspace.asked_to_stop.wait(20)
        answer = workspace.http.post("/api/embedded/claim", json={})
        assert (answer.status_code, answer.json()["error_code"]) == (503, "TEMPORARILY_UNAVAILABLE")


def test_calls_keep_a_workspace_awake_and_looks_at_its_status_do_not(tmp_path: Path) -> None:
    with running_workspace(tmp_path, no_spark, idle_minutes=1 / 60) as workspace:
        for _ in range(10):
            time.sleep(0.2)
            workspace.http.get("/api/2.0/secrets/scopes/list").raise_for_status()
        assert not workspace.asked_to_stop.is_set()
        deadline = time.monotonic() + 20
        while not workspace.asked_to_stop.wait(0.1):
            assert time.monotonic() < deadline
            workspace.http.get("/api/embedded/status")


def test_a_run_keeps_a_workspace_awake(
    tmp_path: Path, shared_spark: Callable[[], ExternalSpark]
) -> None:
    with running_workspace(tmp_path, shared_spark, idle_minutes=0.5 / 60) as workspace:
        run_id = workspace.submit(SLEEP)
        assert not workspace.asked_to_stop.wait(2)
        workspace.client.jobs.cancel_run(run_id)
        assert workspace.asked_to_stop.wait(20)


def test_the_feed_is_started_once_and_again_if_it_dies(tmp_path: Path) -> None:
    with running_workspace(tmp_path, no_spark) as workspace:
        url = feed_url(workspace)
        assert feed_url(workspace) == url
        pid = await_feed(url)["pid"]
        assert isinstance(pid, int)
        os.kill(pid, signal.SIGKILL)
        assert await_feed(url)["pid"] != pid


def test_the_feed_serves_other_rows_at_the_same_address(tmp_path: Path) -> None:
    rows = tmp_path / "rows.csv"
    rows.touch()
    with running_workspace(tmp_path / "home", no_spark) as workspace:
        url = feed_url(workspace)
        assert await_feed(url)["rows"] == []
        assert feed_url(workspace, rows) == url
        assert await_feed(url)["rows"] == [str(rows)]


def test_the_feed_s_rows_do_not_change_under_a_run(
    tmp_path: Path, shared_spark: Callable[[], ExternalSpark]
) -> None:
    with running_workspace(tmp_path / "home", shared_spark) as workspace:
        url = feed_url(workspace)
        run_id = workspace.submit(SLEEP)
        refused = claim(workspace, tmp_path)
        assert (refused.status_code, refused.json()["error_code"]) == (409, "RESOURCE_CONFLICT")
        assert "serves the synthetic stream to a run that is under way" in refused.json()["message"]
        assert feed_url(workspace) == url
        workspace.client.jobs.cancel_run(run_id)
        workspace.wait(run_id)
        feed_url(workspace, tmp_path)


def test_rows_that_are_not_there_are_named(tmp_path: Path) -> None:
    with running_workspace(tmp_path, no_spark) as workspace:
        refused = claim(workspace, tmp_path / "nowhere.csv")
        assert refused.status_code == 400
        assert f"no such file: {tmp_path}/nowhere.csv" in refused.json()["message"]
        feed_url(workspace)


def test_a_run_fails_where_spark_does_not_start(tmp_path: Path) -> None:
    class NoPatience(ExternalSpark):
        def start(self, timeout_seconds: float = 60.0) -> None:
            del timeout_seconds
            super().start(0.1)

    with running_workspace(tmp_path, lambda: NoPatience("sc://127.0.0.1:1")) as workspace:
        run = workspace.wait(workspace.submit("print('hello')"))
        assert result(run) == "INTERNAL_ERROR/FAILED"
        assert "The cluster did not start: SPARK_REMOTE names" in (
            workspace.output(run).error or ""
        )
        assert "nothing answers" in str(workspace.client.clusters.get("local").state_message)


def test_a_run_is_cancelled_while_spark_starts(tmp_path: Path) -> None:
    with running_workspace(tmp_path, no_spark) as workspace:
        run_id = workspace.submit("print('hello')")
        workspace.wait_for(run_id, lambda run: result(run).startswith("PENDING"), "waiting")
        workspace.client.jobs.cancel_run(run_id)
        assert result(workspace.wait(run_id)) == "TERMINATED/CANCELED"


def test_old_runs_are_forgotten_and_their_logs_deleted(
    tmp_path: Path, shared_spark: Callable[[], ExternalSpark]
) -> None:
    limits = Limits(kept_runs=2)
    runs = tmp_path / "workspace" / "runs"
    (runs / "1").mkdir(parents=True)
    with running_workspace(tmp_path, shared_spark, limits=limits) as workspace:
        ids = []
        for _ in range(4):
            ids.append(workspace.submit("print('hello')"))
            workspace.wait(ids[-1])
        deadline = time.monotonic() + 10
        while len(list(runs.iterdir())) > 2:
            assert time.monotonic() < deadline, "old logs stay"
            time.sleep(0.05)
        assert [run.run_id for run in workspace.client.jobs.list_runs()] == ids[:1:-1]
        assert all((folder / "run.json").exists() for folder in runs.iterdir())
