"""The benchmark: events hidden in series, each detector held against them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date

import numpy as np

from nyc311_assets.pipeline.anomalies.benchmark.contenders import weekday_z
from nyc311_assets.pipeline.anomalies.benchmark.events import (
    RISES,
    Event,
    Kind,
    draw_events,
    inject,
)
from nyc311_assets.pipeline.anomalies.benchmark.scoring import Outcome, Scores, score, summarise
from nyc311_assets.pipeline.anomalies.benchmark.series import (
    Sample,
    Source,
    bootstrapped,
    simulated,
)
from nyc311_assets.pipeline.anomalies.rules import Verdicts, judge
from nyc311_assets.pipeline.anomalies.walk import walk
from nyc311_assets.pipeline.forecasting.arrays import Flags, Floats
from nyc311_assets.pipeline.forecasting.panel import Panel

DAYS = 220
# Detectors that learn could exploit the age of a series: all are scored after this much history.
HISTORY_DAYS = 120
SEED = 311
SERIES = 708
# Detectors. Published: the mean of the same weekday over 26 weeks, see `weekday_z`.
OWN, OWN_DROPS = "watch or confirmed", "drops"
PUBLISHED = "weekday mean, z {:g}"
PUBLISHED_LIMITS = (3.5, 5.0)
BARE_RUN = "3 days in a row"
_KINDS: tuple[Kind, ...] = (*RISES, "drop")
# A year without public holidays: simulated days have none.
_FIRST_DAY = date(2001, 1, 1)


@dataclass(frozen=True, eq=False)
class Part:
    """One half of the benchmark.

    Attributes:
        drifts: Whether levels drift.
        scores: Detector -> scores.
        outcomes: Detector -> what it made of each series.
        above, watch: Share of judged series-days without an event that are above the 95 % band,
            and on watch.
    """

    drifts: bool
    scores: dict[str, Scores]
    outcomes: dict[str, Outcome]
    above: float
    watch: float


def run_benchmark(
    source: Source | None,
    *,
    series: int = SERIES,
    seed: int = SEED,
    on_part: Callable[[], None] = lambda: None,
) -> tuple[Part, Part]:
    """Hide events in series without and with level drift, and score every detector.

    Args:
        source: What to bootstrap series from; None for simulated ones.
        series: How many; each has one event, a spike, shift, ramp or drop in turn.
        seed: Of everything that is drawn: the same seed, the same benchmark.
        on_part: Called after each of the two, for progress.

    Returns:
        Without drift, with drift.
    """
    without, with_drift = (
        _part(source, series, np.random.default_rng([seed, drifts]), on_part, drifts=bool(drifts))
        for drifts in (0, 1)
    )
    return without, with_drift


def _part(
    source: Source | None,
    series: int,
    chance: np.random.Generator,
    on_part: Callable[[], None],
    *,
    drifts: bool,
) -> Part:
    sample: Sample = (
        simulated(series, DAYS, chance, drifts=drifts)
        if source is None
        else bootstrapped(source, series, DAYS, chance, drifts=drifts)
    )
    events = draw_events(series, HISTORY_DAYS, DAYS, _KINDS, chance)
    injected = inject(sample.counts, sample.rate, events, chance)
    with_events, quiet = (_verdicts(counts) for counts in (injected, sample.counts))
    on_part()
    flags, without = _flags(injected, with_events), _flags(sample.counts, quiet)
    outcomes = {name: score(flags[name], without[name], events, HISTORY_DAYS) for name in flags}
    outcomes = {name: _of_kind(each, name) for name, each in outcomes.items()}
    judged = quiet.is_judged[:, HISTORY_DAYS:]
    return Part(
        drifts,
        {name: summarise(each, chance) for name, each in outcomes.items()},
        outcomes,
        float(quiet.above[:, HISTORY_DAYS:][judged].mean()),
        float((quiet.watch & (quiet.direction > 0))[:, HISTORY_DAYS:][judged].mean()),
    )


def _verdicts(counts: Floats) -> Verdicts:
    names = tuple(f"{row:05d}" for row in range(len(counts)))
    return judge(walk(Panel(names, _FIRST_DAY, counts), HISTORY_DAYS, {}))


def _flags(counts: Floats, verdicts: Verdicts) -> dict[str, Flags]:
    z = weekday_z(counts)
    return {
        OWN: verdicts.flagged & (verdicts.direction > 0),
        **{PUBLISHED.format(limit): np.asarray(z > limit) for limit in PUBLISHED_LIMITS},
        BARE_RUN: verdicts.reasons["run"],
        OWN_DROPS: verdicts.flagged & (verdicts.direction < 0),
    }


def _of_kind(outcome: Outcome, name: str) -> Outcome:
    """Only the series whose event the detector looks for: rises, or drops."""
    rows = [
        row
        for row, event in enumerate(outcome.events)
        if (event.kind == "drop") == (name == OWN_DROPS)
    ]
    events: tuple[Event, ...] = tuple(outcome.events[row] for row in rows)
    return Outcome(events, outcome.delays[rows], outcome.false_episodes[rows], outcome.days)
