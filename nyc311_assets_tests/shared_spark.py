"""One Spark server for all processes of a test session: a Java runtime is slow until it has warmed up."""

from __future__ import annotations

import contextlib
import fcntl
import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from nyc311_assets.local.spark import SparkServer
from nyc311_assets_tests.trouble.waiting import is_gone

# Plans make much garbage that dies young.
_FOR_MANY_PLANS = "-XX:+UseSerialGC -Xmn1200m"
# For a few rows, compiling a plan takes longer than running it.
_FOR_FEW_ROWS = {
    "spark.sql.codegen.wholeStage": "false",
    "spark.sql.codegen.factoryMode": "NO_CODEGEN",
    "spark.sql.shuffle.partitions": "1",
    "spark.sql.adaptive.enabled": "false",
}


@dataclass(frozen=True, slots=True)
class SharedSpark:
    """A running Spark Connect server with Delta, seen from any of the session's processes.

    Attributes:
        remote: Address for `SparkSession.builder.remote`.
        port: Port it listens on.
        pid: Process id of the Java process.
        folder: The server's home.
    """

    remote: str
    port: int
    pid: int
    folder: str

    @classmethod
    def of(cls, server: SparkServer) -> Self:
        """A running server."""
        assert server.pid is not None
        return cls(server.remote, server.port, server.pid, str(server.log_path.parent))

    @property
    def home(self) -> Path:
        """The server's home."""
        return Path(self.folder)

    def alive(self) -> bool:
        """Tell whether the Java process runs."""
        return not is_gone(self.pid)

    @contextlib.contextmanager
    def catalog_to_oneself(self) -> Iterator[None]:
        """Wait for the schemas of spark_catalog: all sessions of a server have the same."""
        with (self.home / "catalog.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield


def start_server() -> SparkServer:
    """Start it, in a folder of its own; `stop_server` ends it."""
    server = SparkServer(
        Path(tempfile.mkdtemp(prefix="nyc311-spark-")),
        driver_memory="4g",
        java_options=_FOR_MANY_PLANS,
        settings=_FOR_FEW_ROWS,
    )
    server.start(timeout_seconds=120)
    return server


def stop_server(server: SparkServer) -> None:
    """End it, and remove its folder."""
    server.stop()
    shutil.rmtree(server.log_path.parent, ignore_errors=True)
