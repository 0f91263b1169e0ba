"""The job's side of the Pipes messages: small numbered chunk files in a folder of the Volume.

The stock writer looks at its queue once a second and sleeps again before it ends, which costs up
to two seconds a step. This one wakes on the queue, so that results stream while the job runs.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from queue import Empty, SimpleQueue
from threading import Thread
from typing import Final

from dagster_pipes import (
    PipesMessage,
    PipesMessageWriter,
    PipesMessageWriterChannel,
    PipesParams,
)

PATH_KEY: Final = "path"
INTERVAL_KEY: Final = "interval_seconds"


def chunk_name(index: int) -> str:
    """File name of the chunk with this number, from 1."""
    return f"{index}.json"


@dataclass(frozen=True, slots=True)
class _Line:
    text: str
    is_last: bool


class VolumeMessageChannel(PipesMessageWriterChannel):
    """Collects messages for a short interval and writes them as the next chunk."""

    def __init__(self, folder: Path, interval_seconds: float) -> None:
        self._folder = folder
        self._interval_seconds = interval_seconds
        self._queue: SimpleQueue[_Line | None] = SimpleQueue()
        self._error: Exception | None = None
        self._thread = Thread(target=self._write_chunks, name="pipes-messages", daemon=True)
        self._thread.start()

    def write_message(self, message: PipesMessage) -> None:
        """Queue a message; it is in the folder an interval later.

        Raises:
            TypeError: It has a value that JSON does not know.
            OSError: An earlier chunk could not be written.
        """
        if self._error is not None:
            raise self._error
        self._queue.put(_Line(json.dumps(message), is_last=message["method"] == "closed"))

    def close(self) -> None:
        """Write what is queued and stop.

        Raises:
            OSError: A chunk could not be written.
        """
        self._queue.put(None)
        self._thread.join()
        if self._error is not None:
            raise self._error

    def _write_chunks(self) -> None:
        index = 0
        is_open = True
        while is_open:
            lines, is_open = self._next_lines()
            if not lines:
                continue
            index += 1
            try:
                self._write(index, lines)
            except OSError as error:
                self._error = error
                return

    def _next_lines(self) -> tuple[list[str], bool]:
        """Wait for a message, then take those that follow within the interval.

        Returns:
            The lines, and whether there may be more after them.
        """
        lines: list[str] = []
        line = self._queue.get()
        write_at = time.monotonic() + self._interval_seconds
        while line is not None:
            lines.append(line.text)
            left_seconds = write_at - time.monotonic()
            # After the last message the job is done: nobody should wait for more.
            if line.is_last or left_seconds <= 0:
                return lines, True
            try:
                line = self._queue.get(timeout=left_seconds)
            except Empty:
                return lines, True
        return lines, False

    def _write(self, index: int, lines: list[str]) -> None:
        draft = self._folder / f".{chunk_name(index)}"
        draft.write_text("\n".join(lines), encoding="utf-8")
        # The reader must never see half a chunk.
        draft.replace(self._folder / chunk_name(index))


class VolumeMessageWriter(PipesMessageWriter[VolumeMessageChannel]):
    """Writes messages into the folder that the reader names in its parameters."""

    @contextmanager
    def open(self, params: PipesParams) -> Iterator[VolumeMessageChannel]:
        """Open the channel to the folder `path`, with `interval_seconds` between chunks."""
        channel = VolumeMessageChannel(Path(params[PATH_KEY]), float(params[INTERVAL_KEY]))
        try:
            yield channel
        finally:
            channel.close()
