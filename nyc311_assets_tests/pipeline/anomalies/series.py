"""Panels of made-up counts for the tests."""

from __future__ import annotations

from datetime import date

import numpy as np

from nyc311_assets.pipeline.anomalies.expectations import Expectations
from nyc311_assets.pipeline.forecasting.arrays import Floats
from nyc311_assets.pipeline.forecasting.panel import Panel

FIRST_DAY = date(2025, 1, 6)


def panel_of(values: Floats, first_day: date = FIRST_DAY) -> Panel:
    return Panel(tuple(f"s{row:04d}" for row in range(len(values))), first_day, values)


def poisson_panel(series: int, days: int, seed: int = 7, mean: float = 40.0) -> Panel:
    chance = np.random.default_rng(seed)
    week = np.array([1.0, 1.1, 1.0, 1.0, 0.95, 0.8, 0.7])[np.arange(days) % 7]
    means = mean * np.exp(chance.normal(0, 0.5, (series, 1))) * week
    return panel_of(chance.poisson(means).astype(float))


def level_expectations(actual: list[float], mean: float = 100.0) -> Expectations:
    """One series whose every day was forecast with the same mean and a band of a fifth around it."""
    counts = np.array([actual])
    forecast = np.full(counts.shape, mean)
    return Expectations(
        actual=counts,
        yhat=forecast,
        frozen=forecast,
        low=forecast * 0.8,
        high=forecast * 1.2,
        dispersion=np.full(counts.shape, 0.01),
        known_days=np.full(counts.shape, 100),
        holiday=np.ones(counts.shape),
    )
