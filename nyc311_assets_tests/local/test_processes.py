from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nyc311_assets.local.keeper import LogWriter
from nyc311_assets.local.processes import KeptProcess, ProcessNotStarted

Start = Callable[..., KeptProcess]
# Tells its process id, and starts a child that leaves its group and session, as a daemon does.
_FAMILY = """
import os, subprocess, sys, time
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"], start_new_session=True)
print(os.getpid(), child.pid, flush=True)
"""


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    started = []

    def start(script: str, **arguments: object) -> KeptProcess:
        process = KeptProcess.start(
            [sys.executable, "-c", script],
            environment=dict(os.environ),
            folder=tmp_path,
            stdout=tmp_path / "out",
            stderr=tmp_path / "err",
            **arguments,  # type: ignore[arg-type] # the test's own
        )
        started.append(process)
        return process

    yield start
    for process in started:
        process.stop(0)
        process.wait(20)


def await_text(path: Path) -> str:
    deadline = time.monotonic() + 20
    while not (text := path.read_text() if path.exists() else "").endswith("\n"):
        assert time.monotonic() < deadline, f"{path} stays {text!r}"
        time.sleep(0.02)
    return text


def await_end(*pids: int) -> None:
    deadline = time.monotonic() + 20
    while left := [pid for pid in pids if psutil.pid_exists(pid)]:
        assert time.monotonic() < deadline, f"still there: {left}"
        time.sleep(0.02)


def test_a_process_writes_to_its_files_and_ends_with_its_exit_code(
    start: Start, tmp_path: Path
) -> None:
    process = start("import sys; print('out'); print('err', file=sys.stderr); sys.exit(3)")
    assert process.wait(20) == 3
    assert not process.alive()
    assert ((tmp_path / "out").read_text(), (tmp_path / "err").read_text()) == ("out\n", "err\n")


def test_a_program_that_does_not_exist_is_named(tmp_path: Path) -> None:
    log = tmp_path / "log"
    with pytest.raises(
        ProcessNotStarted, match=r"/no/such/program could not be started in .*No su"
    ):
        KeptProcess.start(
            ["/no/such/program"], environment={}, folder=tmp_path, stdout=log, stderr=log
        )


def test_stop_ends_a_process_by_sigterm(start: Start, tmp_path: Path) -> None:
    script = """
import signal, sys, time
signal.signal(signal.SIGTERM, lambda *_: (print("asked to end"), sys.exit(0)))
print("ready", flush=True)
time.sleep(600)
"""
    process = start(script)
    await_text(tmp_path / "out")
    process.stop(grace_seconds=20)
    assert process.wait(20) == 0
    assert (tmp_path / "out").read_text() == "ready\nasked to end\n"


def test_stop_kills_a_process_that_ignores_sigterm(start: Start, tmp_path: Path) -> None:
    process = start(
        "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN);"
        "print('ready', flush=True); time.sleep(600)"
    )
    await_text(tmp_path / "out")
    process.stop(grace_seconds=0.2)
    assert process.wait(20) == -signal.SIGKILL


@pytest.mark.parametrize("ending", ["", "time.sleep(600)"], ids=["by itself", "by stop"])
def test_nothing_that_a_process_started_outlives_it(
    start: Start, tmp_path: Path, ending: str
) -> None:
    process = start(_FAMILY + ending)
    pids = [int(pid) for pid in await_text(tmp_path / "out").split()]
    if ending:
        process.stop(grace_seconds=5)
    process.wait(20)
    await_end(*pids)


def test_a_killed_keeper_takes_its_process_along(start: Start, tmp_path: Path) -> None:
    process = start("import time; print('ready', flush=True); time.sleep(600)")
    await_text(tmp_path / "out")
    psutil.Process(process.pid).parent().kill()  # type: ignore[union-attr] # it is the keeper
    assert process.wait(20) == -signal.SIGKILL
    await_end(process.pid)


def test_a_killed_owner_takes_everything_along(tmp_path: Path) -> None:
    owner_script = f"""
import os, sys, time
from pathlib import Path
from nyc311_assets.local.processes import KeptProcess
folder = Path({str(tmp_path)!r})
KeptProcess.start(
    [sys.executable, "-c", {_FAMILY + "time.sleep(600)"!r}],
    environment=dict(os.environ), folder=folder, stdout=folder / "out", stderr=folder / "err",
)
time.sleep(600)
"""
    with subprocess.Popen([sys.executable, "-c", owner_script]) as owner:
        pids = [int(pid) for pid in await_text(tmp_path / "out").split()]
        keeper = psutil.Process(pids[0]).ppid()
        owner.kill()
    await_end(*pids, keeper)


def test_secrets_do_not_reach_the_files(start: Start, tmp_path: Path) -> None:
    script = """
import sys, time
sys.stdout.write("token=s3c"); sys.stdout.flush(); time.sleep(0.3)
sys.stdout.write("ret! and s3cre"); sys.stdout.flush()
print("s3cret!", file=sys.stderr)
"""
    start(script, secrets=["s3cret!"]).wait(20)
    assert (tmp_path / "out").read_text() == "token=[REDACTED] and s3cre"
    assert (tmp_path / "err").read_text() == "[REDACTED]\n"


def test_a_file_that_is_full_is_begun_again(start: Start, tmp_path: Path) -> None:
    script = "import time\nfor n in range(30): print(f'line {n}', flush=True); time.sleep(0.01)"
    start(script, log_limit_bytes=100).wait(20)
    kept = (tmp_path / "out.1").read_text() + (tmp_path / "out").read_text()
    assert kept.endswith("line 29\n")
    assert (tmp_path / "out").stat().st_size <= 100


@given(
    pieces=st.lists(st.text("ab#", max_size=4), max_size=12),
    secrets=st.lists(st.text("ab", min_size=1, max_size=4), max_size=3),
)
def test_redaction_does_not_depend_on_how_the_text_is_cut(
    tmp_path_factory: pytest.TempPathFactory, pieces: list[str], secrets: list[str]
) -> None:
    folder = tmp_path_factory.mktemp("logs")
    encoded = [secret.encode() for secret in secrets]
    writer = LogWriter(folder / "pieces", encoded, 10**6)
    for piece in pieces:
        writer.write(piece.encode())
    writer.close()
    written = (folder / "pieces").read_text()
    assert not any(secret in written for secret in secrets)
    # Without secrets nothing changes, and what is no letter is never lost.
    assert written.count("#") == "".join(pieces).count("#")
    if not secrets:
        assert written == "".join(pieces)


def test_an_owner_that_ends_before_it_says_what_to_start_leaves_no_keeper() -> None:
    keeper = Path(__file__).parents[2] / "nyc311_assets" / "local" / "keeper.py"
    ended = subprocess.run(
        [sys.executable, "-I", str(keeper)], input=b"{}", check=False, timeout=20
    )
    assert ended.returncode == 0
