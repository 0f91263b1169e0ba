"""Daily counts for tests: simulated with a known distribution, and the real files as one table."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import numpy as np
import pandas as pd

from nyc311_assets.pipeline.forecasting.panel import Panel

MONDAY = date(2024, 1, 1)
WEEK = np.array([1.1, 1.15, 1.1, 1.05, 1.0, 0.85, 0.75])


def simulated(
    *,
    series: int = 20,
    days: int = 150,
    mean: tuple[float, float] = (20.0, 400.0),
    dispersion: float = 0.03,
    drift: float = 0.0,
    seed: int = 1,
) -> Panel:
    """Negative binomial counts around a weekday pattern and a level that may wander."""
    generator = np.random.default_rng(seed)
    level = np.exp(generator.uniform(np.log(mean[0]), np.log(mean[1]), series))[:, None]
    wander = np.exp(np.cumsum(generator.normal(0, drift, (series, days)), axis=1))
    expected = level * WEEK[np.arange(days) % 7] * wander
    counts = generator.negative_binomial(1 / dispersion, 1 / (1 + dispersion * expected))
    names = tuple(f"series {number:04d}" for number in range(series))
    return Panel(names, MONDAY, counts.astype(float))


def panel_of(*rows: list[float] | np.ndarray, first_day: date = MONDAY) -> Panel:
    """A panel of these rows, named a, b, c."""
    names = tuple("abcdefghijkl"[: len(rows)])
    return Panel(names, first_day, np.array(rows, dtype=float))


def fifteen_types(real_data: Path) -> pd.DataFrame:
    """Fifteen types of 2020 up to the last whole day."""
    frame = pd.read_csv(real_data / "daily" / "nyc311_daily_15types_2020-06_onward.csv")
    frame = frame.rename(columns={"complaint_type": "series", "date": "ds", "count": "y"})
    return frame.loc[frame["ds"] <= "2020-11-24", ["series", "ds", "y"]]


def three_types(real_data: Path) -> pd.DataFrame:
    """Three types of 2023 to 2025; five days of heating are missing."""
    frame = pd.read_csv(real_data / "daily" / "nyc311_daily_3types_2023-06-01_2025-03-31.csv")
    return frame.rename(columns={"complaint_type": "series"})[["series", "ds", "y"]]


def ten_categories(real_data: Path) -> pd.DataFrame:
    """Ten categories of January and February 2025."""
    name = "nyc311_daily_by_category_2025-01_2025-02_weather.csv"
    frame = pd.read_csv(real_data / "daily" / name)
    frame = frame.rename(columns={"category": "series", "date": "ds", "n_requests": "y"})
    return frame[["series", "ds", "y"]]
