from __future__ import annotations

import threading
from pathlib import Path

import pytest

from nyc311_assets.jobs.progress import show_progress


def test_progress_is_shown_when_it_changes_and_only_then() -> None:
    shown: list[str] = []
    state, looks = {"done": 0}, threading.Semaphore(0)

    def read() -> str:
        looks.release()
        return f"{state['done']} of 2"

    with show_progress(read, shown.append, interval_seconds=0.001):
        for done in (0, 1, 2):
            state["done"] = done
            while looks.acquire(blocking=False):
                pass
            for _ in range(3):
                assert looks.acquire(timeout=10)
    assert shown == ["1 of 2", "2 of 2"]


def test_nothing_is_read_or_shown_after_the_block() -> None:
    shown: list[str] = []
    reads: list[int] = []

    def read() -> str:
        reads.append(len(reads))
        return str(len(reads))

    with pytest.raises(LookupError), show_progress(read, shown.append, interval_seconds=0.001):
        raise LookupError
    seen = len(reads), len(shown)
    threading.Event().wait(0.02)
    assert (len(reads), len(shown)) == seen


def test_progress_that_cannot_be_read_does_not_stop_the_work(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def read() -> str:
        return (tmp_path / "not there").read_text()

    with show_progress(read, print, interval_seconds=0.001):
        pass
    assert "The progress is not shown any more" in capsys.readouterr().err
