"""How forecasts have done whose days have come: sums by day and volume tier, to be added up."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, timedelta

import numpy as np
import pandas as pd

from nyc311_assets.pipeline.forecasting.baselines import seasonal_naive, weekday_mean
from nyc311_assets.pipeline.forecasting.level_profile import VOLUME_DAYS, WINDOW_DAYS
from nyc311_assets.pipeline.forecasting.panel import Panel
from nyc311_assets.pipeline.forecasting.scores import weekly_difference
from nyc311_assets.pipeline.forecasting.volume import TIER_NAMES, recent_volume, tier_of

AHEAD_DAYS = 7
CITY = "city"
# Volumes that a MAPE is given for: below, chance alone makes it large.
_MAPE_TIER = "100+"
SUMS = (
    "forecasts", "inside", "error", "naive_error", "weekday_mean_error", "percent_error",
    "percent_forecasts", "city_percent_error", "city_forecasts",
)  # fmt: skip


def past_accuracy(panel: Panel, issued: pd.DataFrame, origins: Iterable[date]) -> pd.DataFrame:
    """Sums of what the forecasts 1 to 7 days ahead of some days were off by.

    Args:
        panel: Daily counts of the series, up to the last day that has come.
        issued: as_of, series, horizon, yhat, lo95, hi95; other horizons are left out.
        origins: The days, as_of; those whose 7 days have not come are left out.

    Returns:
        as_of, tier, and `SUMS`: forecasts whose day is known; those within the 95 % band; absolute
        errors of ours, of seasonal naive and of the four-week weekday mean over the mean absolute
        difference from the week before (90 days up to as_of; a series without any is left out);
        relative errors, of series of 100 a day and more, and of all requests.
    """
    rows: list[dict[str, object]] = []
    place = {name: row for row, name in enumerate(panel.series)}
    by_day = dict(list(issued.groupby("as_of")))
    for as_of in sorted(origins):
        frame = by_day.get(as_of)
        if frame is None or as_of + timedelta(days=AHEAD_DAYS) > panel.last_day:
            continue
        frame = frame[(frame["horizon"] <= AHEAD_DAYS) & frame["series"].isin(place)]
        row = frame["series"].map(place).to_numpy(dtype=np.int64)
        ahead = frame["horizon"].to_numpy(dtype=np.int64) - 1
        known = panel.until(as_of)
        first = panel.column(as_of) + 1
        actual = panel.values[:, first : first + AHEAD_DAYS]
        scale = weekly_difference(known.values[:, -WINDOW_DAYS:])
        tier = tier_of(recent_volume(known.values, VOLUME_DAYS))
        y = actual[row, ahead]
        usable = ~np.isnan(y) & (scale[row] > 0)
        row, ahead, y, frame = row[usable], ahead[usable], y[usable], frame[usable]
        own = np.abs(y - frame["yhat"].to_numpy())
        naive = np.abs(y - seasonal_naive(known, AHEAD_DAYS).point[row, ahead])
        mean = np.abs(y - weekday_mean(known, AHEAD_DAYS).point[row, ahead])
        inside = (y >= frame["lo95"].to_numpy()) & (y <= frame["hi95"].to_numpy())
        percent = own / np.maximum(y, 1.0)
        is_city = (frame["series"] == CITY).to_numpy()
        for number, name in enumerate(TIER_NAMES):
            mine = tier[row] == number
            if not mine.any():
                continue
            large = mine & (name == _MAPE_TIER)
            rows.append(
                {
                    "as_of": as_of,
                    "tier": name,
                    "forecasts": int(mine.sum()),
                    "inside": int(inside[mine].sum()),
                    "error": float((own / scale[row])[mine].sum()),
                    "naive_error": float((naive / scale[row])[mine].sum()),
                    "weekday_mean_error": float((mean / scale[row])[mine].sum()),
                    "percent_error": float(percent[large].sum()),
                    "percent_forecasts": int(large.sum()),
                    "city_percent_error": float(percent[mine & is_city].sum()),
                    "city_forecasts": int((mine & is_city).sum()),
                }
            )
    return pd.DataFrame(rows, columns=["as_of", "tier", *SUMS])
