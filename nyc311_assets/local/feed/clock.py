"""Clocks: what time it is for a source, as an argument."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

Clock = Callable[[], datetime]


def system_clock() -> datetime:
    """The current moment, aware."""
    return datetime.now(UTC)


def frozen_clock(moment: datetime) -> Clock:
    """A clock that stands still.

    Raises:
        ValueError: The moment has no zone, so it is no moment.
    """
    if moment.tzinfo is None:
        raise ValueError(
            f"{moment.isoformat()} has no UTC offset; write one, as in 2026-01-15T12:00:00-05:00."
        )
    return lambda: moment
