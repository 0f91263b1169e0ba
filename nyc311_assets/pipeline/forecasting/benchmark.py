"""The baselines' forecasts from the same origins as a back-test."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import date

import numpy as np
import pandas as pd

from nyc311_assets.pipeline.forecasting.arrays import Floats, Integers
from nyc311_assets.pipeline.forecasting.baselines import (
    SEASONAL_NAIVE,
    WEEKDAY_MEAN,
    WINDOW_DAYS,
    Baseline,
    seasonal_naive,
    weekday_mean,
)
from nyc311_assets.pipeline.forecasting.panel import Panel
from nyc311_assets.pipeline.forecasting.stock import (
    AUTO_ETS,
    STOCK_PROPHET,
    auto_ets,
    stock_prophet,
)

_SEED = 311


@dataclass(frozen=True, eq=False)
class Baselines:
    """Forecasts of baselines.

    Attributes:
        forecasts: method, series, as_of, ds, horizon, yhat, lo95, hi95.
        failed: Method -> how many of its fits failed; those forecasts are not there.
    """

    forecasts: pd.DataFrame
    failed: dict[str, int]


def simple_baselines(panel: Panel, days: Sequence[date], horizon: int) -> Baselines:
    """Seasonal naive and the four-week weekday mean, for all series."""
    frames = []
    for day in days:
        known = panel.until(day)
        for method, rule in ((SEASONAL_NAIVE, seasonal_naive), (WEEKDAY_MEAN, weekday_mean)):
            frames.append(_table(method, rule(known, horizon), known.series, day))
    return Baselines(pd.concat(frames, ignore_index=True), {})


def stock_models(
    panel: Panel,
    days: Sequence[date],
    horizon: int,
    *,
    country: str,
    workers: int = 1,
    on_fit: Callable[[], None] = lambda: None,
) -> Baselines:
    """Stock Prophet and AutoETS, fitted anew to each series' newest 90 days from each origin.

    Series with under 28 known days, or none in the last 28, are left out as in the forecasts.

    Args:
        panel: Daily counts.
        days: Origins.
        horizon: Days ahead.
        country: Code of the country whose holidays stock Prophet is given.
        workers: Fits at once.
        on_fit: Called after each series and origin.
    """
    cases = [(row, day) for day in days for row in range(len(panel.series))]

    def fit(case: tuple[int, date]) -> list[tuple[str, pd.DataFrame | None]]:
        row, day = case
        counts = _newest(panel.until(day).values[row])
        first = panel.day(panel.column(day) - len(counts) + 1)
        models = {
            STOCK_PROPHET: lambda: stock_prophet(
                counts, first, horizon, country=country, seed=_SEED
            ),
            AUTO_ETS: lambda: auto_ets(counts, horizon),
        }
        done = [
            (method, _attempt(method, model, panel.series[row], day))
            for method, model in models.items()
        ]
        on_fit()
        return done

    with ThreadPoolExecutor(max_workers=workers) as pool:
        results = [one for done in pool.map(fit, cases) for one in done]
    failed = {
        method: sum(frame is None for name, frame in results if name == method)
        for method in (STOCK_PROPHET, AUTO_ETS)
    }
    frames = [frame for _, frame in results if frame is not None]
    forecasts = pd.concat(frames, ignore_index=True) if frames else pd.DataFrame()
    return Baselines(forecasts, {name: count for name, count in failed.items() if count})


def sample_of(panel: Panel, most: int) -> Integers:
    """Rows of at most so many series, evenly spread over their volumes."""
    order = np.argsort(np.nan_to_num(np.nansum(panel.values, axis=1)), kind="stable")
    places = np.linspace(0, len(order) - 1, min(most, len(order))).round().astype(np.int64)
    return np.sort(order[places])


def _newest(counts: Floats) -> Floats:
    """The newest window from the first known day on."""
    window = counts[-WINDOW_DAYS:]
    known = np.flatnonzero(~np.isnan(window))
    return window[known[0] :] if known.size else window[:0]


def _attempt(
    method: str, model: Callable[[], Baseline], series: str, day: date
) -> pd.DataFrame | None:
    try:
        return _table(method, model(), (series,), day)
    except Exception:  # noqa: BLE001 - whatever a stock model dies of is counted, not ours to mend
        return None


def _table(method: str, baseline: Baseline, series: tuple[str, ...], as_of: date) -> pd.DataFrame:
    count, horizon = baseline.point.shape
    ahead = np.arange(1, horizon + 1)
    first = pd.Timestamp(as_of)
    return pd.DataFrame(
        {
            "method": method,
            "series": np.repeat(np.array(series, dtype=object), horizon),
            "as_of": first,
            "ds": np.tile((first + pd.to_timedelta(ahead, unit="D")).to_numpy(), count),
            "horizon": np.tile(ahead, count),
            "yhat": baseline.point.ravel(),
            "lo95": baseline.low.ravel(),
            "hi95": baseline.high.ravel(),
        }
    )
