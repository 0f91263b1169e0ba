"""Finds out what is behind the state that a server left in its home, and deals with it."""

from __future__ import annotations

import contextlib
import secrets
import time
from enum import Enum
from typing import Any

import httpx
import psutil

from nyc311_assets.local.state import ServerState

_HEALTH_TIMEOUT_SECONDS = 3.0
_HEALTH_ATTEMPTS = 3
_CALL_TIMEOUT_SECONDS = 150.0
_KILL_TIMEOUT_SECONDS = 60.0
_LOOK_INTERVAL_SECONDS = 0.05


class WorkspaceError(RuntimeError):
    """The embedded workspace is not to be had; the message says why, and what to do."""


class Found(Enum):
    """What is behind a state file."""

    NOTHING = "no such process, or another program has its port"
    SERVING = "the server of this home"
    ENDING = "the server of this home, which is about to end"
    HUNG = "the server's process, which does not answer"


def look(state: ServerState) -> Found:
    """Find out what is behind a state: ask at its port, and look at its process.

    The token is not shown: whoever answers has to prove first that it knows it.
    """
    for _ in range(_HEALTH_ATTEMPTS):
        if not _process_lives(state):
            return Found.NOTHING
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
            return Found.ENDING
        return _judge(state, challenge, answer)
    return Found.HUNG


def _judge(state: ServerState, challenge: str, answer: httpx.Response) -> Found:
    try:
        health = answer.json()
        proof = str(health["proof"])
        stopping = bool(health["stopping"])
    except (ValueError, KeyError, TypeError):
        return Found.NOTHING
    if not secrets.compare_digest(proof, state.proof(challenge)):
        return Found.NOTHING
    return Found.ENDING if stopping else Found.SERVING


def _process_lives(state: ServerState) -> bool:
    """Tell whether the very process that left a state still lives; its id may be another's by now."""
    try:
        started = psutil.Process(state.pid).create_time()
    except psutil.NoSuchProcess:
        return False
    return abs(started - state.process_started) < 1 and is_running(state.pid)


def is_running(pid: int) -> bool:
    """Tell whether a process runs: one that has ended and was not collected yet does not."""
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def await_end(state: ServerState, deadline: float) -> None:
    """Wait until a server has ended; kill it if it has not by the deadline.

    Args:
        state: The server.
        deadline: On the monotonic clock.

    Raises:
        WorkspaceError: It cannot be killed.
    """
    while _process_lives(state):
        if time.monotonic() > deadline:
            kill(state)
        time.sleep(_LOOK_INTERVAL_SECONDS)


def kill(state: ServerState) -> None:
    """Kill a server; its keepers end its children.

    Raises:
        WorkspaceError: It cannot be killed.
    """
    with contextlib.suppress(psutil.NoSuchProcess):
        process = psutil.Process(state.pid)
        process.kill()
        with contextlib.suppress(psutil.TimeoutExpired):
            process.wait(_KILL_TIMEOUT_SECONDS)
    if _process_lives(state):
        raise WorkspaceError(
            f"The embedded workspace of {state.home} (process {state.pid}) does not end, not even by "
            "kill -9. Restart the machine, or use another home (NYC311_HOME)."
        )


def call(
    state: ServerState, method: str, name: str, body: dict[str, Any] | None = None
) -> httpx.Response:
    """Call one of the embedded workspace's own endpoints, with its token.

    Raises:
        httpx.TransportError: It does not answer.
    """
    return httpx.request(
        method,
        f"{state.host}/api/embedded/{name}",
        json=body,
        headers={"Authorization": f"Bearer {state.token}"},
        timeout=_CALL_TIMEOUT_SECONDS,
        trust_env=False,
    )
