"""Fixtures of the whole test session: one Spark server, the real data, and no process left behind."""

from __future__ import annotations

import contextlib
import os
import time
import uuid
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
from pyspark.sql import SparkSession

from nyc311_assets.local.spark import SparkServer

# LC_: the embedded workspace passes locale variables on to its tasks, and few others.
_SESSION_VARIABLE = "LC_NYC311_TEST_SESSION"
_ENDING_SECONDS = 10.0


@pytest.fixture(scope="session", autouse=True)
def no_process_left_behind() -> Iterator[None]:
    """Fail the session if a process that it started, at whatever remove, is still there at its end."""
    session = str(uuid.uuid4())
    os.environ[_SESSION_VARIABLE] = session
    yield
    deadline = time.monotonic() + _ENDING_SECONDS
    while (left := _processes_of(session)) and time.monotonic() < deadline:
        time.sleep(0.1)
    described = [f"{process.pid}: {command}" for process, command in left.items()]
    for process in left:
        with contextlib.suppress(psutil.NoSuchProcess):
            process.kill()
    assert not described, "processes left behind:\n" + "\n".join(described)


def _processes_of(session: str) -> dict[psutil.Process, str]:
    """Return the processes that carry the session's mark in their environment, by command."""
    found = {}
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.NoSuchProcess, psutil.AccessDenied):
            if process.pid != os.getpid() and process.environ().get(_SESSION_VARIABLE) == session:
                found[process] = " ".join(process.cmdline())[:300]
    return found


@pytest.fixture(scope="session")
def spark_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SparkServer]:
    """One Spark Connect server with Delta for all tests that ask for it."""
    server = SparkServer(tmp_path_factory.mktemp("spark"), driver_memory="2g")
    server.start(timeout_seconds=120)
    yield server
    server.stop()


@pytest.fixture(scope="session")
def spark(spark_server: SparkServer) -> Iterator[SparkSession]:
    """A Spark Connect session on the shared server."""
    session = SparkSession.builder.remote(spark_server.remote).getOrCreate()
    yield session
    session.stop()


@pytest.fixture(scope="session")
def real_data() -> Path:
    """The folder of real NYC 311 data, or a skipped test."""
    repository = Path(__file__).parent.parent
    folder = Path(os.environ.get("NYC311_REAL_DATA", repository.parent / "shared" / "data"))
    if not folder.is_dir():
        pytest.skip(f"no real data at {folder}; NYC311_REAL_DATA names its folder")
    return folder
