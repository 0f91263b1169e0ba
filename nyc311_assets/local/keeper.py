"""Keeps one child process, which ends when its owner does. Run as a script, with `python -I`.

The owner (see `processes.py`) holds the other end of this process's standard input. The first line
there says what to start; a later line `stop <seconds>` ends it (SIGTERM, and SIGKILL after the
grace period); end of file means that the owner is gone, even by `kill -9`, and ends it at once.
Answers go to standard output, one JSON object a line: `started`, `failed`, `exited`.

The child leads its own session and process group. When it has ended, by itself or not, whatever it
started ends too: its group, and on Linux every orphan among its descendants, which this process
adopts. Everything the child writes passes through here, so that secrets are blacked out before
they reach a file. Imports only the standard library until something must be killed, to start fast.
"""

from __future__ import annotations

import contextlib
import ctypes
import functools
import json
import os
import selectors
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import IO, Any

_STDIN = 0
_STDOUT = 1
_PR_SET_PDEATHSIG = 1
_PR_SET_CHILD_SUBREAPER = 36
_CHUNK_BYTES = 1 << 16
_KILL_DEADLINE_SECONDS = 20.0
_REDACTED = b"[REDACTED]"


class LogWriter:
    """Writes a stream to a file without its secrets, and starts a new file when it is full.

    The file before the newest is kept beside it, with the suffix `.1`.
    """

    def __init__(self, path: Path, secrets: list[bytes], limit_bytes: int) -> None:
        self._path = path
        self._secrets = sorted((secret for secret in secrets if secret), key=len, reverse=True)
        self._limit_bytes = limit_bytes
        self._held = b""
        self._file = path.open("ab", buffering=0)

    def write(self, data: bytes) -> None:
        """Write what cannot be the beginning of a secret, and hold the rest back."""
        text = self._held + data
        for secret in self._secrets:
            text = text.replace(secret, _REDACTED)
        held_bytes = self._possible_start_bytes(text)
        self._held = text[len(text) - held_bytes :]
        self._append(text[: len(text) - held_bytes])

    def close(self) -> None:
        """Write what was held back, and close the file."""
        self._append(self._held)
        self._held = b""
        self._file.close()

    def _possible_start_bytes(self, text: bytes) -> int:
        longest = 0
        for secret in self._secrets:
            for length in range(min(len(secret) - 1, len(text)), longest, -1):
                if text.endswith(secret[:length]):
                    longest = length
                    break
        return longest

    def _append(self, data: bytes) -> None:
        if not data:
            return
        if self._file.tell() + len(data) > self._limit_bytes:
            self._file.close()
            self._path.replace(self._path.with_name(self._path.name + ".1"))
            self._file = self._path.open("ab", buffering=0)
        self._file.write(data)


