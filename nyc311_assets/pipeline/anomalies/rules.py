"""The rules: which days are on watch, which are confirmed, and why."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from nyc311_assets.pipeline.anomalies.expectations import Expectations
from nyc311_assets.pipeline.anomalies.runs import run_lengths, trailing_sum
from nyc311_assets.pipeline.anomalies.scans import scan
from nyc311_assets.pipeline.anomalies.surprise import (
    normal_scores,
    tail_probabilities,
    two_sided,
)
from nyc311_assets.pipeline.forecasting.arrays import Flags, Floats, Integers

# In the order in which they are told.
REASONS = (
    "spike",
    "spike_over_last_week",
    "run",
    "scan_3",
    "scan_7",
    "drop",
    "drop_run",
    "drop_scan_3",
)


@dataclass(frozen=True, slots=True)
class Limits:
    """Where the rules draw their lines; counts in requests, z in standard deviations.

    Attributes:
        watch_z: Least z of one day against yesterday's forecast.
        watch_frozen_z: Least z of one day against last week's.
        watch_excess: Least requests above the forecast.
        watch_ratio: Least actual over forecast; for series of `large_volume` a day and more
            `watch_ratio_large`.
        run_days: Days in a row outside the 95 % band that confirm.
        scan_z: Least z of the sum over 3 and over 7 days against last week's forecasts.
        scan_excess: Least requests above, in sum.
        scan_share: Least excess as a share of what was expected; for series of `large_volume` a
            day and more `scan_share_large`.
        scan_newest_z: Least z of the newest day: what has passed confirms nothing.
        drop_z, drop_ratio: A day this far below, at most this share of the forecast.
        drop_scan_z, drop_scan_ratio: The same of the sum over 3 days, and of a run below the band.
        drop_excess: Least requests below the forecast.
    """

    watch_z: float = 4.5
    watch_frozen_z: float = 4.0
    watch_excess: float = 10.0
    watch_ratio: float = 1.5
    large_volume: float = 1000.0
    watch_ratio_large: float = 1.2
    run_days: int = 3
    scan_z: tuple[float, float] = (4.0, 3.5)
    scan_excess: float = 20.0
    scan_share: float = 0.6
    scan_share_large: float = 0.25
    scan_newest_z: float = 0.5
    drop_z: float = -3.5
    drop_ratio: float = 0.6
    drop_scan_z: float = -3.5
    drop_scan_ratio: float = 0.6
    drop_excess: float = 5.0


LIMITS = Limits()
_SCANS = (3, 7)


@dataclass(frozen=True, eq=False)
class Verdicts:
    """What the rules say of each day; every array is series x days.

    Attributes:
        is_judged: Where there is a verdict at all.
        z: Normal score against yesterday's forecast; NaN where not judged.
        z_frozen: The same against the forecast issued 7 days before.
        strongest: Of the two, the one that departs further.
        p_value: Two-sided, of z.
        excess: Requests above the forecast that shows it more; below zero for less.
        above, below: Outside the 95 % band of yesterday's forecast.
        run_length: Days in a row on the same side outside the band.
        watch, confirmed: Tiers, in either direction.
        direction: 1 high, -1 low, 0 neither on watch nor confirmed.
        reasons: Reason -> where it holds.
    """

    is_judged: Flags
    z: Floats
    z_frozen: Floats
    strongest: Floats
    p_value: Floats
    excess: Floats
    above: Flags
    below: Flags
    run_length: Integers
    watch: Flags
    confirmed: Flags
    direction: Integers
    reasons: dict[str, Flags]

    @property
    def flagged(self) -> Flags:
        """On watch or confirmed."""
        return self.watch | self.confirmed


def judge(expected: Expectations, limits: Limits = LIMITS) -> Verdicts:
    """Judge every day by the forecasts issued before it.

    - **Watch**, on day 0: z above the limit against the forecast issued the day before, or against
      the one issued 7 days before, with a least excess and ratio.
    - **Confirmed**: three or more days in a row, by the calendar, above the 95 % band; or the sum
      over 3 or 7 days against the frozen level above the limit (see `scan`), with a least excess
      and share, while the newest day is still high.
    - **Drops** likewise, below.

    Args:
        expected: What was expected.
        limits: Where the lines are drawn.
    """
    judged = expected.is_judged
    actual = np.where(judged, expected.actual, np.nan)
    yesterdays, last_weeks = expected.nearest(expected.yhat), expected.nearest(expected.frozen)
    lower, upper = tail_probabilities(actual, yesterdays, expected.dispersion)
    z = normal_scores(lower, upper)
    z_frozen = normal_scores(*tail_probabilities(actual, last_weeks, expected.dispersion))
    above, below = actual > expected.high, actual < expected.low
    runs = run_lengths(above.astype(np.int64) - below.astype(np.int64))
    expected = replace(expected, yhat=yesterdays, frozen=last_weeks)
    reasons = _rises(expected, actual, z, z_frozen, above, runs, limits)
    reasons |= _drops(expected, actual, z, z_frozen, below, runs, limits)
    is_frozen = np.abs(np.nan_to_num(z_frozen)) > np.abs(z)
    is_high = _any(reasons, REASONS[:5])
    is_low = _any(reasons, REASONS[5:]) & ~is_high
    watch = reasons["spike"] | reasons["spike_over_last_week"] | (reasons["drop"] & is_low)
    confirmed = _any(reasons, REASONS[2:5]) | (_any(reasons, REASONS[6:]) & is_low)
    reasons |= {name: reasons[name] & is_low for name in REASONS[5:]}
    return Verdicts(
        is_judged=judged,
        z=z,
        z_frozen=z_frozen,
        strongest=np.where(is_frozen, z_frozen, z),
        p_value=two_sided(lower, upper),
        excess=actual - np.where(is_frozen, expected.frozen, expected.yhat),
        above=above,
        below=below,
        run_length=runs,
        watch=watch,
        confirmed=confirmed,
        direction=is_high.astype(np.int64) - is_low.astype(np.int64),
        reasons=reasons,
    )


def _rises(
    expected: Expectations,
    actual: Floats,
    z: Floats,
    z_frozen: Floats,
    above: Flags,
    runs: Integers,
    limits: Limits,
) -> dict[str, Flags]:
    found = {
        "spike": _is_spike(actual, expected.yhat, z, limits.watch_z, limits),
        "spike_over_last_week": _is_spike(
            actual, expected.frozen, z_frozen, limits.watch_frozen_z, limits
        ),
        "run": above & (runs >= limits.run_days),
    }
    is_large = expected.frozen >= limits.large_volume
    share = np.where(is_large, limits.scan_share_large, limits.scan_share)
    for days, limit in zip(_SCANS, limits.scan_z, strict=True):
        score, ratio, excess = _scan(actual, expected.frozen, z_frozen, days)
        found[f"scan_{days}"] = (
            (score > limit)
            & (excess >= limits.scan_excess)
            & (ratio >= 1 + share)
            & (z_frozen > limits.scan_newest_z)
        )
    return found


def _drops(
    expected: Expectations,
    actual: Floats,
    z: Floats,
    z_frozen: Floats,
    below: Flags,
    runs: Integers,
    limits: Limits,
) -> dict[str, Flags]:
    score, ratio, excess = _scan(actual, expected.frozen, z_frozen, limits.run_days)
    is_deep = (ratio <= limits.drop_scan_ratio) & (excess <= -limits.drop_excess)
    return {
        "drop": (z < limits.drop_z)
        & (actual <= limits.drop_ratio * expected.yhat)
        & (actual <= expected.yhat - limits.drop_excess),
        "drop_run": below & (runs >= limits.run_days) & is_deep,
        "drop_scan_3": (score < limits.drop_scan_z) & is_deep & (z_frozen < -limits.scan_newest_z),
    }


def _is_spike(actual: Floats, forecast: Floats, z: Floats, least_z: float, limits: Limits) -> Flags:
    ratio = np.where(forecast >= limits.large_volume, limits.watch_ratio_large, limits.watch_ratio)
    return np.asarray(
        (z > least_z) & (actual - forecast >= limits.watch_excess) & (actual >= ratio * forecast)
    )


def _scan(
    actual: Floats, frozen: Floats, z_frozen: Floats, days: int
) -> tuple[Floats, Floats, Floats]:
    """Score of the sum over the newest days, its ratio to what was expected, and its excess."""
    total, expected = trailing_sum(actual, days), trailing_sum(frozen, days)
    ratio = total / np.maximum(expected, 1.0)
    return scan(z_frozen, days), np.asarray(ratio), np.asarray(total - expected)


def _any(reasons: dict[str, Flags], names: tuple[str, ...]) -> Flags:
    return np.asarray(np.logical_or.reduce([reasons[name] for name in names]))
