"""The command, as a process of its own."""

from __future__ import annotations

import hashlib
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import orjson
import pytest

from nyc311_assets.local.feed.__main__ import main

NOW = "2026-01-15T12:00:00-05:00"
COMMAND = [sys.executable, "-m", "nyc311_assets.local.feed"]
DAY = "created_date >= '2026-01-10' AND created_date < '2026-01-11'"


@contextmanager
def feed(folder: Path, *arguments: str) -> Iterator[tuple[subprocess.Popen[str], httpx.Client]]:
    ready = folder / "state" / "feed.json"
    process = subprocess.Popen(
        [*COMMAND, "--ready-file", str(ready), *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        while not ready.exists():
            assert process.poll() is None, process.communicate()
            time.sleep(0.02)
        content = orjson.loads(ready.read_bytes())
        assert content["pid"] == process.pid
        with httpx.Client(base_url=f"http://127.0.0.1:{content['port']}", timeout=60) as client:
            yield process, client
    finally:
        process.kill()
        process.communicate()


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([*COMMAND, *arguments], capture_output=True, text=True, check=False)


def test_two_processes_of_one_seed_and_time_give_the_same_bytes(tmp_path: Path) -> None:
    digests = []
    for name, earlier in (("one", "2025-07-04"), ("two", None)):
        with feed(tmp_path / name, "--now", NOW, "--seed", "7") as (_, client):
            if earlier:
                client.get(
                    "/resource/erm2-nwe9.json", params={"$where": f"created_date > '{earlier}'"}
                )
            body = client.get(
                "/resource/erm2-nwe9.json",
                params={"$select": ":*,*", "$where": DAY, "$limit": "50000"},
            ).content
            view = client.get("/api/views/erm2-nwe9.json").content
            digests.append((hashlib.sha256(body).hexdigest(), view))
            assert body.count(b"\n,") > 5_000
    assert digests[0] == digests[1]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_stops_it_and_removes_the_ready_file(
    tmp_path: Path, number: signal.Signals
) -> None:
    with feed(tmp_path, "--now", NOW) as (process, client):
        assert client.get("/healthz").json() == {
            "status": "ok",
            "provenance": "synthetic",
            "seed": 311,
            "files": [],
        }
        process.send_signal(number)
        output, errors = process.communicate(timeout=20)
    assert process.returncode == 0
    assert output.startswith("Serving synthetic 311 requests at http://127.0.0.1:")
    assert errors == ""
    assert list((tmp_path / "state").iterdir()) == []


def test_it_can_be_run_by_another_command_and_gives_its_signals_back(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    ready = tmp_path / "feed.json"
    before = signal.getsignal(signal.SIGTERM)
    statuses: list[int] = []

    def ask_and_stop() -> None:
        while not ready.exists():
            time.sleep(0.02)
        port = orjson.loads(ready.read_bytes())["port"]
        statuses.append(httpx.get(f"http://127.0.0.1:{port}/healthz").status_code)
        os.kill(os.getpid(), signal.SIGTERM)

    asking = threading.Thread(target=ask_and_stop)
    asking.start()
    assert main(["--now", NOW, "--ready-file", str(ready)]) == 0
    asking.join()
    assert statuses == [200]
    assert not ready.exists()
    assert signal.getsignal(signal.SIGTERM) == before
    assert "Serving synthetic" in capsys.readouterr().out


def test_wrong_files_and_busy_ports_have_their_exit_codes(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["--rows", "nowhere.csv"]) == 2
    assert "does not exist" in capsys.readouterr().err
    with socket.create_server(("127.0.0.1", 0)) as taken:
        assert main(["--port", str(taken.getsockname()[1]), "--now", NOW]) == 1
    assert "choose another port" in capsys.readouterr().err
    with pytest.raises(SystemExit) as refusal:
        main(["--now", "2026-01-15"])
    assert refusal.value.code == 2


def test_rows_of_files_are_served_and_named(tmp_path: Path) -> None:
    rows = tmp_path / "rows.csv"
    rows.write_text("unique_key,created_date\n1,2026-07-04\n")
    with feed(tmp_path, "--rows", str(rows)) as (_, client):
        health = client.get("/healthz").json()
        assert (health["provenance"], health["files"]) == ("files", [str(rows)])
        assert client.get("/resource/erm2-nwe9.json").json() == [
            {"unique_key": "1", "created_date": "2026-07-04T00:00:00.000"}
        ]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--rows", "nowhere.csv"], "nowhere.csv does not exist"),
        (["--now", "2026-01-15"], "has no UTC offset"),
        (["--now", "soon"], "--now"),
        (["--port", "many"], "invalid int value"),
    ],
)
def test_wrong_input_ends_with_2_and_says_why(arguments: list[str], message: str) -> None:
    ended = run(*arguments)
    assert ended.returncode == 2
    assert message in ended.stderr
    assert "Traceback" not in ended.stderr


def test_a_file_of_something_else_ends_with_2(tmp_path: Path) -> None:
    path = tmp_path / "other.csv"
    path.write_text("a,b\n1,2\n")
    ended = run("--rows", str(path))
    assert ended.returncode == 2
    assert "has no column unique_key and created_date" in ended.stderr


def test_a_busy_port_ends_with_1_and_the_remedy() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        ended = run("--port", str(port), "--now", NOW)
    assert ended.returncode == 1
    assert f"127.0.0.1:{port}" in ended.stderr
    assert "choose another port" in ended.stderr
