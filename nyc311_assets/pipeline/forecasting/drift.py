"""Drift: whether forecasts have lately become worse than they were."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from nyc311_assets.pipeline.forecasting.arrays import Flags, Floats
from nyc311_assets.pipeline.forecasting.panel import Panel
from nyc311_assets.pipeline.forecasting.past import PastForecasts
from nyc311_assets.pipeline.forecasting.volume import recent_volume

RECENT_DAYS = 14
REFERENCE_DAYS = 56
# Horizons whose errors count.
AHEAD_DAYS = 7
# Noise drowns a change in series of less than this many requests a day.
LEAST_VOLUME = 10.0
LEAST_SERIES = 5
# The median series' error, over what it was: storms move some series, a drift moves most.
MOST_RATIO = 1.35


@dataclass(frozen=True, slots=True)
class Drift:
    """How the error has moved.

    Attributes:
        ratio: Median over series of the relative error of the newest `RECENT_DAYS` over that of the
            `REFERENCE_DAYS` before them; NaN where too little is known.
        series: Series that it is the median of.
    """

    ratio: float
    series: int

    @property
    def is_found(self) -> bool:
        """Whether it is more than a few unusual days of some series make."""
        return self.series >= LEAST_SERIES and self.ratio > MOST_RATIO


def error_drift(
    panel: Panel, past: PastForecasts, choice: Mapping[str, Flags], default: str
) -> Drift:
    """Compare the errors of the newest days that were forecast with those before.

    Args:
        panel: What is known, up to as_of and no further.
        past: Earlier origins.
        choice: Model -> which series it serves.
        default: The model of all others.
    """
    oldest = panel.values.shape[1] - 1 - RECENT_DAYS - REFERENCE_DAYS - AHEAD_DAYS
    rows = [row for row, day in enumerate(past.origins) if panel.column(day) > oldest]
    if not rows:
        return Drift(float("nan"), 0)
    late = past.part(rows, AHEAD_DAYS)
    age = panel.values.shape[1] - 1 - late.targets(panel)
    actual = late.actuals(panel)
    error = np.abs(actual - late.served(choice, default))

    def relative(first: int, last: int) -> Floats:
        inside = ((age >= first) & (age < last))[:, None, :] & ~np.isnan(error)
        total = np.where(inside, actual, 0.0).sum(axis=(0, 2))
        enough = inside.any(axis=2).sum(axis=0) >= (last - first) // 2
        spread = np.where(inside, error, 0.0).sum(axis=(0, 2))
        return np.where(enough & (total > 0), spread / np.maximum(total, 1.0), np.nan)

    recent = relative(0, RECENT_DAYS)
    before = relative(RECENT_DAYS, RECENT_DAYS + REFERENCE_DAYS)
    usable = (
        (recent_volume(panel.values, REFERENCE_DAYS) >= LEAST_VOLUME)
        & ~np.isnan(recent)
        & (before > 0)
    )
    if not usable.any():
        return Drift(float("nan"), 0)
    return Drift(float(np.median(recent[usable] / before[usable])), int(usable.sum()))
