"""Dagster's side of the Pipes messages: reads the job's numbered chunks from the Volume."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Event, Thread

import dagster as dg
from dagster_pipes import PipesException, PipesMessage, PipesParams

from nyc311_assets.jobs.messages import INTERVAL_KEY, PATH_KEY, chunk_name
from nyc311_assets.resources.volume import Volume

_FIRST_LAST_LOOK_SECONDS = 0.05
_LONGEST_LAST_LOOK_SECONDS = 1.0
# A step that has failed or was cancelled does not wait long for what its job may still say.
_ABANDONED_JOIN_SECONDS = 10.0


class MessagesUnreadable(RuntimeError):
    """The job's messages could not be read, so that its results are unknown."""


class VolumeMessageReader(dg.PipesMessageReader):
    """Streams the messages of one job; good for a single call.

    The stock reader takes one chunk per look, sleeps a second between looks, and leaves a step
    looking fine when its thread dies. This one takes all chunks there are at each look, and
    fails the step when it could not read.

    Attributes:
        job_traceback: What the job raised inside Pipes, if it did.
    """

    def __init__(
        self,
        volume: Volume,
        *,
        interval_seconds: float,
        grace_seconds: float,
        redact: Callable[[str], str],
    ) -> None:
        """Create a reader.

        Args:
            volume: Where the job leaves its messages.
            interval_seconds: Time between looks, and between the job's chunks.
            grace_seconds: How long the last chunk may take to show after the job has ended.
            redact: Blacks out secrets in what the job says.
        """
        self._volume = volume
        self._interval_seconds = interval_seconds
        self._grace_seconds = grace_seconds
        self._redact = redact
        self._ended = Event()
        self._abandoned = Event()
        self._error: Exception | None = None
        self.job_traceback: str | None = None

    @property
    def expected_writer_count(self) -> int:
        """One job; said here because the inherited answer is a preview of Dagster's."""
        return 1

    @contextmanager
    def read_messages(self, handler: dg.PipesMessageHandler) -> Iterator[PipesParams]:
        """Read in a thread while the block runs, and to the last message when it ends.

        Raises:
            MessagesUnreadable: They could not be read to the end.
            WorkspaceError: The Volume did not take a folder for them.
        """
        if self._ended.is_set():
            raise RuntimeError("A message reader is good for one call: make a new one.")
        with self._volume.temporary_folder() as folder:
            thread = Thread(
                target=self._read, args=(handler, folder), name="pipes-messages", daemon=True
            )
            thread.start()
            try:
                yield {PATH_KEY: folder, INTERVAL_KEY: self._interval_seconds}
            except BaseException:
                self._abandoned.set()
                self._ended.set()
                thread.join(_ABANDONED_JOIN_SECONDS)
                raise
            self._ended.set()
            thread.join()
        self.raise_if_unreadable()

    def raise_if_unreadable(self) -> None:
        """Raise what has ended the reading before its time, if anything has.

        Raises:
            MessagesUnreadable: They cannot be read.
        """
        if self._error is not None:
            raise MessagesUnreadable(
                f"The job's messages could not be read: {self._error} "
                "Its results are unknown; run the step again."
            ) from self._error

    def _read(self, handler: dg.PipesMessageHandler, folder: str) -> None:
        try:
            self._read_to_the_end(handler, folder)
        except Exception as error:  # noqa: BLE001 - raised again by raise_if_unreadable
            self._error = error

    def _read_to_the_end(self, handler: dg.PipesMessageHandler, folder: str) -> None:
        index = 1
        deadline: float | None = None
        pause_seconds = _FIRST_LAST_LOOK_SECONDS
        while not handler.received_closed_message:
            # Before the look: what the job wrote before its end must not be missed.
            if self._ended.is_set() and deadline is None:
                deadline = time.monotonic() + self._grace_seconds
            chunk = self._volume.read(f"{folder}/{chunk_name(index)}")
            if chunk is not None:
                index += 1
                for line in chunk.split("\n"):
                    self._handle(handler, json.loads(self._redact(line)))
            elif self._abandoned.is_set() or (
                deadline is not None and time.monotonic() >= deadline
            ):
                return
            elif deadline is None:
                self._ended.wait(self._interval_seconds)
            else:
                self._abandoned.wait(pause_seconds)
                pause_seconds = min(2 * pause_seconds, _LONGEST_LAST_LOOK_SECONDS)

    def _handle(self, handler: dg.PipesMessageHandler, message: PipesMessage) -> None:
        parameters = message.get("params") or {}
        if message["method"] == "closed" and "exception" in parameters:
            self.job_traceback = _traceback(parameters["exception"])
        handler.handle_message(message)

    def no_messages_debug_text(self) -> str:
        """What to look at when no message came."""
        return (
            "Looked for message chunks in the Volume. The job must write them with "
            "nyc311_assets.jobs.messages.VolumeMessageWriter."
        )


def _traceback(exception: PipesException) -> str:
    """The exception as Python would print it, its cause first."""
    text = "".join(["Traceback (most recent call last):\n", *exception["stack"]])
    text += exception["message"]
    earlier = exception["cause"] or exception["context"]
    return f"{_traceback(earlier)}\n\n{text}" if earlier else text
