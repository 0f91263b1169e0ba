"""Serving the feed over HTTP until it is told to stop."""

from __future__ import annotations

import os
import signal
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import FrameType

import orjson
import uvicorn
from starlette.applications import Starlette

from nyc311_assets.local.feed.app import create_feed_app
from nyc311_assets.local.feed.source import FeedSource

_BACKLOG = 64
_KEEP_ALIVE_SECONDS = 60
_STOPPING_SIGNALS = (signal.SIGTERM, signal.SIGINT)


class AddressInUse(OSError):
    """Another process listens on the port."""


@dataclass(frozen=True, slots=True)
class ServingFeed:
    """A feed that listens.

    Attributes:
        host: The address it is bound to.
        port: The port, also when 0 was asked for.
        url: Its base address.
    """

    host: str
    port: int

    @property
    def url(self) -> str:
        """Base address, for `NYC311_SODA_URL`."""
        return f"http://{self.host}:{self.port}"


def serve_feed(
    source: FeedSource,
    *,
    host: str = "127.0.0.1",
    port: int = 0,
    ready_file: Path | None = None,
    on_ready: Callable[[ServingFeed], None] | None = None,
) -> None:
    """Serve a source until SIGTERM or SIGINT; call it on the main thread.

    Args:
        source: What to serve.
        host: Address to listen on.
        port: Port to listen on; 0 for any free one.
        ready_file: Is written, whole or not at all, once connections are accepted: JSON with
            `port`, `pid` and `provenance`. It is removed at the end.
        on_ready: Called then, with the address.

    Raises:
        AddressInUse: The port is taken.
    """
    with _listening(host, port) as listener:
        feed = ServingFeed(host, listener.getsockname()[1])
        server = _server(create_feed_app(source))

        def stop(_: int, __: FrameType | None) -> None:
            server.should_exit = True

        before = {number: signal.signal(number, stop) for number in _STOPPING_SIGNALS}
        try:
            # Connections wait in the socket's queue from here on, so the feed is ready.
            if ready_file is not None:
                _write_ready_file(ready_file, feed, source)
            if on_ready is not None:
                on_ready(feed)
            server.run(sockets=[listener])
        finally:
            if ready_file is not None:
                ready_file.unlink(missing_ok=True)
            for number, handler in before.items():
                signal.signal(number, handler)


@contextmanager
def running_feed(source: FeedSource, *, host: str = "127.0.0.1") -> Iterator[ServingFeed]:
    """Serve a source from a thread of this process, for as long as the block runs."""
    with _listening(host, 0) as listener:
        server = _server(create_feed_app(source))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
        thread.start()
        try:
            yield ServingFeed(host, listener.getsockname()[1])
        finally:
            server.should_exit = True
            thread.join()


def _server(app: Starlette) -> uvicorn.Server:
    config = uvicorn.Config(
        app,
        log_level="warning",
        access_log=False,
        lifespan="off",
        server_header=False,
        timeout_keep_alive=_KEEP_ALIVE_SECONDS,
        timeout_graceful_shutdown=3,
    )
    return _QuietServer(config)


class _QuietServer(uvicorn.Server):
    """Leaves signals to whoever runs it: uvicorn raises them again once it has stopped."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


@contextmanager
def _listening(host: str, port: int) -> Iterator[socket.socket]:
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((host, port))
            listener.listen(_BACKLOG)
        except OSError as error:
            raise AddressInUse(
                f"The feed cannot listen on {host}:{port}: {error.strerror}. "
                "Stop what listens there, or choose another port; 0 takes any free one."
            ) from error
        yield listener


def _write_ready_file(path: Path, feed: ServingFeed, source: FeedSource) -> None:
    content = {"port": feed.port, "pid": os.getpid(), "provenance": source.provenance}
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.name}.{os.getpid()}")
    partial.write_bytes(orjson.dumps(content))
    partial.replace(path)
