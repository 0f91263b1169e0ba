"""Events with a known beginning and end, put into series of counts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from nyc311_assets.pipeline.forecasting.arrays import Floats, Integers

Kind = Literal["spike", "shift", "ramp", "drop"]
RISES: tuple[Kind, ...] = ("spike", "shift", "ramp")

SPIKE_FACTORS = (2.75, 5.0)
SHIFT_FACTORS = (1.75, 2.5)
SHIFT_DAYS = (3, 7, 14)
RAMP_FACTORS = (1.75, 3.0)
RAMP_DAYS = (5, 7, 10)
DROP_FACTORS = (0.1, 0.5)
DROP_DAYS = (2, 3, 7)
LONGEST_DAYS = 14


@dataclass(frozen=True, slots=True)
class Event:
    """One injected event.

    Attributes:
        row: The series.
        kind: What happens.
        start: Column of its first day.
        factors: What each of its days is multiplied by.
    """

    row: int
    kind: Kind
    start: int
    factors: tuple[float, ...]

    @property
    def end(self) -> int:
        """Column of its last day."""
        return self.start + len(self.factors) - 1

    @property
    def peak(self) -> int:
        """Column of the day that departs most; the first of equals."""
        return self.start + int(np.argmax(np.abs(np.log(self.factors))))


def draw_event(kind: Kind, row: int, start: int, chance: np.random.Generator) -> Event:
    """Draw the size and length of an event: uniform within the ranges above."""
    if kind == "spike":
        factors = np.array([chance.uniform(*SPIKE_FACTORS)])
    elif kind == "shift":
        factors = np.full(chance.choice(SHIFT_DAYS), chance.uniform(*SHIFT_FACTORS))
    elif kind == "ramp":
        days = int(chance.choice(RAMP_DAYS))
        factors = np.linspace(1.0, chance.uniform(*RAMP_FACTORS), days + 1)[1:]
    else:
        factors = np.full(chance.choice(DROP_DAYS), chance.uniform(*DROP_FACTORS))
    return Event(row, kind, start, tuple(map(float, factors)))


def draw_events(
    rows: int, first: int, days: int, kinds: tuple[Kind, ...], chance: np.random.Generator
) -> tuple[Event, ...]:
    """One event in each series, kinds in turn, somewhere between a first day and the end.

    Args:
        rows: Number of series.
        first: First column that an event may start in.
        days: Columns there are.
        kinds: Kinds to draw from.
        chance: Seeded.
    """
    starts: Integers = chance.integers(first, days - LONGEST_DAYS - 2, rows)
    return tuple(
        draw_event(kinds[row % len(kinds)], row, int(starts[row]), chance) for row in range(rows)
    )


def inject(
    counts: Floats, rate: Floats, events: tuple[Event, ...], chance: np.random.Generator
) -> Floats:
    """Counts with the events in them: requests added by chance, or taken away one by one.

    Args:
        counts: series x days.
        rate: What the counts vary around, of the same shape: an event adds to what is usual on a
            day, not to what that day's chance made.
        events: At most one a series.
        chance: Seeded.
    """
    result = counts.copy()
    for event in events:
        days = slice(event.start, event.end + 1)
        factors = np.array(event.factors)
        if event.kind == "drop":
            result[event.row, days] = chance.binomial(
                counts[event.row, days].astype(np.int64), factors
            )
        else:
            result[event.row, days] += chance.poisson((factors - 1) * rate[event.row, days])
    return result