class Keeper:
    """Starts the child, and looks after it until nothing of it is left."""

    def __init__(self, order: dict[str, Any], commands: bytes) -> None:
        self._order = order
        self._commands = commands
        self._selector = selectors.DefaultSelector()
        self._wakeup, self._wakeup_writer = socket.socketpair()
        self._wakeup.setblocking(False)
        self._wakeup_writer.setblocking(False)
        signal.set_wakeup_fd(self._wakeup_writer.fileno())
        self._kill_at: float | None = None
        self._outputs: list[tuple[IO[bytes], LogWriter]] = []

    def run(self) -> int:
        """Run the child to its end; return what this process exits with."""
        before_exec = _adopt_orphans_and_bind_children()
        try:
            self._child = subprocess.Popen(
                self._order["command"],
                env=self._order["environment"],
                cwd=self._order["folder"],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                start_new_session=True,
                preexec_fn=before_exec,  # noqa: PLW1509 - this process has one thread
            )
        except (OSError, ValueError, subprocess.SubprocessError) as error:
            _tell({"event": "failed", "error": str(error)})
            return 1
        self._watch_outputs()
        _tell({"event": "started", "pid": self._child.pid})
        os.set_blocking(_STDIN, False)
        self._selector.register(_STDIN, selectors.EVENT_READ, self._obey)
        self._selector.register(self._wakeup, selectors.EVENT_READ, self._woken)
        while self._child.returncode is None:
            self._turn()
        self._signal_group(signal.SIGKILL)
        self._kill_descendants()
        for pipe, writer in self._outputs:
            while not pipe.closed and self._copy(pipe, writer):
                pass
            writer.close()
        _tell({"event": "exited", "returncode": self._child.returncode})
        return 0

    def _turn(self) -> None:
        timeout = None if self._kill_at is None else max(0.0, self._kill_at - time.monotonic())
        for key, _ in self._selector.select(timeout):
            key.data()
        if self._kill_at is not None and time.monotonic() >= self._kill_at:
            self._kill_at = time.monotonic() + 1
            self._signal_group(signal.SIGKILL)
            self._kill_descendants()
        self._child.poll()

    def _watch_outputs(self) -> None:
        secrets = [secret.encode() for secret in self._order["secrets"]]
        for name, pipe in (("stdout", self._child.stdout), ("stderr", self._child.stderr)):
            if pipe is None:
                raise RuntimeError(f"the child was started without a pipe for its {name}")
            writer = LogWriter(Path(self._order[name]), secrets, self._order["log_limit_bytes"])
            os.set_blocking(pipe.fileno(), False)
            self._outputs.append((pipe, writer))
            self._selector.register(
                pipe, selectors.EVENT_READ, functools.partial(self._copy, pipe, writer)
            )

    def _copy(self, pipe: IO[bytes], writer: LogWriter) -> bool:
        """Copy what is there now; tell whether there was anything."""
        try:
            data = os.read(pipe.fileno(), _CHUNK_BYTES)
        except BlockingIOError:
            return False
        if data:
            writer.write(data)
            return True
        self._selector.unregister(pipe)
        pipe.close()
        return False

    def _obey(self) -> None:
        data = os.read(_STDIN, _CHUNK_BYTES)
        if not data:
            self._selector.unregister(_STDIN)
            self._kill_at = time.monotonic()
            return
        self._commands += data
        *lines, self._commands = self._commands.split(b"\n")
        for line in lines:
            self._stop(float(line.removeprefix(b"stop ")))

    def _stop(self, grace_seconds: float) -> None:
        if self._kill_at is None:
            self._signal_group(signal.SIGTERM)
        kill_at = time.monotonic() + grace_seconds
        self._kill_at = kill_at if self._kill_at is None else min(kill_at, self._kill_at)

    def _woken(self) -> None:
        with contextlib.suppress(BlockingIOError):
            self._wakeup.recv(_CHUNK_BYTES)

    def _signal_group(self, number: signal.Signals) -> None:
        # macOS refuses to signal a group of zombies with EPERM.
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self._child.pid, number)

    def _kill_descendants(self) -> None:
        """Kill what has left the child's group: daemons, and orphans that were adopted."""
        deadline = time.monotonic() + _KILL_DEADLINE_SECONDS
        while not self._reaped_all() and time.monotonic() < deadline:
            import psutil  # noqa: PLC0415 - rarely needed, and half of this script's start

            for process in psutil.Process().children(recursive=True):
                with contextlib.suppress(psutil.NoSuchProcess):
                    process.kill()
            time.sleep(0.01)

    def _reaped_all(self) -> bool:
        """Collect adopted orphans that have ended; tell whether no child is left."""
        self._child.poll()
        if self._child.returncode is None:
            return False
        while True:
            try:
                pid, _ = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return True
            if pid == 0:
                return False


def _adopt_orphans_and_bind_children() -> Callable[[], None] | None:
    """On Linux, become the parent of orphaned descendants and bind the child's life to this one.

    Returns what the child does between fork and exec. Elsewhere the pipe alone does it.
    """
    if not sys.platform.startswith("linux"):
        return None
    library = ctypes.CDLL(None, use_errno=True)
    library.prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)

    def die_with_parent() -> None:
        library.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)

    return die_with_parent


def _tell(event: dict[str, Any]) -> None:
    """Answer the owner, who may be gone."""
    with contextlib.suppress(BrokenPipeError):
        os.write(_STDOUT, (json.dumps(event) + "\n").encode())


def _stay(number: int, frame: FrameType | None) -> None:
    """Outlive a signal: only the owner's word or end ends a keeper.

    A handler and not SIG_IGN, which the child would inherit.
    """


def main() -> int:
    """Read the order from standard input, and keep the child it names."""
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGCHLD):
        signal.signal(number, _stay)
    received = b""
    while b"\n" not in received:
        data = os.read(_STDIN, _CHUNK_BYTES)
        if not data:
            return 0
        received += data
    order, _, commands = received.partition(b"\n")
    return Keeper(json.loads(order), commands).run()


if __name__ == "__main__":
    sys.exit(main())
