"""How much memory a process and all its descendants take at most."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator
from dataclasses import dataclass

import psutil

_INTERVAL_SECONDS = 0.25


@dataclass
class Peak:
    """The most that was seen.

    Attributes:
        bytes: Sum of the resident sets.
    """

    bytes: int = 0


@contextlib.contextmanager
def watched() -> Iterator[Peak]:
    """Look at this process and all its descendants four times a second while the block runs.

    Pages that several of them share count for each.
    """
    peak, ended = Peak(), threading.Event()

    def look() -> None:
        while not ended.wait(_INTERVAL_SECONDS):
            peak.bytes = max(peak.bytes, resident())

    thread = threading.Thread(target=look, daemon=True)
    thread.start()
    try:
        yield peak
    finally:
        ended.set()
        thread.join()


def resident(pid: int | None = None) -> int:
    """Sum of the resident sets, in bytes, of a process (None: this one) and its descendants."""
    root = psutil.Process(pid)
    total = 0
    for process in (root, *root.children(recursive=True)):
        with contextlib.suppress(psutil.NoSuchProcess):
            total += process.memory_info().rss
    return total
