"""The embedded cluster: one warm Spark Connect server with Delta Lake, in one Java process."""

from __future__ import annotations

import os
import re
import secrets
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Protocol

from nyc311_assets.local.archive import archive_path
from nyc311_assets.local.jars import ensure_jars, jar_paths
from nyc311_assets.local.java import find_java
from nyc311_assets.local.processes import KeptProcess
from nyc311_assets.local.spark_home import find_spark_home, spark_environment
from nyc311_assets.local.spark_settings import LOG4J, spark_settings

USER_ID = "nyc311"
_STARTED = re.compile(r"Spark Connect server started at: \S*:(\d+)")
_LOOK_INTERVAL_SECONDS = 0.05
_SHOWN_LINES = 15


class SparkNotStarted(RuntimeError):
    """Spark did not start; the message ends with the last lines of its log."""


class Spark(Protocol):
    """A Spark Connect endpoint that tasks attach to.

    Attributes:
        look_interval_seconds: How often to look whether it is still alive.
        is_owned: Whether this process started it, and may end it.
    """

    look_interval_seconds: float
    is_owned: bool

    @property
    def remote(self) -> str:
        """Address that `SPARK_REMOTE` takes, which may contain a token."""
        ...

    def start(self, timeout_seconds: float) -> None:
        """Make it ready; raise SparkNotStarted if it is not in time."""
        ...

    def alive(self) -> bool:
        """Tell whether it still runs."""
        ...

    def describe_end(self) -> str:
        """Say, in a sentence, how it ended."""
        ...

    def stop(self) -> None:
        """End it, if it is this process's own, and wait until it has ended."""
        ...


