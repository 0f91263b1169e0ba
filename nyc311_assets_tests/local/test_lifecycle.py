from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import stat
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import psutil
import pytest
from databricks.sdk.service import jobs
from filelock import FileLock

from nyc311_assets.local.lifecycle import (
    Workspace,
    WorkspaceError,
    ensure_workspace,
    stop_workspace,
    workspace_status,
)
from nyc311_assets.local.paths import WorkspacePaths
from nyc311_assets.local.state import ServerState, read_state, write_state
from nyc311_assets_tests.local.workspaces import STANDIN_FEED, new_cluster, sdk_client
from nyc311_assets_tests.shared_spark import SharedSpark

SLEEP = "import os, time; print(os.getpid(), flush=True); time.sleep(600)"


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Path]:
    home = tmp_path / "home"
    yield home
    stop_workspace(home)


def ensure(home: Path, *rows: str, idle_minutes: float = 5) -> Workspace:
    return ensure_workspace(
        home, feed_rows=rows, idle_minutes=idle_minutes, feed_module=STANDIN_FEED
    )


def family(pid: int) -> list[psutil.Process]:
    process = psutil.Process(pid)
    return [process, *process.children(recursive=True)]


def command_lines(processes: list[psutil.Process]) -> list[str]:
    """Return the command lines of those that have not ended meanwhile."""
    lines = []
    for process in processes:
        with contextlib.suppress(psutil.NoSuchProcess):
            lines.append(" ".join(process.cmdline()))
    return lines


def await_end(processes: list[psutil.Process]) -> None:
    _, left = psutil.wait_procs(processes, timeout=20)
    assert not command_lines(left)


def submit(workspace: Workspace, folder: Path, script: str) -> int:
    path = folder / "script.py"
    path.write_text(script)
    task = jobs.SubmitTask(
        task_key="main",
        spark_python_task=jobs.SparkPythonTask(str(path)),
        new_cluster=new_cluster(),
    )
    client = sdk_client(workspace.host, workspace.token)
    return int(client.jobs.submit(tasks=[task]).bind()["run_id"])


def await_log(home: Path) -> str:
    """Return what the only task has written, once there is something."""
    deadline = time.monotonic() + 60
    while True:
        texts = [path.read_text() for path in home.rglob("stdout.log")]
        if texts and texts[0].endswith("\n"):
            return texts[0]
        assert time.monotonic() < deadline, "the task does not start"
        time.sleep(0.05)


def test_a_workspace_starts_once_and_stops_when_asked(home: Path) -> None:
    assert workspace_status(home) is None
    first = ensure(home)
    assert ensure(home) == first
    assert first.home == home
    status = workspace_status(home)
    assert status is not None
    assert (status.pid, status.spark, status.feed_url) == (
        first.pid,
        "TERMINATED",
        first.feed_url,
    )
    assert f"running at {first.host} (process {first.pid})" in str(status)
    assert "idle, stops in" in str(status)
    processes = family(first.pid)
    assert stop_workspace(home)
    await_end(processes)
    assert not WorkspacePaths.of(home).state.exists()
    assert workspace_status(home) is None
    assert not stop_workspace(home)


def test_only_this_user_reads_the_token(home: Path) -> None:
    workspace = ensure(home)
    paths = WorkspacePaths.of(home)
    assert stat.S_IMODE(paths.state.stat().st_mode) == 0o600
    assert stat.S_IMODE(paths.folder.stat().st_mode) == 0o700
    assert workspace.token not in repr(workspace)
    assert workspace.token not in paths.log.read_text()
    lines = command_lines(family(workspace.pid))
    assert lines
    assert not any(workspace.token in line for line in lines)


def test_it_leaves_the_session_of_whoever_started_it(home: Path) -> None:
    workspace = ensure(home)
    assert os.getsid(workspace.pid) == workspace.pid != os.getsid(0)
    assert psutil.Process(workspace.pid).ppid() != os.getpid()


def test_many_processes_at_once_get_one_server(home: Path) -> None:
    script = f"""
import sys
from pathlib import Path
from nyc311_assets.local.lifecycle import ensure_workspace
print(ensure_workspace(Path({str(home)!r}), feed_module={STANDIN_FEED!r}).pid)
"""

    def start(_: int) -> str:
        return subprocess.run(
            [sys.executable, "-c", script], capture_output=True, text=True, check=True
        ).stdout

    with ThreadPoolExecutor(4) as threads:
        assert len(set(threads.map(start, range(4)))) == 1
    lines = command_lines(list(psutil.process_iter()))
    servers = [line for line in lines if "nyc311_assets.local " in line and str(home) in line]
    assert len(servers) == 1


