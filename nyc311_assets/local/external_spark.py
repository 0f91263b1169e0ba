"""A Spark Connect endpoint that somebody else runs, in place of the embedded cluster."""

from __future__ import annotations

import socket
import threading
import time
from urllib.parse import urlsplit

from nyc311_assets.local.spark import SparkNotStarted
from nyc311_assets.local.spark_remote import DEFAULT_PORT, remote_address

_LOOK_INTERVAL_SECONDS = 0.05
_CONNECT_TIMEOUT_SECONDS = 2.0


class ExternalSpark:
    """A Spark Connect endpoint that somebody else runs, named by `SPARK_REMOTE`."""

    look_interval_seconds = 2.0
    is_owned = False

    def __init__(self, remote: str) -> None:
        self._remote = remote
        self._left = threading.Event()

    @property
    def remote(self) -> str:
        """Address, as it was given."""
        return self._remote

    def start(self, timeout_seconds: float = 60.0) -> None:
        """Wait until it takes connections.

        Raises:
            SparkNotStarted: It did not in time, or before `stop` was called.
        """
        deadline = time.monotonic() + timeout_seconds
        while not self.alive():
            if time.monotonic() > deadline or self._left.wait(_LOOK_INTERVAL_SECONDS):
                raise SparkNotStarted(
                    f"SPARK_REMOTE names {remote_address(self._remote)}, and nothing answers "
                    f"there within {timeout_seconds:g} s: start it, or unset SPARK_REMOTE."
                )

    def alive(self) -> bool:
        """Tell whether it takes connections."""
        address = urlsplit(self._remote)
        try:
            with socket.create_connection(
                (address.hostname or "localhost", address.port or DEFAULT_PORT),
                _CONNECT_TIMEOUT_SECONDS,
            ):
                return True
        except OSError:
            return False

    def describe_end(self) -> str:
        """Name the endpoint that no longer answers."""
        return f"{remote_address(self._remote)} (SPARK_REMOTE) no longer answers."

    def stop(self) -> None:
        """Leave it alone, and do not wait for it any longer."""
        self._left.set()
