from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from nyc311_assets.local.output import describe_failure, read_tail


def stderr_of(script: str) -> tuple[int, str]:
    ended = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=False
    )
    return ended.returncode, ended.stderr


def test_the_error_is_the_line_that_names_the_exception() -> None:
    failure = describe_failure(*stderr_of("raise ValueError('three of\\nthem')"))
    assert failure.error == "ValueError: three of"
    assert failure.trace.endswith("them")


def test_the_trace_has_the_causes_of_the_exception() -> None:
    script = """
try:
    1 / 0
except ZeroDivisionError as error:
    raise RuntimeError("no share") from error
"""
    failure = describe_failure(*stderr_of(script))
    assert failure.error == "RuntimeError: no share"
    assert "ZeroDivisionError" in failure.trace


def test_a_traceback_that_was_logged_before_is_not_part_of_it() -> None:
    script = """
import traceback
try:
    1 / 0
except ZeroDivisionError:
    traceback.print_exc()
print("going on", file=__import__("sys").stderr)
raise KeyError("day")
"""
    failure = describe_failure(*stderr_of(script))
    assert failure.error == "KeyError: 'day'"
    assert "ZeroDivisionError" not in failure.trace


@pytest.mark.parametrize(
    ("script", "error"),
    [
        ("import sys; sys.exit(3)", "The process ended with exit code 3."),
        (
            "import os, signal; os.kill(os.getpid(), signal.SIGKILL)",
            "The process was killed by SIGKILL.",
        ),
    ],
)
def test_an_end_without_an_exception_is_told_by_its_exit_code(script: str, error: str) -> None:
    talk = "import sys; print('last words', file=sys.stderr, flush=True); "
    failure = describe_failure(*stderr_of(talk + script))
    assert failure.error == error
    assert failure.trace == "last words"


def test_a_long_log_is_read_from_the_beginning_of_a_line(tmp_path: Path) -> None:
    log = tmp_path / "log"
    log.write_text("".join(f"line {number}\n" for number in range(100)))
    tail = read_tail(log, limit_bytes=20)
    assert tail.truncated
    assert tail.text == "line 98\nline 99\n"
    assert not read_tail(log).truncated


def test_a_log_that_was_begun_again_counts_as_truncated(tmp_path: Path) -> None:
    (tmp_path / "log.1").write_text("before\n")
    (tmp_path / "log").write_text("after\n")
    tail = read_tail(tmp_path / "log")
    assert (tail.text, tail.truncated) == ("after\n", True)


def test_a_log_that_is_not_there_yet_is_empty(tmp_path: Path) -> None:
    assert read_tail(tmp_path / "log").text == ""
