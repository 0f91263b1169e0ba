"""The forecasts of one day: points, bands, model and reliability of every series."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta

import numpy as np
import pandas as pd

from nyc311_assets.pipeline.days import days_between
from nyc311_assets.pipeline.forecasting.anchored_prophet import LONGEST_SERVICE_DAYS, ProphetFits
from nyc311_assets.pipeline.forecasting.arrays import Flags, Floats, Integers
from nyc311_assets.pipeline.forecasting.bands import bands, calibrate
from nyc311_assets.pipeline.forecasting.candidates import LEVEL_PROFILE, PROPHET, point_forecasts
from nyc311_assets.pipeline.forecasting.gate import served_by_prophet
from nyc311_assets.pipeline.forecasting.level_profile import VOLUME_DAYS
from nyc311_assets.pipeline.forecasting.panel import Panel
from nyc311_assets.pipeline.forecasting.past import KEPT_ORIGINS, PastForecasts
from nyc311_assets.pipeline.forecasting.volume import LONG_HORIZON, recent_volume, tier_of

HORIZON = 30
LEAST_HISTORY_DAYS = 28
# Past origins may have this little, or nothing would be known of errors at 28 days.
LEAST_ORIGIN_DAYS = 14
SILENT_DAYS = 28
RELIABLE_ORIGINS = 60
RECENT_MEAN = "recent_mean"
# In the reason of a series that is skipped as its history is short.
YOUNG = "days of history"

COLUMNS = (
    "series", "as_of", "ds", "horizon", "yhat", "lo80", "hi80", "lo95", "hi95", "model",
    "is_provisional",
)  # fmt: skip


@dataclass(frozen=True, eq=False)
class Issued:
    """The forecasts of one day.

    Attributes:
        frame: series, as_of, ds, horizon (days), yhat, lo80, hi80, lo95, hi95 (requests a day),
            model, is_provisional (a band that few past errors stand behind).
        past: The past forecasts with those of this day, for the next day.
        skipped: Series without a forecast -> why.
    """

    frame: pd.DataFrame
    past: PastForecasts
    skipped: Mapping[str, str] = field(default_factory=dict)


def catch_up(
    panel: Panel,
    as_of: date,
    past: PastForecasts,
    holidays: Mapping[date, str],
    fits: ProphetFits | None = None,
) -> PastForecasts:
    """Add every origin that is missing of the 180 days up to one, each from what was known then.

    On a first run these are all of them; day after day it is one.

    Args:
        panel: Daily counts; those after each origin are not looked at for it.
        as_of: The last origin to add.
        past: What is there.
        holidays: Day -> name.
        fits: The last training's Prophet fits; used for origins from its day on.
    """
    past = past.aligned(panel.series)
    first = max(
        panel.first_day + timedelta(days=LEAST_ORIGIN_DAYS - 1),
        as_of - timedelta(days=KEPT_ORIGINS - 1),
    )
    there = set(past.origins)
    return past.extended(
        {
            origin: point_forecasts(
                panel.until(origin), holidays, past.horizon, _usable(fits, origin)
            )
            for origin in days_between(first, as_of)
            if origin not in there
        }
    )


def issue(
    panel: Panel,
    as_of: date,
    past: PastForecasts,
    holidays: Mapping[date, str],
    fits: ProphetFits | None = None,
) -> Issued:
    """Forecast every series from what is known at the end of a day.

    Nothing later is looked at: the panel and the past forecasts are cut off at `as_of` first.

    Args:
        panel: Daily counts.
        as_of: The last day that is known.
        past: Earlier origins; those that are missing are added (see `catch_up`).
        holidays: Day -> name, over the panel and the days ahead.
        fits: The last training's Prophet fits, made on or before `as_of`. Without them Prophet's
            closed form stands in.

    Raises:
        PanelError: `as_of` is before the panel's first day.
        ValueError: The fits were made after `as_of`.
    """
    if fits is not None and fits.trained_on > as_of:
        raise ValueError(
            f"Prophet was fitted on {fits.trained_on}, after {as_of}: forecasts of that day must "
            "not use it. Pass the fits of an earlier training, or none."
        )
    known = panel.until(as_of)
    past = catch_up(known, as_of, past.until(as_of), holidays, fits)
    skipped = _skipped(known)
    rows = np.array(
        [row for row, name in enumerate(known.series) if name not in skipped], dtype=np.int64
    )
    if not rows.size:
        return Issued(pd.DataFrame(columns=list(COLUMNS)), past, skipped)
    frame = _frame(known.only(rows), as_of, past.aligned(tuple(known.series[r] for r in rows)))
    return Issued(frame, past, skipped)


def _usable(fits: ProphetFits | None, origin: date) -> ProphetFits | None:
    if fits is None or not 0 <= (origin - fits.trained_on).days <= LONGEST_SERVICE_DAYS:
        return None
    return fits


def _skipped(known: Panel) -> dict[str, str]:
    """Series that cannot be forecast, and why."""
    count = (~np.isnan(known.values)).sum(axis=1)
    recent = (~np.isnan(known.values[:, -SILENT_DAYS:])).sum(axis=1)
    skipped: dict[str, str] = {}
    for name, days, newest in zip(known.series, count, recent, strict=True):
        if days < LEAST_HISTORY_DAYS:
            skipped[name] = f"{days} {YOUNG}; {LEAST_HISTORY_DAYS} are needed"
        elif newest == 0:
            skipped[name] = f"no known day among the last {SILENT_DAYS}"
    return skipped


def _frame(known: Panel, as_of: date, past: PastForecasts) -> pd.DataFrame:
    """The forecasts of the last of the past origins, with bands from those before it."""
    volume = recent_volume(known.values, VOLUME_DAYS)
    earlier = past.until(as_of - timedelta(days=1))
    by_prophet = served_by_prophet(known, earlier, volume)
    points = {model: each[-1] for model, each in past.forecasts.items()}
    point, model = _chosen(points, by_prophet, volume)
    served = earlier.served({PROPHET: by_prophet}, LEVEL_PROFILE)
    calibration = calibrate(known, earlier, served, tier_of(volume))
    bounds = bands(point, calibration)
    count, horizon = point.shape
    ahead = np.arange(1, horizon + 1)
    first = pd.Timestamp(as_of)
    return pd.DataFrame(
        {
            "series": np.repeat(np.array(known.series, dtype=object), horizon),
            "as_of": first,
            "ds": np.tile((first + pd.to_timedelta(ahead, unit="D")).to_numpy(), count),
            "horizon": np.tile(ahead, count),
            "yhat": point.ravel(),
            "lo80": bounds[0.8][0].ravel(),
            "hi80": bounds[0.8][1].ravel(),
            "lo95": bounds[0.95][0].ravel(),
            "hi95": bounds[0.95][1].ravel(),
            "model": np.repeat(model, horizon),
            "is_provisional": _provisional(calibration.origins, ahead).ravel(),
        },
        columns=list(COLUMNS),
    )


def _chosen(
    points: Mapping[str, Floats], by_prophet: Flags, volume: Floats
) -> tuple[Floats, np.ndarray]:
    """The served forecast of each series, and the model's name.

    A forecast that is no finite number never gets out: the mean of the newest days stands in, and
    is named.
    """
    point = points[LEVEL_PROFILE].copy()
    model = np.full(len(point), LEVEL_PROFILE, dtype=object)
    if PROPHET in points:
        takes = by_prophet & np.isfinite(points[PROPHET]).all(axis=1)
        point[takes] = points[PROPHET][takes]
        model[takes] = PROPHET
    broken = ~np.isfinite(point).all(axis=1)
    point[broken] = volume[broken, None]
    model[broken] = RECENT_MEAN
    return point, model


def _provisional(origins: Integers, ahead: Integers) -> Flags:
    is_long = ahead > LONG_HORIZON
    few = origins[:, None] < np.where(is_long, RELIABLE_ORIGINS, LEAST_HISTORY_DAYS)[None, :]
    return np.asarray(few)
