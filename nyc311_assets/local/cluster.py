"""The one cluster: starts Spark when a task needs it, and notices when it is lost."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Literal

from nyc311_assets.local.session_pool import SessionPool
from nyc311_assets.local.spark import USER_ID, Spark

CLUSTER_ID = "local"
_MOST_TASKS_OF_A_SESSION = 60
_SESSION_TIMEOUT_SECONDS = 30.0
State = Literal["PENDING", "RUNNING", "TERMINATED"]


class Attachment:
    """One life of Spark, from its start to its end.

    Attributes:
        spark: The endpoint.
        sessions: Its sessions, for tasks.
        lost: Set when it ended without being asked to.
    """

    def __init__(self, spark: Spark) -> None:
        self.spark = spark
        self.sessions = SessionPool(
            spark.remote,
            USER_ID,
            most_tasks=_MOST_TASKS_OF_A_SESSION,
            timeout_seconds=_SESSION_TIMEOUT_SECONDS,
        )
        self.lost = asyncio.Event()
        self.watch: asyncio.Task[None] | None = None


class Cluster:
    """Keeps one warm Spark, which all tasks share."""

    def __init__(self, make_spark: Callable[[], Spark], start_timeout_seconds: float) -> None:
        """Describe the cluster; nothing is started.

        Args:
            make_spark: Makes an endpoint that has not been started.
            start_timeout_seconds: How long its start may take.
        """
        self._make_spark = make_spark
        self._start_timeout_seconds = start_timeout_seconds
        self._starting = asyncio.Lock()
        self._current: Attachment | None = None
        self._being_started: Spark | None = None
        self.state: State = "TERMINATED"
        self.message = "Not started: the first task starts it."
        self.started_at: float | None = None

    async def attach(self) -> Attachment:
        """Return the running Spark; start it first if there is none.

        Raises:
            SparkNotStarted: It did not start.
            JavaMissing: There is no Java 17 or newer.
            JarsMissing: Delta's jars are not there and cannot be fetched.
        """
        async with self._starting:
            if self._current is not None and not await self._is_alive(self._current):
                self._note_lost(self._current)
            if self._current is None:
                self._current = await self._start()
            return self._current

    async def stop(self) -> None:
        """End Spark, if it runs or is being started."""
        if self._being_started is not None:
            await asyncio.to_thread(self._being_started.stop)
        async with self._starting:
            current, self._current = self._current, None
            if current is None:
                return
            if current.watch is not None:
                current.watch.cancel()
            await asyncio.to_thread(current.spark.stop)
            self.state = "TERMINATED"
            self.message = "Stopped."

    async def discard(self, attachment: Attachment) -> None:
        """End a Spark that no longer obeys; whatever runs on it is lost."""
        if self._current is attachment:
            await asyncio.to_thread(attachment.spark.stop)
            self._note_lost(attachment)

    async def _start(self) -> Attachment:
        spark = self._being_started = self._make_spark()
        self.state = "PENDING"
        self.message = "Starting Spark."
        try:
            await asyncio.to_thread(spark.start, self._start_timeout_seconds)
        except BaseException as error:
            self.state = "TERMINATED"
            self.message = str(error)
            raise
        finally:
            self._being_started = None
        attachment = Attachment(spark)
        attachment.watch = asyncio.create_task(self._watch(attachment))
        self.state = "RUNNING"
        self.message = ""
        self.started_at = time.time()
        return attachment

    async def _watch(self, attachment: Attachment) -> None:
        while await self._is_alive(attachment):
            await asyncio.sleep(attachment.spark.look_interval_seconds)
        self._note_lost(attachment)

    async def _is_alive(self, attachment: Attachment) -> bool:
        return await asyncio.to_thread(attachment.spark.alive)

    def _note_lost(self, attachment: Attachment) -> None:
        attachment.lost.set()
        if attachment.watch is not None and attachment.watch is not asyncio.current_task():
            attachment.watch.cancel()
        if self._current is attachment:
            self._current = None
            self.state = "TERMINATED"
            self.message = f"Cluster lost: {attachment.spark.describe_end()}"
