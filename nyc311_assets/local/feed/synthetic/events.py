"""Injected events: what is truly abnormal in the synthetic rows, and when.

Each fortnight since 2020 has one event that begins in its first week, so that every three weeks
hold at least one whatever the clock says.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from functools import lru_cache
from typing import Any

import numpy as np

from nyc311_assets.pipeline.cities import NEW_YORK

_FORTNIGHT_DAYS = 14
_LATEST_START_DAY = 7
_FIRST_DAY = date(2020, 1, 1)
_STREAM = 11
_BOROUGHS = NEW_YORK.boroughs
_ALL_MONTHS = frozenset(range(1, 13))


@dataclass(frozen=True, slots=True)
class Event:
    """One event.

    Attributes:
        kind: What happened.
        complaint_types: The types it moves; empty for all of the agencies'.
        agencies: The agencies whose requests it moves; empty for all.
        boroughs: Where.
        start: First moment, naive local time.
        end: The moment after its last.
        daily_factors: What the expected requests are multiplied by, for each of its days.
    """

    kind: str
    complaint_types: tuple[str, ...]
    agencies: tuple[str, ...]
    boroughs: tuple[str, ...]
    start: datetime
    end: datetime
    daily_factors: tuple[float, ...]

    def touches(self, day: date) -> bool:
        """Whether it moves requests of a day."""
        return self.start.date() <= day and datetime.combine(day, time.min) < self.end

    def factor(self, day: date) -> float:
        """What it multiplies expected requests by on a day that it touches."""
        return self.daily_factors[(day - self.start.date()).days]

    def as_json(self) -> Mapping[str, Any]:
        """The event for `/api/feed/events.json`; `factor` is that of its strongest day."""
        return {
            "kind": self.kind,
            "complaint_types": list(self.complaint_types),
            "agencies": list(self.agencies),
            "boroughs": list(self.boroughs),
            "start": self.start.isoformat(),
            "end": self.end.isoformat(),
            "factor": max(self.daily_factors, key=lambda factor: abs(np.log(factor))),
            "daily_factors": list(self.daily_factors),
        }


@dataclass(frozen=True, slots=True)
class _Kind:
    name: str
    complaint_types: tuple[str, ...]
    months: frozenset[int]
    days: tuple[int, int]
    factor: tuple[float, float]
    boroughs: tuple[int, int]
    decay: float = 1.0


# Isaias brought 127 times the usual Damaged Tree requests on 2020-08-04, the largest in the daily
# counts; an ordinary storm brings far fewer. HEAT/HOT WATER reached 6.8 times its mean.
_KINDS = (
    _Kind(
        "storm",
        ("Damaged Tree", "Overgrown Tree/Branches", "Dead/Dying Tree"),
        _ALL_MONTHS,
        (3, 5),
        (6.0, 18.0),
        (3, 5),
        decay=0.6,
    ),
    _Kind(
        "heat wave",
        ("Water System", "ELECTRIC"),
        frozenset({6, 7, 8, 9}),
        (4, 7),
        (2.0, 3.0),
        (5, 5),
    ),
    _Kind(
        "cold snap", ("HEAT/HOT WATER",), frozenset({11, 12, 1, 2, 3}), (4, 6), (1.6, 2.4), (5, 5)
    ),
    _Kind("rodent surge", ("Rodent",), frozenset(range(4, 11)), (6, 10), (2.5, 4.0), (1, 2)),
    _Kind(
        "noise surge",
        ("Noise - Street/Sidewalk", "Noise - Vehicle"),
        frozenset(range(4, 11)),
        (3, 5),
        (2.0, 3.2),
        (1, 2),
    ),
    _Kind("illegal parking surge", ("Illegal Parking",), _ALL_MONTHS, (4, 8), (1.6, 2.2), (1, 1)),
)
_OUTAGE_SHARE = 0.15
_OUTAGE_AGENCIES = ("NYPD", "HPD", "DSNY", "DOT", "DEP")
_OUTAGE_FACTOR = 0.1


def events(seed: int, first: date, last: date) -> Sequence[Event]:
    """The events that touch any day from first to last, in the order of their start."""
    # An event may begin in the fortnight before the first day.
    fortnight = max(0, (first - _FIRST_DAY).days // _FORTNIGHT_DAYS - 1)
    found = []
    while _FIRST_DAY + timedelta(days=fortnight * _FORTNIGHT_DAYS) <= last:
        event = _event(seed, fortnight)
        if event.start.date() <= last and event.end > datetime.combine(first, time.min):
            found.append(event)
        fortnight += 1
    return found


@lru_cache(maxsize=4096)
def _event(seed: int, fortnight: int) -> Event:
    draw = np.random.default_rng([seed, _STREAM, fortnight])
    offset = fortnight * _FORTNIGHT_DAYS + int(draw.integers(0, _LATEST_START_DAY))
    start = _FIRST_DAY + timedelta(days=offset)
    if draw.random() < _OUTAGE_SHARE:
        return _outage(draw, start)
    kinds = [kind for kind in _KINDS if start.month in kind.months]
    kind = kinds[int(draw.integers(0, len(kinds)))]
    days = int(draw.integers(kind.days[0], kind.days[1] + 1))
    peak = draw.uniform(*kind.factor)
    factors = tuple(round(max(1.3, peak * kind.decay**age), 2) for age in range(days))
    count = int(draw.integers(kind.boroughs[0], kind.boroughs[1] + 1))
    chosen = sorted(draw.choice(len(_BOROUGHS), size=count, replace=False))
    begin = datetime.combine(start, time.min)
    return Event(
        kind.name,
        kind.complaint_types,
        (),
        tuple(_BOROUGHS[number] for number in chosen),
        begin,
        begin + timedelta(days=days),
        factors,
    )


def _outage(draw: np.random.Generator, start: date) -> Event:
    """An agency's intake is down for some hours of one day."""
    begin = datetime.combine(start, time(int(draw.integers(7, 12))))
    agency = _OUTAGE_AGENCIES[int(draw.integers(0, len(_OUTAGE_AGENCIES)))]
    return Event(
        "outage",
        (),
        (agency,),
        _BOROUGHS,
        begin,
        begin + timedelta(hours=int(draw.integers(6, 12))),
        (_OUTAGE_FACTOR,),
    )
