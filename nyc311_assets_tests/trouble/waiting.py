"""Waits for what must come, and acts when it has."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import psutil

_PATIENCE_SECONDS = 60.0


def when(holds: Callable[[], bool], what: str) -> None:
    """Wait until something holds; fail if it never does."""
    deadline = time.monotonic() + _PATIENCE_SECONDS
    while not holds():
        assert time.monotonic() < deadline, f"not in {_PATIENCE_SECONDS:g} s: {what}"
        time.sleep(0.02)


def is_gone(pid: int) -> bool:
    """Tell whether nothing of a process is left but, perhaps, its entry in the table."""
    try:
        return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


@contextmanager
def meanwhile(act: Callable[[], None]) -> Iterator[None]:
    """Run something in a thread beside the block; what it raises is raised when both have ended."""
    with ThreadPoolExecutor(max_workers=1) as pool:
        acting = pool.submit(act)
        yield
    acting.result()
