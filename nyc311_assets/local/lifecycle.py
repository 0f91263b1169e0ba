"""Finds a home's embedded workspace, starts it if there is none, and stops it."""

from __future__ import annotations

import contextlib
import os
import secrets
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path
from typing import Any

import httpx
import psutil
from filelock import FileLock, Timeout

from nyc311_assets.local.feed_process import FEED_MODULE
from nyc311_assets.local.paths import WorkspacePaths
from nyc311_assets.local.state import ServerState, read_state

_HEALTH_TIMEOUT_SECONDS = 3.0
_HEALTH_ATTEMPTS = 3
_CLAIM_TIMEOUT_SECONDS = 150.0
_END_TIMEOUT_SECONDS = 60.0
_LOOK_INTERVAL_SECONDS = 0.05
_SHOWN_LINES = 15


class WorkspaceError(RuntimeError):
    """The embedded workspace is not to be had; the message says why, and what to do."""


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


class _Found(Enum):
    """What is behind a state file."""

    NOTHING = "no such process, or another program has its port"
    SERVING = "the server of this home"
    ENDING = "the server of this home, which is about to end"
    HUNG = "the server's process, which does not answer"


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
    if state is not None and _look(state) is _Found.SERVING:
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
                _await_end(state, deadline)
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
    if state is None or _look(state) is not _Found.SERVING:
        return None
    with contextlib.suppress(httpx.TransportError):
        answer = _call(state, "GET", "status")
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
    if state is None or _look(state) is _Found.NOTHING:
        paths.state.unlink(missing_ok=True)
        return False
    with contextlib.suppress(httpx.TransportError):
        _call(state, "POST", "stop", {})
    _await_end(state, time.monotonic() + _END_TIMEOUT_SECONDS)
    paths.state.unlink(missing_ok=True)
    return True


def _serving_state(
    paths: WorkspacePaths, idle_minutes: float, feed_module: str, deadline: float
) -> ServerState:
    """Return the state of a server that serves; make room for a new one and start it if need be."""
    state = read_state(paths.state)
    if state is not None:
        found = _look(state)
        if found is _Found.SERVING:
            return state
        if found is _Found.ENDING:
            _await_end(state, deadline)
        elif found is _Found.HUNG:
            _kill(state)
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
        if state is not None and state.pid == pid and _look(state) is _Found.SERVING:
            return state
        if not _is_running(pid):
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
        answer = _call(state, "POST", "claim", wanted)
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


def _look(state: ServerState) -> _Found:
    """Find out what is behind a state: ask at its port, and look at its process."""
    for _ in range(_HEALTH_ATTEMPTS):
        if not _process_lives(state):
            return _Found.NOTHING
        challenge = secrets.token_hex(16)
        try:
            answer = httpx.get(
                f"{state.host}/embedded/health",
                params={"challenge": challenge},
                timeout=_HEALTH_TIMEOUT_SECONDS,
                trust_env=False,
            )
        except httpx.TimeoutException:
            continue
        except httpx.TransportError:
            # Its port is closed: it ends, or was just about to be ready.
            return _Found.ENDING
        return _judge(state, challenge, answer)
    return _Found.HUNG


def _judge(state: ServerState, challenge: str, answer: httpx.Response) -> _Found:
    try:
        health = answer.json()
        proof = str(health["proof"])
        stopping = bool(health["stopping"])
    except (ValueError, KeyError, TypeError):
        return _Found.NOTHING
    if not secrets.compare_digest(proof, state.proof(challenge)):
        return _Found.NOTHING
    return _Found.ENDING if stopping else _Found.SERVING


def _process_lives(state: ServerState) -> bool:
    """Tell whether the very process that left a state still lives; its id may be another's by now."""
    try:
        started = psutil.Process(state.pid).create_time()
    except psutil.NoSuchProcess:
        return False
    return abs(started - state.process_started) < 1 and _is_running(state.pid)


def _is_running(pid: int) -> bool:
    """Tell whether a process runs: one that has ended and was not collected yet does not."""
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def _await_end(state: ServerState, deadline: float) -> None:
    """Wait until a server has ended; kill it if it does not."""
    while _process_lives(state):
        if time.monotonic() > deadline:
            _kill(state)
        time.sleep(_LOOK_INTERVAL_SECONDS)


def _kill(state: ServerState) -> None:
    """Kill a server; its keepers end its children."""
    with contextlib.suppress(psutil.NoSuchProcess):
        process = psutil.Process(state.pid)
        process.kill()
        with contextlib.suppress(psutil.TimeoutExpired):
            process.wait(_END_TIMEOUT_SECONDS)
    if _process_lives(state):
        raise WorkspaceError(
            f"The embedded workspace of {state.home} (process {state.pid}) does not end, not even by "
            "kill -9. Restart the machine, or use another home (NYC311_HOME)."
        )


def _call(
    state: ServerState, method: str, name: str, body: dict[str, Any] | None = None
) -> httpx.Response:
    return httpx.request(
        method,
        f"{state.host}/api/embedded/{name}",
        json=body,
        headers={"Authorization": f"Bearer {state.token}"},
        timeout=_CLAIM_TIMEOUT_SECONDS,
        trust_env=False,
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