def test_an_idle_workspace_stops_and_the_next_caller_gets_a_new_one(home: Path) -> None:
    first = ensure(home, idle_minutes=0.5 / 60)
    await_end(family(first.pid))
    assert workspace_status(home) is None
    assert not WorkspacePaths.of(home).state.exists()
    assert ensure(home).pid != first.pid


def test_a_caller_that_comes_while_it_stops_gets_a_new_one(home: Path) -> None:
    first = ensure(home)
    stopping = threading.Thread(target=stop_workspace, args=(home,))
    stopping.start()
    while (status := workspace_status(home)) is not None and status.pid == first.pid:
        time.sleep(0.005)
    second = ensure(home)
    stopping.join()
    assert second.pid != first.pid
    assert workspace_status(home) is not None


def test_a_state_that_makes_no_sense_is_passed_over(home: Path) -> None:
    paths = WorkspacePaths.of(home)
    paths.create()
    paths.start_lock.write_text("left by somebody")
    paths.server_lock.write_text("left by somebody")
    for left in ("", "{", "[]", '{"pid": 1}'):
        paths.state.write_text(left)
        assert workspace_status(home) is None
    assert ensure(home).pid


def test_the_state_of_a_dead_server_is_cleared_away(home: Path) -> None:
    first = ensure(home)
    processes = family(first.pid)
    os.kill(first.pid, signal.SIGKILL)
    await_end(processes)
    assert WorkspacePaths.of(home).state.exists()
    assert workspace_status(home) is None
    assert not stop_workspace(home)
    assert ensure(home).pid != first.pid


def test_each_home_has_its_server_and_that_of_another_at_the_same_port_is_not_taken_for_it(
    home: Path, tmp_path: Path
) -> None:
    other_home = tmp_path / "other"
    other = ensure(other_home)
    try:
        paths = WorkspacePaths.of(home)
        paths.create()
        port = int(other.host.rpartition(":")[2])
        started = psutil.Process(other.pid).create_time()
        write_state(paths.state, ServerState(str(home), other.pid, started, port, "an old token"))
        assert workspace_status(home) is None
        assert ensure(home).pid != other.pid
        assert ensure(other_home) == other
    finally:
        stop_workspace(other_home)


def test_another_program_at_its_port_does_not_get_to_see_the_token(home: Path) -> None:
    seen: list[str] = []

    class Listener(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            seen.append(f"{self.path} {self.headers}")
            self.send_response(200)
            self.end_headers()
            self.wfile.write(json.dumps({"proof": "guessed", "stopping": False}).encode())

        def log_message(self, *_: object) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Listener) as program:
        thread = threading.Thread(target=program.serve_forever)
        thread.start()
        paths = WorkspacePaths.of(home)
        paths.create()
        started = psutil.Process().create_time()
        state = ServerState(str(home), os.getpid(), started, program.server_port, "s3cret-token")
        write_state(paths.state, state)
        assert ensure(home).pid != os.getpid()
        program.shutdown()
        thread.join()
    assert seen
    assert not any("s3cret-token" in request for request in seen)


