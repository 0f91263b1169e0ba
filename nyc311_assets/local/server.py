"""Serves the embedded workspace of one home until it is stopped."""

from __future__ import annotations

import asyncio
import logging
import os
import secrets
import signal
import socket
from collections.abc import Mapping
from types import FrameType

import psutil
import uvicorn
from filelock import FileLock, Timeout

from nyc311_assets.local.embedded import EmbeddedWorkspace
from nyc311_assets.local.external_spark import ExternalSpark
from nyc311_assets.local.feed_process import FeedProcess
from nyc311_assets.local.paths import WorkspacePaths
from nyc311_assets.local.spark import Spark, SparkServer
from nyc311_assets.local.state import ServerState, write_state

logger = logging.getLogger(__name__)

_LOCK_TIMEOUT_SECONDS = 30.0
_LOOK_INTERVAL_SECONDS = 0.01
_DRAIN_SECONDS = 2


class HomeInUse(RuntimeError):
    """Another server serves this home, and does not end."""


def serve(paths: WorkspacePaths, *, idle_minutes: float, feed_module: str) -> None:
    """Serve a home on a free port of 127.0.0.1, and return when everything has ended.

    Raises:
        HomeInUse: Another server serves it.
    """
    paths.create()
    logging.basicConfig(
        level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s"
    )
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, _end_by_uvicorn)
    try:
        with FileLock(paths.server_lock, timeout=_LOCK_TIMEOUT_SECONDS):
            asyncio.run(_serve(paths, idle_minutes, feed_module))
    except Timeout as error:
        raise HomeInUse(
            f"Another embedded workspace serves {paths.home}; stop it with `nyc311 local stop`."
        ) from error


async def _serve(paths: WorkspacePaths, idle_minutes: float, feed_module: str) -> None:
    stop = asyncio.Event()
    with socket.create_server(("127.0.0.1", 0)) as listener:
        state = ServerState(
            home=str(paths.home),
            pid=os.getpid(),
            process_started=psutil.Process().create_time(),
            port=listener.getsockname()[1],
            token=secrets.token_urlsafe(32),
        )
        workspace = EmbeddedWorkspace(
            paths,
            state,
            idle_minutes=idle_minutes,
            stop_server=stop.set,
            make_spark=lambda: choose_spark(paths, os.environ),
            make_feed=lambda rows: FeedProcess(paths.feed, rows, feed_module),
        )
        server = uvicorn.Server(
            uvicorn.Config(
                workspace.app(),
                log_config=None,
                access_log=False,
                lifespan="on",
                timeout_graceful_shutdown=_DRAIN_SECONDS,
            )
        )
        serving = asyncio.create_task(server.serve(sockets=[listener]))
        stopping = asyncio.create_task(_exit_on(stop, server))
        while not (server.started or serving.done()):
            await asyncio.sleep(_LOOK_INTERVAL_SECONDS)
        if not serving.done():
            write_state(paths.state, state)
            logger.info("Serving %s at %s.", paths.home, state.host)
        try:
            await serving
        finally:
            stopping.cancel()
            paths.state.unlink(missing_ok=True)
            logger.info("Stopped.")


def choose_spark(paths: WorkspacePaths, environment: Mapping[str, str]) -> Spark:
    """Return the Spark that SPARK_REMOTE names, or without it one of the home's own."""
    remote = environment.get("SPARK_REMOTE")
    return ExternalSpark(remote) if remote else SparkServer(paths.spark)


async def _exit_on(stop: asyncio.Event, server: uvicorn.Server) -> None:
    await stop.wait()
    server.should_exit = True


def _end_by_uvicorn(number: int, frame: FrameType | None) -> None:
    """Do nothing: uvicorn has ended the server in good order, then raises the signal again."""
