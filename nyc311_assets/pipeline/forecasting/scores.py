"""Scores of forecasts whose days have come, by volume tier and horizon."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from nyc311_assets.pipeline.days import WEEK
from nyc311_assets.pipeline.forecasting.arrays import Floats
from nyc311_assets.pipeline.forecasting.panel import Panel
from nyc311_assets.pipeline.forecasting.volume import TIER_EDGES, TIER_NAMES, tier_of

BANDS_MISS = 0.05
ALL_TIERS = "all"
TWO_GROUPS = ((1, 7), (8, 30))


def judged(forecasts: pd.DataFrame, panel: Panel) -> pd.DataFrame:
    """Put what came beside each forecast; forecasts of days that are unknown or to come are left out.

    Args:
        forecasts: method, series, ds, horizon, yhat, lo95, hi95.
        panel: Daily counts.

    Returns:
        The same with `y`, `row` (the panel's), and `error`, `scale` (mean |y_t - y_(t-7)| of the
        series over all of its days) and `volume` (its mean requests a day over all of them).
    """
    place = {name: row for row, name in enumerate(panel.series)}
    rows = forecasts["series"].map(place).to_numpy(dtype=np.int64)
    columns = (forecasts["ds"] - pd.Timestamp(panel.first_day)).dt.days.to_numpy()
    inside = columns < panel.values.shape[1]
    actual = np.full(len(forecasts), np.nan)
    actual[inside] = panel.values[rows[inside], columns[inside]]
    result = forecasts.assign(
        y=actual,
        error=np.abs(actual - forecasts["yhat"].to_numpy()),
        scale=weekly_difference(panel.values)[rows],
        volume=_volumes(panel)[rows],
    )
    known: pd.DataFrame = result[~np.isnan(actual)]
    return known.reset_index(drop=True)


def score_table(
    judged_forecasts: pd.DataFrame, groups: Sequence[tuple[int, int]] = TWO_GROUPS
) -> pd.DataFrame:
    """Score every method by volume tier and horizon group.

    Each score is computed for each series first and then averaged over the series of a row, so
    that every series weighs the same:

    * MASE: mean absolute error over `scale` (Hyndman and Koehler, 2006, with a season of 7); a
      series that repeats every week exactly has none.
    * WAPE: sum of absolute errors over sum of counts; none for a series without requests.
    * MAPE: mean of error over count on days with requests, only for series of 100 a day and more.
    * Coverage: share of days from lo95 to hi95, both included.
    * Winkler: hi - lo + 2 / 0.05 · what lies outside (Winkler, 1972), over the series' volume.
    * Width: hi - lo, over the series' volume.

    Args:
        judged_forecasts: See `judged`.
        groups: First and last horizon of each group.

    Returns:
        method, tier, horizon, series (number), mase, wape, mape, mape_series (number), coverage,
        winkler, width; a row for each tier that has series, and one for all of them.
    """
    table = _by_series(judged_forecasts, groups)
    tiers = np.array(TIER_NAMES)[tier_of(table["volume"].to_numpy())]
    both = pd.concat([table.assign(tier=tiers), table.assign(tier=ALL_TIERS)])
    names = [f"{first}-{last}" for first, last in groups]
    both["horizon"] = pd.Categorical(both["horizon"], names, ordered=True)
    both["tier"] = pd.Categorical(both["tier"], [*TIER_NAMES, ALL_TIERS], ordered=True)
    methods = list(dict.fromkeys(judged_forecasts["method"]))
    both["method"] = pd.Categorical(both["method"], methods, ordered=True)
    scores = ["mase", "wape", "mape", "coverage", "winkler", "width"]
    grouped = both.groupby(["horizon", "tier", "method"], observed=True)
    result = grouped[scores].mean()
    result["series"] = grouped["volume"].size()
    result["mape_series"] = grouped["mape"].count()
    return result.reset_index().astype({"method": str, "tier": str, "horizon": str})


def coverage_by_weekday(judged_forecasts: pd.DataFrame) -> pd.Series[float]:
    """Share of days inside the 95 % band by weekday of the day, Monday is 0, up to 7 days ahead."""
    near = judged_forecasts[judged_forecasts["horizon"] <= WEEK]
    return _inside(near).groupby(near["ds"].dt.weekday).mean()


def _by_series(rows: pd.DataFrame, groups: Sequence[tuple[int, int]]) -> pd.DataFrame:
    horizon = rows["horizon"].to_numpy()
    name = np.full(len(rows), "", dtype=object)
    for first, last in groups:
        name[(horizon >= first) & (horizon <= last)] = f"{first}-{last}"
    rows = rows.assign(horizon=name)[name != ""]
    outside = np.maximum(rows["lo95"] - rows["y"], 0) + np.maximum(rows["y"] - rows["hi95"], 0)
    is_large = (rows["volume"] >= TIER_EDGES[-1]) & (rows["y"] > 0)
    width = rows["hi95"] - rows["lo95"]
    rows = rows.assign(
        percent=np.where(is_large, rows["error"] / rows["y"].where(rows["y"] > 0), np.nan),
        inside=_inside(rows),
        interval=width + 2 / BANDS_MISS * outside,
        band=width,
    )
    mean = (
        rows.groupby(["method", "series", "horizon"], sort=False)
        .agg(
            error=("error", "mean"),
            y=("y", "mean"),
            scale=("scale", "first"),
            volume=("volume", "first"),
            mape=("percent", "mean"),
            coverage=("inside", "mean"),
            interval=("interval", "mean"),
            band=("band", "mean"),
        )
        .reset_index()
    )
    return mean.assign(
        mase=mean["error"] / mean["scale"].where(mean["scale"] > 0),
        wape=mean["error"] / mean["y"].where(mean["y"] > 0),
        winkler=mean["interval"] / mean["volume"].where(mean["volume"] > 0),
        width=mean["band"] / mean["volume"].where(mean["volume"] > 0),
    )


def _inside(rows: pd.DataFrame) -> pd.Series[float]:
    return ((rows["y"] >= rows["lo95"]) & (rows["y"] <= rows["hi95"])).astype(float)


def weekly_difference(values: Floats) -> Floats:
    """Mean |y_t - y_(t-7)| of each series, 0 where none is known: what MASE divides by.

    Args:
        values: Requests a day, series x days, NaN where unknown.
    """
    difference = np.abs(values[:, WEEK:] - values[:, :-WEEK])
    known = (~np.isnan(difference)).sum(axis=1)
    return np.asarray(np.nansum(difference, axis=1) / np.maximum(known, 1))


def _volumes(panel: Panel) -> Floats:
    known = (~np.isnan(panel.values)).sum(axis=1)
    return np.asarray(np.nansum(panel.values, axis=1) / np.maximum(known, 1))
