"""Fixtures of the whole test session: one Spark server, the real data, and no process left behind."""

from __future__ import annotations

import contextlib
import os
import time
import uuid
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

import psutil
import pytest
from pyspark.sql import SparkSession

from nyc311_assets.local.lifecycle import ensure_workspace, stop_workspace
from nyc311_assets.local.spark import SparkServer
from nyc311_assets_tests.shared_spark import SharedSpark, start_server, stop_server

# LC_: the embedded workspace passes locale variables on to its tasks, and few others.
_SESSION_VARIABLE = "LC_NYC311_TEST_SESSION"
_ENDING_SECONDS = 10.0
_SERVER = pytest.StashKey[SparkServer]()


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: Any) -> None:
    """Tell a process of pytest-xdist where the session's Spark is; the first call starts it."""
    if _SERVER not in node.config.stash:
        node.config.stash[_SERVER] = start_server()
    node.workerinput["spark"] = asdict(SharedSpark.of(node.config.stash[_SERVER]))


def pytest_unconfigure(config: pytest.Config) -> None:
    """End the Spark that this process has started for others."""
    if _SERVER in config.stash:
        stop_server(config.stash[_SERVER])


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with the files of long tests, so that no process is left alone with one at the end."""
    marks: dict[Path, set[str]] = {}
    for item in items:
        marks.setdefault(item.path, set()).update(mark.name for mark in item.iter_markers())
    items.sort(key=lambda item: ("long" not in marks[item.path], "spark" not in marks[item.path]))


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
def spark_server(pytestconfig: pytest.Config) -> Iterator[SharedSpark]:
    """One Spark Connect server with Delta for all tests that ask for it."""
    given = getattr(pytestconfig, "workerinput", {}).get("spark")
    if given is not None:
        yield SharedSpark(**given)
        return
    server = start_server()
    yield SharedSpark.of(server)
    stop_server(server)


@pytest.fixture(scope="session")
def spark(spark_server: SharedSpark) -> Iterator[SparkSession]:
    """A Spark Connect session on the shared server."""
    session = SparkSession.builder.remote(spark_server.remote).getOrCreate()
    yield session
    session.stop()


@pytest.fixture(scope="session")
def workspace_home(
    tmp_path_factory: pytest.TempPathFactory, spark_server: SharedSpark
) -> Iterator[Path]:
    """A home whose embedded workspace runs as a server, on the shared Spark and without a feed."""
    home = tmp_path_factory.mktemp("workspace") / "home"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SPARK_REMOTE", spark_server.remote)
        ensure_workspace(home, feed_module="nyc311_assets_tests.local.standin_feed")
    yield home
    stop_workspace(home)


@pytest.fixture(scope="session")
def real_data() -> Path:
    """The folder of real NYC 311 data, or a skipped test."""
    repository = Path(__file__).parent.parent
    folder = Path(os.environ.get("NYC311_REAL_DATA", repository.parent / "shared" / "data"))
    if not folder.is_dir():
        pytest.skip(f"no real data at {folder}; NYC311_REAL_DATA names its folder")
    return folder
