"""Progress of long Spark work, as lines in Dagster's event log."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Event, Thread


@contextmanager
def show_progress(
    read: Callable[[], str], write: Callable[[str], None], *, interval_seconds: float = 2.0
) -> Iterator[None]:
    """Write what `read` returns whenever it has changed, until the block ends.

    Args:
        read: Returns the present progress as a line; called from another thread.
        write: Shows a line.
        interval_seconds: Time between looks.
    """
    done = Event()

    def watch() -> None:
        try:
            shown = read()
            while not done.wait(interval_seconds):
                line = read()
                if line != shown:
                    write(line)
                    shown = line
        except OSError as error:
            # The work goes on without its progress; if it cannot report either, it fails by that.
            sys.stderr.write(f"The progress is not shown any more: {error}\n")

    thread = Thread(target=watch, name="progress", daemon=True)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()
