"""Dagster's side of the Pipes messages: reads the job's numbered chunks from the Volume."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Event, Thread
from uuid import uuid4

import dagster as dg
from dagster_pipes import PipesParams
from databricks.sdk.errors import NotFound
from databricks.sdk.service.files import FilesAPI

from nyc311_assets.jobs.messages import INTERVAL_KEY, PATH_KEY, chunk_name


class VolumeMessageReader(dg.PipesMessageReader):
    """Streams the messages of one job; good for a single call.

    The stock reader takes one chunk per look, sleeps a second between looks, and leaves a step
    looking fine when its thread dies. This one takes all chunks there are at each look, and
    fails the step when it could not read.
    """

    def __init__(
        self,
        files: FilesAPI,
        volume_path: str,
        *,
        interval_seconds: float,
        grace_seconds: float,
    ) -> None:
        """Create a reader.

        Args:
            files: The workspace's Files API.
            volume_path: The Volume's folder.
            interval_seconds: Time between looks, and between the job's chunks.
            grace_seconds: How long the last chunk may take to show after the job has ended.
        """
        self._files = files
        self._volume_path = volume_path
        self._interval_seconds = interval_seconds
        self._grace_seconds = grace_seconds
        self._error: Exception | None = None

    @contextmanager
    def read_messages(self, handler: dg.PipesMessageHandler) -> Iterator[PipesParams]:
        """Read in a thread while the block runs, and to the last message when it ends.

        Raises:
            DagsterPipesExecutionError: The messages could not be read.
        """
        folder = f"{self._volume_path}/pipes/{uuid4().hex}"
        self._files.create_directory(folder)
        ended = Event()
        thread = Thread(
            target=self._read, args=(handler, folder, ended), name="pipes-reader", daemon=True
        )
        thread.start()
        try:
            yield {PATH_KEY: folder, INTERVAL_KEY: self._interval_seconds}
        finally:
            ended.set()
            thread.join()
        if self._error is not None:
            raise dg.DagsterPipesExecutionError(
                f"The job's messages in {folder} could not be read: {self._error}. "
                "Its results are unknown; run the step again."
            ) from self._error
        self._remove(folder)

    def _read(self, handler: dg.PipesMessageHandler, folder: str, ended: Event) -> None:
        try:
            index = 1
            deadline: float | None = None
            while not handler.received_closed_message:
                if ended.is_set() and deadline is None:
                    deadline = time.monotonic() + self._grace_seconds
                chunk = self._chunk(f"{folder}/{chunk_name(index)}")
                if chunk is not None:
                    index += 1
                    for line in chunk.splitlines():
                        handler.handle_message(json.loads(line))
                elif deadline is not None and time.monotonic() >= deadline:
                    return
                else:
                    ended.wait(self._interval_seconds)
                    if ended.is_set():
                        time.sleep(min(self._interval_seconds, 0.05))
        except Exception as error:  # noqa: BLE001 - kept for read_messages, which raises it
            self._error = error

    def _chunk(self, path: str) -> str | None:
        try:
            contents = self._files.download(path).contents
        except NotFound:
            return None
        if contents is None:
            return None
        with contents:
            return contents.read().decode("utf-8")

    def _remove(self, folder: str) -> None:
        for entry in self._files.list_directory_contents(folder):
            if entry.path:
                self._files.delete(entry.path)
        self._files.delete_directory(folder)

    def no_messages_debug_text(self) -> str:
        """What to look at when no message came."""
        return (
            f"Looked for message chunks in {self._volume_path}/pipes. The job must write them with "
            "nyc311_assets.jobs.messages.VolumeMessageWriter."
        )
