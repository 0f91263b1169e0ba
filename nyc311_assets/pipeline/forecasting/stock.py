"""Two stock models that every forecast is held against: Prophet as it comes, and AutoETS."""

from __future__ import annotations

from datetime import date
from threading import Lock

import numpy as np
import pandas as pd
from prophet import Prophet
from statsforecast.models import AutoETS

from nyc311_assets.pipeline.days import WEEK
from nyc311_assets.pipeline.forecasting.arrays import Floats
from nyc311_assets.pipeline.forecasting.baselines import LEVEL, Baseline

STOCK_PROPHET = "stock Prophet"
AUTO_ETS = "AutoETS"

_SAMPLING = Lock()


def stock_prophet(
    counts: Floats, first_day: date, horizon: int, *, country: str, seed: int
) -> Baseline:
    """Prophet as it comes, with the country's holidays and a 95 % interval, for one series.

    Args:
        counts: Its newest days, NaN where unknown.
        first_day: The day of the first one.
        horizon: Days ahead.
        country: Code of the country whose holidays are added.
        seed: Of the samples behind the interval.
    """
    days = pd.date_range(first_day, periods=len(counts) + horizon)
    model = Prophet(interval_width=LEVEL)
    model.add_country_holidays(country_name=country)
    frame = pd.DataFrame({"ds": days[: len(counts)], "y": counts}).dropna()
    model.fit(frame, seed=seed)
    # Prophet draws from the global generator: no other thread may draw from it meanwhile.
    with _SAMPLING:
        np.random.seed(seed)
        ahead = model.predict(pd.DataFrame({"ds": days[len(counts) :]}))
    return Baseline(
        *(
            ahead[column].to_numpy(dtype=float)[None]
            for column in ("yhat", "yhat_lower", "yhat_upper")
        )
    )


def auto_ets(counts: Floats, horizon: int) -> Baseline:
    """Nixtla's AutoETS (Hyndman et al., 2002) with a week's season and a 95 % interval.

    Args:
        counts: The newest days of one series; an unknown day is taken from a week before.
        horizon: Days ahead.
    """
    filled = counts.copy()
    for place in np.flatnonzero(np.isnan(filled)):
        filled[place] = filled[place - WEEK] if place >= WEEK else np.nanmedian(counts)
    ahead = AutoETS(season_length=WEEK).forecast(filled, horizon, level=[95])
    return Baseline(*(np.asarray(ahead[key])[None] for key in ("mean", "lo-95", "hi-95")))
