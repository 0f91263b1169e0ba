"""The pictures of a training: forecasts of the largest series, reliability, residuals by weekday."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from scipy.stats import norm

from nyc311_assets.pipeline.forecasting.arrays import Floats
from nyc311_assets.pipeline.forecasting.conformal import stabilised
from nyc311_assets.pipeline.ml.bundle import Bundle

_SHOWN_DAYS = 56
_AHEAD = 30
_BLUE = "#2a6fbb"
_WEEKDAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")


def draw_plots(bundle: Bundle, folder: Path) -> list[Path]:
    """Draw forecast.png, reliability.png and residuals_by_weekday.png.

    Reliability and residuals are in-sample, of the fits over their window: they show a bad fit, not
    how good a forecast is, which the folds' losses say.

    Args:
        bundle: The model.
        folder: Where to; it is created.
    """
    folder.mkdir(parents=True, exist_ok=True)
    drawn = []
    for name, draw in (
        ("forecast", _forecast),
        ("reliability", _reliability),
        ("residuals_by_weekday", _residuals),
    ):
        drawn.append(_drawn(folder / f"{name}.png", bundle, draw))
    return drawn


def _drawn(path: Path, bundle: Bundle, draw: Callable[[Bundle, Axes], None]) -> Path:
    figure = Figure(figsize=(9, 4.5), layout="constrained")
    draw(bundle, figure.add_subplot())
    figure.savefig(path, dpi=110)
    return path


def _forecast(bundle: Bundle, axes: Axes) -> None:
    total = np.nansum(bundle.panel.values[:, -_SHOWN_DAYS:], axis=1)
    name = bundle.panel.series[int(total.argmax())]
    ahead = bundle.forecast(pd.DataFrame({"series": [name], "horizon": [_AHEAD]}))
    counts = bundle.panel.values[int(total.argmax()), -_SHOWN_DAYS:]
    days = pd.date_range(end=bundle.panel.last_day, periods=len(counts))
    axes.plot(days, counts, color="black", linewidth=1, label="requests")
    axes.plot(ahead["ds"], ahead["yhat"], color=_BLUE, label="forecast")
    for level, shade in ((95, 0.15), (80, 0.25)):
        axes.fill_between(
            ahead["ds"],
            ahead[f"lo{level}"],
            ahead[f"hi{level}"],
            color=_BLUE,
            alpha=shade,
            linewidth=0,
            label=f"{level} % band",
        )
    axes.set_title(f"{name}, from {bundle.panel.last_day}")
    axes.set_ylabel("requests a day")
    axes.legend()


def _fitted(bundle: Bundle) -> tuple[Floats, Floats, pd.DatetimeIndex]:
    """Counts and what Prophet expects over the window, series x days."""
    fits = bundle.fits
    first = bundle.panel.column(fits.first_day)
    place = {name: row for row, name in enumerate(bundle.panel.series)}
    counts = bundle.panel.values[[place[name] for name in fits.series], first:]
    days = pd.date_range(fits.first_day, periods=counts.shape[1])
    return counts, fits.expected[:, : counts.shape[1]], days


def _reliability(bundle: Bundle, axes: Axes) -> None:
    counts, expected, _ = _fitted(bundle)
    score = stabilised(counts) - stabilised(expected)
    scale = np.sqrt(np.nanmean(score**2, axis=1, keepdims=True))
    standard = np.abs(score / np.where(scale > 0, scale, 1.0)).ravel()
    standard = np.sort(standard[~np.isnan(standard)])
    levels = np.linspace(0.05, 0.99, 40)
    inside = np.searchsorted(standard, norm.ppf((1 + levels) / 2)) / max(standard.size, 1)
    axes.plot([0, 1], [0, 1], color="grey", linewidth=1, linestyle="--")
    axes.plot(levels, inside, color=_BLUE, marker=".")
    axes.set_title("Share of days within a normal band of the fit, by its level")
    axes.set_xlabel("level")
    axes.set_ylabel("share of days inside")


def _residuals(bundle: Bundle, axes: Axes) -> None:
    counts, expected, days = _fitted(bundle)
    ratio = (counts - expected) / np.maximum(expected, 1.0)
    by_weekday = [ratio[:, days.dayofweek == day].ravel() for day in range(len(_WEEKDAYS))]
    axes.boxplot(
        [each[~np.isnan(each)] for each in by_weekday],
        tick_labels=list(_WEEKDAYS),
        showfliers=False,
    )
    axes.axhline(0, color="grey", linewidth=1, linestyle="--")
    axes.set_title("Residuals of the fits by weekday, over what was expected")
