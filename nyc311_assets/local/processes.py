"""Child processes that cannot outlive this one, however it ends."""

from __future__ import annotations

import asyncio
import contextlib
import json
import signal
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

_KEEPER = Path(__file__).with_name("keeper.py")
_LOOK_INTERVAL_SECONDS = 0.02
LOG_LIMIT_BYTES = 64 * 1024 * 1024


class ProcessNotStarted(RuntimeError):
    """A child could not be started; the message says which, and why."""


class KeptProcess:
    """A child in its own session, under a keeper process that ends it when this process ends.

    It counts as alive until nothing of it is left, its descendants included.

    Attributes:
        pid: Process id of the child, which is its process group's too.
    """

    def __init__(self, keeper: subprocess.Popen[bytes], pid: int) -> None:
        self._keeper = keeper
        self._lock = threading.Lock()
        self._returncode: int | None = None
        self.pid = pid

    @classmethod
    def start(
        cls,
        command: Sequence[str],
        *,
        environment: Mapping[str, str],
        folder: Path,
        stdout: Path,
        stderr: Path,
        secrets: Sequence[str] = (),
        log_limit_bytes: int = LOG_LIMIT_BYTES,
    ) -> KeptProcess:
        """Start a child, and return when it runs.

        Args:
            command: Program and arguments.
            environment: The child's whole environment.
            folder: The child's working folder.
            stdout: File that its standard output is appended to.
            stderr: File that its standard error is appended to.
            secrets: Texts that are blacked out in both files.
            log_limit_bytes: Size at which a file is renamed to `<name>.1` and begun again.

        Raises:
            ProcessNotStarted: The program or the folder does not exist or may not be used.
        """
        order = {
            "command": list(command),
            "environment": dict(environment),
            "folder": str(folder),
            "stdout": str(stdout),
            "stderr": str(stderr),
            "secrets": list(secrets),
            "log_limit_bytes": log_limit_bytes,
        }
        keeper = subprocess.Popen(
            [sys.executable, "-I", str(_KEEPER)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            start_new_session=True,
        )
        _write(keeper, json.dumps(order))
        event = _read(keeper)
        if event.get("event") != "started":
            _close(keeper)
            reason = event.get("error", f"its keeper ended with exit code {keeper.returncode}")
            raise ProcessNotStarted(f"{command[0]} could not be started in {folder}: {reason}")
        return cls(keeper, int(event["pid"]))

    def alive(self) -> bool:
        """Tell whether anything of the child is left."""
        return self.returncode is None

    @property
    def returncode(self) -> int | None:
        """Exit code, negative for the signal that ended it, or None while it lives."""
        with self._lock:
            if self._returncode is None and self._keeper.poll() is not None:
                # Without the keeper's last word it was the keeper that was killed, and with it,
                # by the kernel, the child.
                self._returncode = int(_read(self._keeper).get("returncode", -signal.SIGKILL))
                _close(self._keeper)
            return self._returncode

    def stop(self, grace_seconds: float) -> None:
        """Ask the child to end (SIGTERM), and kill what is left after the grace period.

        Returns at once; `wait` or `ended` tell when it is done.
        """
        if self.alive():
            _write(self._keeper, f"stop {grace_seconds}")

    def wait(self, timeout_seconds: float | None = None) -> int:
        """Wait until nothing of the child is left; return its exit code.

        Raises:
            subprocess.TimeoutExpired: It is still there.
        """
        self._keeper.wait(timeout_seconds)
        returncode = self.returncode
        if returncode is None:
            raise RuntimeError(f"keeper {self._keeper.pid} ended and has no exit code")
        return returncode

    async def ended(self) -> int:
        """Wait, without blocking the event loop, until nothing is left; return the exit code."""
        while (returncode := self.returncode) is None:
            await asyncio.sleep(_LOOK_INTERVAL_SECONDS)
        return returncode


def _write(keeper: subprocess.Popen[bytes], line: str) -> None:
    if keeper.stdin is None:
        raise RuntimeError("the keeper was started without its pipe")
    with contextlib.suppress(BrokenPipeError):
        keeper.stdin.write(line.encode() + b"\n")
        keeper.stdin.flush()


def _read(keeper: subprocess.Popen[bytes]) -> dict[str, Any]:
    if keeper.stdout is None:
        raise RuntimeError("the keeper was started without its pipe")
    line = keeper.stdout.readline()
    event: dict[str, Any] = json.loads(line) if line else {}
    return event


def _close(keeper: subprocess.Popen[bytes]) -> None:
    keeper.wait()
    for pipe in (keeper.stdin, keeper.stdout):
        if pipe is not None:
            with contextlib.suppress(BrokenPipeError):
                pipe.close()
