"""The embedded feed as a child process, started again if it dies."""

from __future__ import annotations

import asyncio
import json
import logging
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path

from nyc311_assets.local.processes import KeptProcess

logger = logging.getLogger(__name__)

FEED_MODULE = "nyc311_assets.local.feed"
_START_TIMEOUT_SECONDS = 120.0
_LOOK_INTERVAL_SECONDS = 0.05
_WATCH_INTERVAL_SECONDS = 0.5
_STOP_GRACE_SECONDS = 3.0


class FeedNotStarted(RuntimeError):
    """The feed did not start; the message says what it said."""


class FeedProcess:
    """One life of the feed."""

    def __init__(self, folder: Path, rows: tuple[str, ...], module: str) -> None:
        """Describe it; `start` starts it.

        Args:
            folder: Where its log and its ready file go.
            rows: Files, folders and globs of real rows; none for the synthetic stream.
            module: What `python -m` runs.
        """
        self._folder = folder
        self._module = module
        self._process: KeptProcess | None = None
        self.rows = rows
        self.port = 0
        self.log_path = folder / "feed.log"

    @property
    def url(self) -> str:
        """Its base address."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def pid(self) -> int | None:
        """Its process id."""
        return None if self._process is None else self._process.pid

    def start(self, port: int = 0) -> None:
        """Start it, and return when it listens.

        Args:
            port: Port to listen on; 0 for a free one.

        Raises:
            FeedNotStarted: It ended, or does not listen in time.
        """
        self._folder.mkdir(parents=True, exist_ok=True)
        if self.log_path.exists():
            self.log_path.replace(self._folder / "feed.1.log")
        ready = self._folder / "feed.ready.json"
        ready.unlink(missing_ok=True)
        command = [sys.executable, "-m", self._module, "--host", "127.0.0.1", "--port", str(port)]
        command += ["--ready-file", str(ready)]
        for path in self.rows:
            command += ["--rows", path]
        self._process = KeptProcess.start(
            command,
            environment=dict(os.environ),
            folder=self._folder,
            stdout=self.log_path,
            stderr=self.log_path,
        )
        deadline = time.monotonic() + _START_TIMEOUT_SECONDS
        while not ready.exists():
            if not self._process.alive():
                raise FeedNotStarted(f"The feed did not start: {self._last_words()}")
            if time.monotonic() > deadline:
                self.stop()
                raise FeedNotStarted(
                    f"The feed does not listen after {_START_TIMEOUT_SECONDS:g} s ({self.log_path})."
                )
            time.sleep(_LOOK_INTERVAL_SECONDS)
        self.port = int(json.loads(ready.read_text())["port"])

    def alive(self) -> bool:
        """Tell whether it runs."""
        return self._process is not None and self._process.alive()

    def stop(self) -> None:
        """End it."""
        if self._process is not None:
            self._process.stop(_STOP_GRACE_SECONDS)
            self._process.wait()

    def _last_words(self) -> str:
        lines = self.log_path.read_text(errors="replace").split("\n")
        return (
            "\n".join(line for line in lines if line)[-2000:]
            or f"it wrote nothing ({self.log_path})"
        )


class FeedSupervisor:
    """Keeps one feed running, with the rows that were last asked for."""

    def __init__(self, make_feed: Callable[[tuple[str, ...]], FeedProcess]) -> None:
        """Create a supervisor; nothing is started.

        Args:
            make_feed: Makes a feed, that has not been started, for some rows.
        """
        self._make_feed = make_feed
        self._changing = asyncio.Lock()
        self._watch: asyncio.Task[None] | None = None
        self.feed: FeedProcess | None = None

    async def ensure(self, rows: tuple[str, ...]) -> str:
        """Return the address of a feed that serves these rows; start it if need be.

        Raises:
            FeedNotStarted: It does not start.
        """
        async with self._changing:
            feed = self.feed
            if feed is None or feed.rows != rows or not feed.alive():
                feed = await self._replace(feed, rows)
            return feed.url

    async def stop(self) -> None:
        """End the feed."""
        async with self._changing:
            await self._end(self.feed)

    async def _replace(self, old: FeedProcess | None, rows: tuple[str, ...]) -> FeedProcess:
        """Start a feed in the place of another, at the same address, which is known to others."""
        await self._end(old)
        feed = self._make_feed(rows)
        await asyncio.to_thread(feed.start, 0 if old is None else old.port)
        self.feed = feed
        self._watch = asyncio.create_task(self._start_again_when_it_dies(feed))
        return feed

    async def _end(self, feed: FeedProcess | None) -> None:
        if self._watch is not None and self._watch is not asyncio.current_task():
            self._watch.cancel()
        if feed is not None:
            await asyncio.to_thread(feed.stop)
        self.feed = None

    async def _start_again_when_it_dies(self, feed: FeedProcess) -> None:
        while feed.alive():
            await asyncio.sleep(_WATCH_INTERVAL_SECONDS)
        async with self._changing:
            if self.feed is not feed:
                return
            logger.warning("The feed died; starting it again. Its log is %s.", feed.log_path)
            try:
                await self._replace(feed, feed.rows)
            except FeedNotStarted:
                # Whoever needs it next starts it again, and is told if it fails again.
                logger.exception("The feed did not start again.")
