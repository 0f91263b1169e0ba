"""Finds a home's embedded workspace, starts it if there is none, and stops it."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
from filelock import FileLock, Timeout

from nyc311_assets.local.contact import (
    Found,
    WorkspaceError,
    await_end,
    call,
    is_running,
    kill,
    look,
)
from nyc311_assets.local.feed_process import FEED_MODULE
from nyc311_assets.local.paths import WorkspacePaths
from nyc311_assets.local.state import ServerState, read_state

_END_TIMEOUT_SECONDS = 60.0
_LOOK_INTERVAL_SECONDS = 0.05
_SHOWN_LINES = 15

__all__ = [
    "Workspace",
    "WorkspaceError",
    "WorkspaceStatus",
    "ensure_workspace",
    "stop_workspace",
    "workspace_status",
]


@dataclass(frozen=True)
class Workspace:
    """A running embedded workspace.

    Attributes:
        home: The home it serves.
        host: Its address.
        token: What calls must carry.
        feed_url: Base address of its feed.
        pid: Its process id.
    """

    home: Path
    host: str
    token: str = field(repr=False)
    feed_url: str
    pid: int


@dataclass(frozen=True)
class WorkspaceStatus:
    """What a running embedded workspace is doing.

    Attributes:
        home: The home it serves.
        host: Its address.
        pid: Its process id.
        spark: State of its Spark: PENDING, RUNNING or TERMINATED.
        feed_url: Address of its feed, or None if that has not been needed yet.
        active_runs: Names of the runs under way.
        idle_seconds: Time since the last call or run.
        idle_limit_seconds: It stops when it has been idle for this long.
    """

    home: Path
    host: str
    pid: int
    spark: str
    feed_url: str | None
    active_runs: tuple[str, ...]
    idle_seconds: float
    idle_limit_seconds: float

    def __str__(self) -> str:
        if self.active_runs:
            doing = f"running {', '.join(self.active_runs)}"
        else:
            left = max(0.0, self.idle_limit_seconds - self.idle_seconds)
            doing = f"idle, stops in {left:.0f} s"
        return (
            f"running at {self.host} (process {self.pid}) for {self.home}: {doing}; "
            f"Spark is {self.spark}, the feed is {self.feed_url or 'not started'}"
        )


def ensure_workspace(
    home: Path,
    *,
    feed_rows: Sequence[str] = (),
    idle_minutes: float = 5.0,
    start_timeout_seconds: float = 60.0,
    feed_module: str = FEED_MODULE,
) -> Workspace:
    """Return the home's embedded workspace; start it if there is none.

    Any number of processes may call this at once: one server starts, and all get that one. It
    takes its environment from the process that started it, and outlives it.

    Args:
        home: The home folder.
        feed_rows: Files, folders and globs that the feed is to serve; none for the synthetic stream.
        idle_minutes: It stops by itself after this long without a call and without a run.
        start_timeout_seconds: How long a start may take, the wait for an ending one included.
        feed_module: What `python -m` runs as the feed.

    Raises:
        WorkspaceError: It does not start, or its feed does not, or serves other rows to a run.
    """
    paths = WorkspacePaths.of(home)
    wanted = {"feed_rows": _absolute(feed_rows), "idle_minutes": idle_minutes}
    state = read_state(paths.state)
    if state is not None and look(state) is Found.SERVING:
        workspace = _claim(paths, state, wanted)
        if workspace is not None:
            return workspace
    paths.create()
    deadline = time.monotonic() + start_timeout_seconds
    try:
        with FileLock(paths.start_lock, timeout=start_timeout_seconds):
            while time.monotonic() < deadline:
                state = _serving_state(paths, idle_minutes, feed_module, deadline)
                workspace = _claim(paths, state, wanted)
                if workspace is not None:
                    return workspace
                await_end(state, deadline)
    except Timeout as error:
        raise WorkspaceError(
            f"Another process is starting the embedded workspace of {paths.home} and has not "
            f"finished after {start_timeout_seconds:g} s. Look at {paths.log}."
        ) from error
    raise WorkspaceError(
        f"The embedded workspace of {paths.home} was not ready after {start_timeout_seconds:g} s."
        f"\n{_log_tail(paths)}"
    )


def workspace_status(home: Path) -> WorkspaceStatus | None:
    """Return what the home's embedded workspace is doing, or None if none is running.

    Looking does not keep it awake.
    """
    paths = WorkspacePaths.of(home)
    state = read_state(paths.state)
    if state is None or look(state) is not Found.SERVING:
        return None
    with contextlib.suppress(httpx.TransportError):
        answer = call(state, "GET", "status")
        if answer.status_code == httpx.codes.OK:
            return _status(paths, state, answer.json())
    return None


def stop_workspace(home: Path) -> bool:
    """Stop the home's embedded workspace, with its Spark, its feed and its runs.

    Returns when nothing of it is left.

    Returns:
        Whether there was one.

    Raises:
        WorkspaceError: It does not end, not even by force.
    """
    paths = WorkspacePaths.of(home)
    state = read_state(paths.state)
    if state is None or look(state) is Found.NOTHING:
        paths.state.unlink(missing_ok=True)
        return False
    with contextlib.suppress(httpx.TransportError):
        call(state, "POST", "stop", {})
    await_end(state, time.monotonic() + _END_TIMEOUT_SECONDS)
    paths.state.unlink(missing_ok=True)
    return True


def _serving_state(
    paths: WorkspacePaths, idle_minutes: float, feed_module: str, deadline: float
) -> ServerState:
    """Return the state of a server that serves; make room for a new one and start it if need be."""
    state = read_state(paths.state)
    if state is not None:
        found = look(state)
        if found is Found.SERVING:
            return state
        if found is Found.ENDING:
            await_end(state, deadline)
        elif found is Found.HUNG:
            kill(state)
    paths.state.unlink(missing_ok=True)
    return _start(paths, idle_minutes, feed_module, deadline)


def _start(
    paths: WorkspacePaths, idle_minutes: float, feed_module: str, deadline: float
) -> ServerState:
    if paths.log.exists():
        paths.log.replace(paths.log.with_name("server.1.log"))
    command = [sys.executable, "-m", "nyc311_assets.local", "--detach", "--home", str(paths.home)]
    command += ["--idle-minutes", str(idle_minutes), "--feed-module", feed_module]
    with paths.log.open("ab") as log:
        started = subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=log,
            cwd=paths.home,
            check=False,
        )
    if started.returncode != 0:
        raise WorkspaceError(f"The embedded workspace did not start.\n{_log_tail(paths)}")
    pid = int(started.stdout)
    while time.monotonic() < deadline:
        state = read_state(paths.state)
        if state is not None and state.pid == pid and look(state) is Found.SERVING:
            return state
        if not is_running(pid):
            raise WorkspaceError(
                f"The embedded workspace of {paths.home} ended while it started.\n{_log_tail(paths)}"
            )
        time.sleep(_LOOK_INTERVAL_SECONDS)
    raise WorkspaceError(
        f"The embedded workspace of {paths.home} (process {pid}) did not answer in time."
        f"\n{_log_tail(paths)}"
    )


def _claim(paths: WorkspacePaths, state: ServerState, wanted: dict[str, Any]) -> Workspace | None:
    """Keep a server awake, and have it start the feed; return None if it is ending or gone."""
    try:
        answer = call(state, "POST", "claim", wanted)
    except httpx.TransportError:
        return None
    if answer.status_code == httpx.codes.SERVICE_UNAVAILABLE:
        return None
    if answer.status_code != httpx.codes.OK:
        raise WorkspaceError(answer.json()["message"])
    return Workspace(
        home=paths.home,
        host=state.host,
        token=state.token,
        feed_url=answer.json()["feed_url"],
        pid=state.pid,
    )


def _status(paths: WorkspacePaths, state: ServerState, body: dict[str, Any]) -> WorkspaceStatus:
    feed = body["feed"]
    return WorkspaceStatus(
        home=paths.home,
        host=state.host,
        pid=state.pid,
        spark=body["spark"]["state"],
        feed_url=feed and feed["url"],
        active_runs=tuple(run["name"] for run in body["active_runs"]),
        idle_seconds=body["idle_seconds"],
        idle_limit_seconds=body["idle_limit_seconds"],
    )


def _absolute(rows: Sequence[str]) -> list[str]:
    """Return paths as the server, which has another working folder, finds them."""
    return [os.fspath(Path(path).expanduser().absolute()) for path in rows]


def _log_tail(paths: WorkspacePaths) -> str:
    try:
        lines = paths.log.read_text(errors="replace").splitlines()
    except FileNotFoundError:
        return f"(it has no log at {paths.log})"
    return "\n".join([f"{paths.log}:", *lines[-_SHOWN_LINES:]])