def test_a_server_that_hangs_is_killed_and_replaced(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("nyc311_assets.local.contact._HEALTH_TIMEOUT_SECONDS", 0.3)
    first = ensure(home)
    processes = family(first.pid)
    os.kill(first.pid, signal.SIGSTOP)
    assert ensure(home).pid != first.pid
    await_end(processes)


def test_other_rows_reach_the_feed_by_their_absolute_paths(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "rows.csv").touch()
    monkeypatch.chdir(tmp_path)
    ensure(home, "rows.csv")
    with pytest.raises(WorkspaceError, match=f"no such file: {tmp_path}/nowhere.csv"):
        ensure(home, "nowhere.csv")


def test_a_server_that_does_not_start_shows_its_log(home: Path) -> None:
    paths = WorkspacePaths.of(home)
    paths.home.mkdir()
    paths.volumes.write_text("a file where the Volume should be")
    with pytest.raises((WorkspaceError, FileExistsError), match="volumes"):
        ensure(home)
    paths.volumes.unlink()
    paths.create()
    paths.runs.write_text("a file where the runs' folder should be")
    with pytest.raises(WorkspaceError, match=r"ended while it started(.|\n)*FileExistsError"):
        ensure(home)


def test_a_start_that_another_process_does_not_finish_is_told(home: Path) -> None:
    paths = WorkspacePaths.of(home)
    paths.create()
    with (
        FileLock(paths.start_lock),
        ThreadPoolExecutor(1) as thread,
        pytest.raises(WorkspaceError, match="Another process is starting the embedded workspace"),
    ):
        thread.submit(ensure_workspace, home, start_timeout_seconds=0.2).result()


def test_a_second_server_of_a_home_gives_way(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ensure(home)
    monkeypatch.setenv("PYTHONUNBUFFERED", "1")
    script = f"""
from pathlib import Path
from nyc311_assets.local import server
from nyc311_assets.local.paths import WorkspacePaths
server._LOCK_TIMEOUT_SECONDS = 0.1
server.serve(WorkspacePaths.of(Path({str(home)!r})), idle_minutes=1, feed_module="none")
"""
    ended = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=False
    )
    assert ended.returncode == 1
    assert f"Another embedded workspace serves {home}" in ended.stderr


def test_a_server_in_the_foreground_ends_in_good_order_by_a_signal(home: Path) -> None:
    command = [sys.executable, "-m", "nyc311_assets.local", "--home", str(home)]
    with subprocess.Popen(
        [*command, "--feed-module", STANDIN_FEED], stderr=subprocess.DEVNULL
    ) as server:
        deadline = time.monotonic() + 30
        while workspace_status(home) is None:
            assert time.monotonic() < deadline
            time.sleep(0.05)
        assert ensure(home).pid == server.pid
        processes = family(server.pid)
        server.send_signal(signal.SIGINT)
        assert server.wait(20) == 0
    await_end(processes[1:])
    assert not WorkspacePaths.of(home).state.exists()


@pytest.mark.spark
def test_a_killed_server_takes_its_run_along_and_the_next_one_runs_again(
    home: Path, spark_server: SharedSpark, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("SPARK_REMOTE", spark_server.remote)
    first = ensure(home)
    run_id = submit(first, tmp_path, SLEEP)
    task_pid = int(await_log(home))
    processes = family(first.pid)
    assert task_pid in [process.pid for process in processes]
    status = workspace_status(home)
    assert status is not None
    assert "running Untitled" in str(status)
    os.kill(first.pid, signal.SIGKILL)
    await_end(processes)
    with pytest.raises(TimeoutError):
        sdk_client(first.host, first.token).jobs.get_run(run_id)

    second = ensure(home)
    assert second.pid != first.pid
    again = submit(second, tmp_path, "print('hello')")
    client = sdk_client(second.host, second.token)
    run = client.jobs.wait_get_run_job_terminated_or_skipped(again)
    assert run.state is not None
    assert run.state.result_state is jobs.RunResultState.SUCCESS


@pytest.mark.spark
@pytest.mark.long
def test_a_killed_server_takes_spark_and_feed_along(home: Path, tmp_path: Path) -> None:
    workspace = ensure_workspace(home)  # with the real feed
    script = "from pyspark.sql import SparkSession\n"
    script += "SparkSession.builder.getOrCreate().range(1).count()\n" + SLEEP
    submit(workspace, tmp_path, script)
    await_log(home)
    processes = family(workspace.pid)
    names = " ".join(command_lines(processes))
    assert "SparkConnectServer" in names
    assert "nyc311_assets.local.feed" in names
    os.kill(workspace.pid, signal.SIGKILL)
    await_end(processes)


def test_a_state_is_found_again(tmp_path: Path) -> None:
    state = ServerState("/home", 1, 2.5, 3, "s3cret")
    write_state(tmp_path / "state", state)
    assert read_state(tmp_path / "state") == state
    assert "s3cret" not in repr(state)
    assert state.proof("a") != state.proof("b")


def test_ports_are_chosen_by_the_system_so_a_busy_one_is_never_in_the_way(home: Path) -> None:
    first = ensure(home)
    port = int(first.host.rpartition(":")[2])
    stop_workspace(home)
    with socket.create_server(("127.0.0.1", port)):
        assert ensure(home).host != first.host
