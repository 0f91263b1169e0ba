"""Scores of a detector on injected events, with intervals from a bootstrap over series."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from nyc311_assets.pipeline.anomalies.benchmark.events import Event, Kind
from nyc311_assets.pipeline.forecasting.arrays import Flags, Floats, Integers

# Flags this near belong to one episode.
MERGE_DAYS = 7
# An episode may start this many days after the event's end and still be its.
LATE_DAYS = 2
SERIES_OF_A_CITY = 708
_DRAWS = 1000


def starts(flags: Flags) -> list[Integers]:
    """First columns of the episodes of each series: flags within `MERGE_DAYS` are one."""
    found = []
    for row in flags:
        days = np.flatnonzero(row)
        found.append(days[np.diff(days, prepend=-MERGE_DAYS - 1) > MERGE_DAYS])
    return found


@dataclass(frozen=True, eq=False)
class Outcome:
    """What a detector made of one benchmark, by series.

    Attributes:
        events: One a series.
        delays: Days from the event's start to the start of the episode that hits it; NaN if none.
        false_episodes: Episodes in the same series without the event.
        days: Scored days a series.
    """

    events: tuple[Event, ...]
    delays: Floats
    false_episodes: Integers
    days: int


def score(with_events: Flags, without: Flags, events: tuple[Event, ...], first: int) -> Outcome:
    """Hold flags against the events.

    An event is hit when an episode starts within [start, end + 2]. False alarms are the episodes in
    the same series without the event, so an event's own echo is not one.

    Args:
        with_events: Flags of the series with their events, series x days.
        without: Flags of the same series without.
        events: One a series.
        first: First column that is scored.
    """
    delays = np.full(len(events), np.nan)
    scored = with_events.copy()
    scored[:, :first] = False
    for event, begun in zip(events, starts(scored), strict=True):
        hits = begun[(begun >= event.start) & (begun <= event.end + LATE_DAYS)]
        if hits.size:
            delays[event.row] = hits[0] - event.start
    quiet = without.copy()
    quiet[:, :first] = False
    false = np.array([len(begun) for begun in starts(quiet)], dtype=np.int64)
    return Outcome(events, delays, false, without.shape[1] - first)


@dataclass(frozen=True, slots=True)
class Figure:
    """A score and its 95 % interval."""

    value: float
    low: float
    high: float

    @property
    def half_width(self) -> float:
        """Half of the interval."""
        return (self.high - self.low) / 2


@dataclass(frozen=True, eq=False)
class Scores:
    """Scores of one detector.

    Attributes:
        precision, recall, f1: Of episodes.
        false_a_week: False episodes a week in 708 series.
        recall_by_kind: Kind -> recall.
        median_delay, late_delay: Median and 90th percentile of the days to a hit.
        lead: Median days from the start of a ramp's episode to the ramp's peak.
    """

    precision: Figure
    recall: Figure
    f1: Figure
    false_a_week: Figure
    recall_by_kind: dict[Kind, Figure]
    median_delay: float
    late_delay: float
    lead: float


def summarise(outcome: Outcome, chance: np.random.Generator) -> Scores:
    """Scores with percentile intervals from 1,000 resamples of the series (Efron, 1979).

    Args:
        outcome: What a detector made of a benchmark.
        chance: Seeded.
    """
    count = len(outcome.events)
    hit = ~np.isnan(outcome.delays)
    draws = np.concatenate([np.arange(count)[None], chance.integers(count, size=(_DRAWS, count))])
    hits = hit[draws].sum(axis=1)
    false = outcome.false_episodes[draws].sum(axis=1)
    recall = hits / count
    precision = hits / np.maximum(hits + false, 1)
    f1 = 2 * hits / np.maximum(hits + false + count, 1)
    weekly = false / count / outcome.days * 7 * SERIES_OF_A_CITY
    kinds = np.array([event.kind for event in outcome.events])
    by_kind: dict[Kind, Figure] = {}
    for kind in dict.fromkeys(event.kind for event in outcome.events):
        is_kind = kinds == kind
        by_kind[kind] = _figure(
            (hit & is_kind)[draws].sum(axis=1) / np.maximum(is_kind[draws].sum(axis=1), 1)
        )
    delays = outcome.delays[hit]
    leads = [
        event.peak - event.start - delay
        for event, delay in zip(outcome.events, outcome.delays, strict=True)
        if event.kind == "ramp" and not np.isnan(delay)
    ]
    return Scores(
        _figure(precision),
        _figure(recall),
        _figure(f1),
        _figure(weekly),
        by_kind,
        float(np.median(delays)) if delays.size else np.nan,
        float(np.quantile(delays, 0.9)) if delays.size else np.nan,
        float(np.median(leads)) if leads else np.nan,
    )


def _figure(draws: Floats) -> Figure:
    low, high = np.quantile(draws[1:], [0.025, 0.975])
    return Figure(float(draws[0]), float(low), float(high))
