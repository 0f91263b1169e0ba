"""Rolling-origin evaluation: the forecasts that would have been issued on past days."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np
import pandas as pd

from nyc311_assets.pipeline.forecasting.anchored_prophet import (
    REFIT_DAYS,
    ProphetFits,
    fit_prophet,
    join_fits,
)
from nyc311_assets.pipeline.forecasting.gate import served_by_prophet
from nyc311_assets.pipeline.forecasting.issue import (
    COLUMNS,
    HORIZON,
    LEAST_HISTORY_DAYS,
    catch_up,
    issue,
)
from nyc311_assets.pipeline.forecasting.level_profile import VOLUME_DAYS, WINDOW_DAYS, history
from nyc311_assets.pipeline.forecasting.panel import Panel, PanelError
from nyc311_assets.pipeline.forecasting.past import PastForecasts
from nyc311_assets.pipeline.forecasting.volume import recent_volume

WEEKLY = 7


@dataclass(frozen=True, eq=False)
class Backtest:
    """What a rolling-origin evaluation issued.

    Attributes:
        forecasts: The frames of all origins, see `Issued`.
        skipped: Series that had no forecast from any origin -> why.
        failed: Series that Prophet could not be fitted to at least once -> why; level x profile
            served them.
        newton_fallbacks: Prophet fits that L-BFGS gave up and Newton finished.
    """

    forecasts: pd.DataFrame
    skipped: Mapping[str, str]
    failed: Mapping[str, str]
    newton_fallbacks: int


def default_start(panel: Panel) -> date:
    """The first origin that has a whole window of 90 days behind it.

    In a shorter file, the one with 30 days still to come, but never with under 28 days.
    """
    days = panel.values.shape[1]
    behind = max(min(WINDOW_DAYS, days - HORIZON), LEAST_HISTORY_DAYS)
    return panel.day(behind - 1)


def origins(panel: Panel, start: date, every: int) -> list[date]:
    """Every so many days from a start up to the panel's last day.

    Raises:
        PanelError: The start is after the last day, or before any forecast is possible.
    """
    earliest = panel.day(LEAST_HISTORY_DAYS - 1)
    if not earliest <= start <= panel.last_day:
        raise PanelError(
            f"Forecasts cannot start on {start}: the counts go from {panel.first_day} to "
            f"{panel.last_day}, and {LEAST_HISTORY_DAYS} days of history are needed. "
            f"Choose a start from {earliest} to {panel.last_day}."
            if earliest <= panel.last_day
            else f"The counts go from {panel.first_day} to {panel.last_day}: too few days, "
            f"{LEAST_HISTORY_DAYS} are needed. Give a longer history."
        )
    count = (panel.last_day - start).days // every + 1
    return [start + timedelta(days=number * every) for number in range(count)]


def backtest(
    panel: Panel,
    days: Sequence[date],
    holidays: Mapping[date, str],
    *,
    horizon: int = HORIZON,
    workers: int = 1,
    on_origin: Callable[[date], None] = lambda _: None,
) -> Backtest:
    """Issue the forecasts of past days, each from what was known then, as the daily run does.

    Prophet is refitted when the last fit is `REFIT_DAYS` old, for the series that it serves.

    Args:
        panel: Daily counts.
        days: Origins, ascending; see `origins`.
        holidays: Day -> name, over the panel and the days ahead.
        horizon: Days ahead.
        workers: Fits at once.
        on_origin: Called after each origin.
    """
    past = PastForecasts(panel.series, horizon)
    fits: ProphetFits | None = None
    frames: list[pd.DataFrame] = []
    skipped: dict[str, str] = {}
    failed: dict[str, str] = {}
    fallbacks = 0
    for day in days:
        if fits is None or (day - fits.trained_on).days >= REFIT_DAYS:
            past = catch_up(panel, day - timedelta(days=1), past, holidays, fits)
            fits = train(panel.until(day), past, holidays, workers=workers)
            failed |= fits.failed
            fallbacks += fits.newton_fallbacks
        issued = issue(panel, day, past, holidays, fits)
        past = issued.past
        if not issued.frame.empty:
            frames.append(issued.frame)
        skipped |= issued.skipped
        on_origin(day)
    forecasts = (
        pd.concat(frames, ignore_index=True) if frames else pd.DataFrame(columns=list(COLUMNS))
    )
    with_forecast = set(forecasts["series"])
    never = {name: why for name, why in skipped.items() if name not in with_forecast}
    return Backtest(forecasts, never, failed, fallbacks)


def train(
    known: Panel, past: PastForecasts, holidays: Mapping[date, str], *, workers: int = 1
) -> ProphetFits:
    """Fit Prophet to the series that it serves by its past origins.

    Args:
        known: What is known on the training day.
        past: Earlier origins.
        holidays: Day -> name.
        workers: Fits at once; each is a process of Stan's, so threads do.
    """
    volume = recent_volume(known.values, VOLUME_DAYS)
    rows = np.flatnonzero(served_by_prophet(known, past, volume))
    chunks = [chunk for chunk in np.array_split(rows, max(workers, 1)) if chunk.size]

    def fit(chunk: np.ndarray) -> ProphetFits:
        part = known.only(chunk)
        return fit_prophet(history(part, holidays), part.series, past.horizon)

    if not chunks:
        return fit_prophet(history(known.only(rows), holidays), (), past.horizon)
    with ThreadPoolExecutor(max_workers=len(chunks)) as pool:
        return join_fits(list(pool.map(fit, chunks)))
