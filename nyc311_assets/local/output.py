"""Reads what a task has written: its log, and the traceback it ended with."""

from __future__ import annotations

import re
import signal
from dataclasses import dataclass
from pathlib import Path

LOG_LIMIT_BYTES = 5 * 1024 * 1024
_TRACEBACK = "Traceback (most recent call last):"
_CHAINED = re.compile(
    r"(During handling of the above exception, another exception occurred:"
    r"|The above exception was the direct cause of the following exception:)\s*\Z"
)
_SHOWN_LINES = 50


@dataclass(frozen=True)
class Tail:
    """The end of a file.

    Attributes:
        text: Its last characters, from the beginning of a line.
        truncated: Whether there is more before them.
    """

    text: str
    truncated: bool


@dataclass(frozen=True)
class Failure:
    """Why a task failed.

    Attributes:
        error: In one line.
        trace: Its traceback, causes included, or the last lines it wrote.
    """

    error: str
    trace: str


def read_tail(path: Path, limit_bytes: int = LOG_LIMIT_BYTES) -> Tail:
    """Return the end of a file; nothing if there is no file yet."""
    try:
        with path.open("rb") as content:
            size = content.seek(0, 2)
            content.seek(max(0, size - limit_bytes))
            data = content.read(limit_bytes)
    except FileNotFoundError:
        return Tail("", truncated=False)
    truncated = size > limit_bytes or path.with_name(path.name + ".1").exists()
    if size > limit_bytes:
        _, _, data = data.partition(b"\n")
    return Tail(data.decode(errors="replace"), truncated)


def describe_failure(returncode: int, stderr: str) -> Failure:
    """Say why a process failed, from its exit code and what it wrote to standard error."""
    trace = _last_traceback(stderr)
    if returncode < 0:
        name = signal.Signals(-returncode).name
        return Failure(f"The process was killed by {name}.", trace or _last_lines(stderr))
    if trace:
        return Failure(_error_of(trace), trace)
    return Failure(f"The process ended with exit code {returncode}.", _last_lines(stderr))


def _last_traceback(text: str) -> str:
    """Return the last traceback with the ones that it is chained to; nothing if there is none."""
    start = text.rfind(_TRACEBACK)
    if start < 0:
        return ""
    while _CHAINED.search(text[:start]):
        earlier = text.rfind(_TRACEBACK, 0, start)
        if earlier < 0:
            break
        start = earlier
    return text[start:].rstrip()


def _error_of(trace: str) -> str:
    """Return the line that names the exception: the first after the last frame."""
    lines = trace[trace.rfind(_TRACEBACK) :].splitlines()[1:]
    for line in lines:
        if line and not line.startswith((" ", "\t")):
            return line
    return lines[-1].strip() if lines else _TRACEBACK


def _last_lines(text: str) -> str:
    return "\n".join(text.splitlines()[-_SHOWN_LINES:])