class SparkServer:
    """A Spark Connect server with Delta Lake on a free port of 127.0.0.1.

    It ends with this process, even by `kill -9`. Clients need the token in `remote`.

    Attributes:
        log_path: What Spark logs.
    """

    look_interval_seconds = 0.2
    is_owned = True

    def __init__(
        self,
        home: Path,
        *,
        driver_memory: str = "4g",
        archive: bool = True,
        java_options: str = "-XX:+UseParallelGC",
        settings: Mapping[str, str] | None = None,
        prefix: Path | None = None,
    ) -> None:
        """Describe a server; `start` starts it.

        Args:
            home: Folder of its warehouse, scratch files and log; made when it starts.
            driver_memory: Java heap, in which everything runs, such as `4g`.
            archive: Whether to start from the class data archive, if there is one.
            java_options: More options for the Java runtime. By default the collector that leaves
                most of two cores to the work.
            settings: Settings of Spark, over those of `spark_settings`.
            prefix: Root of the environment that keeps Delta's jars; by default this one.
        """
        self._home = home
        self._driver_memory = driver_memory
        self._archive = archive
        self._java_options = java_options
        self._settings = dict(settings or {})
        self._prefix = prefix
        self._token = secrets.token_urlsafe(24)
        self._process: KeptProcess | None = None
        self._port: int | None = None
        self.log_path = home / "spark.log"

    @property
    def port(self) -> int:
        """Port it listens on.

        Raises:
            SparkNotStarted: It has not been started.
        """
        if self._port is None:
            raise SparkNotStarted("The Spark server has not been started.")
        return self._port

    @property
    def pid(self) -> int | None:
        """Process id of the Java process, or None before it is started."""
        return None if self._process is None else self._process.pid

    @property
    def remote(self) -> str:
        """Address for `SparkSession.builder.remote`, with the token that it demands.

        The name has to be localhost: Spark's client sends a token without TLS to no other.
        """
        return f"sc://localhost:{self.port}/;token={self._token};user_id={USER_ID}"

    def start(self, timeout_seconds: float = 60.0) -> None:
        """Start it, and return when it takes connections.

        Raises:
            SparkNotStarted: It ended, or was not ready in time.
            JavaMissing: There is no Java 17 or newer.
            JarsMissing: Delta's jars are not there and cannot be fetched.
        """
        java = find_java()
        jars = ensure_jars(prefix=self._prefix)
        for folder in ("warehouse", "scratch", "temporary"):
            (self._home / folder).mkdir(parents=True, exist_ok=True)
        if self.log_path.exists():
            self.log_path.replace(self.log_path.with_name("spark.1.log"))
        properties = self._write_properties(jars)
        self._process = KeptProcess.start(
            [
                str(find_spark_home() / "bin" / "spark-submit"),
                "--properties-file",
                str(properties),
                "--class",
                "org.apache.spark.sql.connect.service.SparkConnectServer",
                "spark-internal",
            ],
            environment=spark_environment(os.environ, java),
            folder=self._home,
            stdout=self.log_path,
            stderr=self.log_path,
        )
        try:
            self._port = self._await_port(self._process, timeout_seconds)
        except BaseException:
            self.stop()
            raise
        finally:
            properties.unlink()

    def alive(self) -> bool:
        """Tell whether the Java process runs."""
        return self._process is not None and self._process.alive()

    @property
    def returncode(self) -> int | None:
        """Exit code of the Java process, negative for a signal, or None while it runs."""
        return None if self._process is None else self._process.returncode

    def describe_end(self) -> str:
        """Say how the Java process ended, and where its log is."""
        return (
            f"the Spark server (process {self.pid}) ended with exit code {self.returncode}; "
            f"its log is {self.log_path}."
        )

    def stop(self, grace_seconds: float = 10.0) -> None:
        """End it with everything that it started; kill it after the grace period."""
        if self._process is not None:
            self._process.stop(grace_seconds)
            self._process.wait()

    def log_tail(self) -> str:
        """Return the last lines of the log."""
        try:
            lines = self.log_path.read_text(errors="replace").splitlines()
        except FileNotFoundError:
            return "(no log)"
        return "\n".join(lines[-_SHOWN_LINES:])

    def _await_port(self, process: KeptProcess, timeout_seconds: float) -> int:
        deadline = time.monotonic() + timeout_seconds
        while time.monotonic() < deadline:
            ended = not process.alive()
            started = _STARTED.search(self.log_path.read_text(errors="replace"))
            if started is not None and not ended:
                return int(started.group(1))
            if ended:
                raise SparkNotStarted(
                    f"Spark ended with exit code {process.returncode} while it started "
                    f"({self.log_path}):\n{self.log_tail()}"
                )
            time.sleep(_LOOK_INTERVAL_SECONDS)
        raise SparkNotStarted(
            f"Spark was not ready after {timeout_seconds:g} s ({self.log_path}):\n{self.log_tail()}"
        )

    def _write_properties(self, jars: Path) -> Path:
        """Write the settings to a file that only this user can read: one of them is the token."""
        log4j = self._home / "log4j2.properties"
        log4j.write_text(LOG4J)
        java_options = [
            _quoted(f"-Dlog4j2.configurationFile={log4j.as_uri()}"),
            _quoted(f"-Djava.io.tmpdir={self._home / 'temporary'}"),
            _quoted(f"-Dderby.system.home={self._home / 'temporary'}"),
            "-Duser.timezone=UTC",
            # A heap that is full ends the server, instead of leaving it half alive.
            "-XX:+ExitOnOutOfMemoryError",
        ]
        archive = archive_path(jars)
        if self._archive and archive.exists():
            # -Xshare:auto: an archive that does not fit is passed over, without a word.
            java_options += [
                _quoted(f"-XX:SharedArchiveFile={archive}"),
                "-Xshare:auto",
                "-Xlog:disable",
                "-Xlog:all=error:stderr",
            ]
        if self._java_options:
            java_options.append(self._java_options)
        own = {
            "spark.driver.extraClassPath": os.pathsep.join(map(str, jar_paths(jars))),
            "spark.driver.extraJavaOptions": " ".join(java_options),
            "spark.driver.memory": self._driver_memory,
            "spark.sql.warehouse.dir": (self._home / "warehouse").as_uri(),
            "spark.local.dir": str(self._home / "scratch"),
            "spark.connect.authenticate.token": self._token,
        }
        settings = spark_settings(cores=os.cpu_count() or 1) | self._settings | own
        path = self._home / "spark.properties"
        path.unlink(missing_ok=True)
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w") as properties:
            for name, value in settings.items():
                properties.write(f"{name}={_escaped(value)}\n")
        return path


def _quoted(option: str) -> str:
    """Quote an option of `extraJavaOptions`, which Spark splits as a shell would."""
    return '"' + option.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _escaped(value: str) -> str:
    """Escape a value for a Java properties file."""
    return value.replace("\\", "\\\\").replace("\n", "\\n")
