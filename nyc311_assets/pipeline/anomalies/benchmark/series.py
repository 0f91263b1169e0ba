"""Series to hide events in: bootstrapped from real counts, or simulated. Neither is the detector's.

The detector thinks in negative binomial counts around an exponentially weighted level. Here days
are blocks of real residuals, or a Poisson count around a log-normal rate whose noise depends on the
day before; levels stay, or walk and swing.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from nyc311_assets.pipeline.forecasting.arrays import Floats
from nyc311_assets.pipeline.forecasting.panel import Panel
from nyc311_assets.pipeline.forecasting.profile import weekdays
from nyc311_assets.pipeline.forecasting.windows import moving_median, moving_sum

# Volumes: log-normal around the median, as those of complaint types by district are, not below.
MEDIAN_VOLUME = 60.0
VOLUME_SPREAD = 1.0
LEAST_VOLUME = 10.0
# Level drift: a random walk of the log level, and a season.
DRIFT_A_DAY = 0.02
SEASON_SWING = 0.3
SEASON_DAYS = 365.0
# Noise of the simulated log rate: spread, and how much of it lasts to the next day.
NOISE_SPREADS = (0.05, 0.2)
NOISE_MEMORY = (0.1, 0.6)
WEEKEND_FACTORS = (0.4, 1.3)
BLOCK_DAYS = (7, 21)
_HALF_WINDOW_DAYS = 10
_LEAST_DAYS = 60
_LEAST_SOURCE_VOLUME = 5.0
_LEAST_RATIO = 0.05
_ROBUST_SIGMAS = 3.0
_MAD_TO_SIGMA = 1.4826


class NoSource(ValueError):
    """The counts hold no series to bootstrap from."""


@dataclass(frozen=True, eq=False)
class Sample:
    """Series without events.

    Attributes:
        counts: series x days.
        rate: What the counts vary around: level x weekday, of the same shape.
    """

    counts: Floats
    rate: Floats


@dataclass(frozen=True, eq=False)
class Source:
    """What the bootstrap draws from: the residuals of real series, and their weeks.

    Attributes:
        ratios: Count over level x weekday, one array a series, day after day.
        profiles: Weekday factors, series x 7, Monday first.
        volumes: Mean requests a day.
    """

    ratios: tuple[Floats, ...]
    profiles: Floats
    volumes: Floats


def source_of(panel: Panel) -> Source:
    """Take real series apart into level, week and residual.

    The level is a centred 21-day mean, the week the median ratio to a median: another taking apart
    than the forecasts'. Days that are unknown are left out. Residuals beyond three robust standard
    deviations are cut there: they are the real events of the source (a storm, a holiday), and to
    find one again in the bootstrapped series is no false alarm.

    Raises:
        NoSource: No series has 60 known days and 5 requests a day.
    """
    ratios, profiles, volumes = [], [], []
    week = weekdays(panel.first_day, panel.values.shape[1])
    for values in panel.values:
        known = ~np.isnan(values)
        if known.sum() < _LEAST_DAYS or np.nanmean(values) < _LEAST_SOURCE_VOLUME:
            continue
        row = values[None, :]
        level = np.maximum(moving_median(row, _HALF_WINDOW_DAYS), 1.0)
        profile = np.array([np.median((row / level)[0, known & (week == day)]) for day in range(7)])
        profile = np.maximum(profile, 0.05)
        smooth = moving_sum(row / profile[week], _HALF_WINDOW_DAYS) / np.maximum(
            moving_sum(known[None, :].astype(float), _HALF_WINDOW_DAYS), 1.0
        )
        ratio = values / np.maximum(smooth[0] * profile[week], 0.5)
        ratios.append(_without_events(ratio[known]))
        profiles.append(profile / profile.mean())
        volumes.append(float(np.nanmean(values)))
    if not ratios:
        raise NoSource(
            f"None of the {len(panel.series)} series has {_LEAST_DAYS} known days and "
            f"{_LEAST_SOURCE_VOLUME:.0f} requests a day. Give counts of busier series."
        )
    return Source(tuple(ratios), np.array(profiles), np.array(volumes))


def bootstrapped(
    source: Source, rows: int, days: int, chance: np.random.Generator, *, drifts: bool
) -> Sample:
    """Series made of blocks of real residuals, each thinned to a volume of its own.

    A moving-block bootstrap (Künsch, The Jackknife and the Bootstrap for General Stationary
    Observations, 1989) keeps how neighbouring days hang together. The blocks already hold the
    chance of the source's counts, so a count of the source's size is thinned to the wanted volume
    one request at a time, which adds just the chance that a smaller count has.
    """
    week = np.arange(days) % 7
    counts, rates = np.zeros((rows, days)), np.zeros((rows, days))
    volumes = _volumes(rows, chance)
    drift = _drift(rows, days, chance) if drifts else np.ones((rows, days))
    for row in range(rows):
        one = int(chance.integers(len(source.ratios)))
        scale = max(source.volumes[one], volumes[row])
        large = scale * source.profiles[one][week] * drift[row]
        ratio = _blocks(source.ratios[one], days, chance)
        kept = volumes[row] / scale
        counts[row] = chance.binomial(np.rint(large * ratio).astype(np.int64), kept)
        rates[row] = large * kept
    return Sample(counts, rates)


def simulated(rows: int, days: int, chance: np.random.Generator, *, drifts: bool) -> Sample:
    """Poisson counts around a log-normal rate whose noise is autoregressive (NOISE_SPREADS, ...)."""
    profile = np.exp(chance.normal(0, 0.05, (rows, 7)))
    profile[:, 5:] *= chance.uniform(*WEEKEND_FACTORS, (rows, 1))
    profile /= profile.mean(axis=1, keepdims=True)
    rate = _volumes(rows, chance)[:, None] * profile[:, np.arange(days) % 7]
    if drifts:
        rate *= _drift(rows, days, chance)
    spread = chance.uniform(*NOISE_SPREADS, rows)
    memory = chance.uniform(*NOISE_MEMORY, rows)
    noise = np.zeros((rows, days))
    state = chance.normal(0, spread)
    for day in range(days):
        state = memory * state + chance.normal(0, spread) * np.sqrt(1 - memory**2)
        noise[:, day] = state
    noisy = rate * np.exp(noise - spread[:, None] ** 2 / 2)
    return Sample(chance.poisson(noisy).astype(float), rate)


def _without_events(ratios: Floats) -> Floats:
    logs = np.log(np.maximum(ratios, _LEAST_RATIO))
    middle = np.median(logs)
    reach = _ROBUST_SIGMAS * _MAD_TO_SIGMA * np.median(np.abs(logs - middle))
    return np.asarray(np.exp(np.clip(logs, middle - reach, middle + reach)))


def _volumes(rows: int, chance: np.random.Generator) -> Floats:
    drawn = MEDIAN_VOLUME * np.exp(chance.normal(0, VOLUME_SPREAD, rows))
    return np.asarray(np.maximum(drawn, LEAST_VOLUME))


def _drift(rows: int, days: int, chance: np.random.Generator) -> Floats:
    walk = np.cumsum(chance.normal(0, DRIFT_A_DAY, (rows, days)), axis=1)
    phase = chance.uniform(0, 2 * np.pi, (rows, 1))
    swing = chance.uniform(0, SEASON_SWING, (rows, 1))
    season = swing * np.sin(2 * np.pi * np.arange(days) / SEASON_DAYS + phase)
    return np.asarray(np.exp(walk + season))


def _blocks(ratios: Floats, days: int, chance: np.random.Generator) -> Floats:
    parts: list[Floats] = []
    length = 0
    while length < days:
        size = min(int(chance.integers(BLOCK_DAYS[0], BLOCK_DAYS[1] + 1)), len(ratios))
        first = int(chance.integers(len(ratios) - size + 1))
        parts.append(ratios[first : first + size])
        length += size
    return np.concatenate(parts)[:days]
