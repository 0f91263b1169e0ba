"""Public holidays: what each does to a series, learnt from all of its history."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, timedelta

import numpy as np

from nyc311_assets.pipeline.forecasting.arrays import Floats
from nyc311_assets.pipeline.forecasting.panel import Panel

# A Sunday below this share of the level makes a series office-shaped.
OFFICE_SUNDAY = 0.75
# How far a holiday goes from its weekday to Sunday in other series.
SUNDAY_SHARE = 0.3
_NEIGHBOUR_DAYS = (-14, -7, 7, 14)
_LEAST_NEIGHBOURS = 2
_OFFSET = 0.5
_LOWEST_FACTOR, _HIGHEST_FACTOR = 0.05, 20.0


def holiday_factors(
    panel: Panel, holidays: Mapping[date, str], profile: Floats, ahead: tuple[date, ...]
) -> Floats:
    """What to multiply the forecasts of coming days by, as some of them are holidays.

    A window of 90 days holds most holidays not even once, so each is learnt from all days of the
    panel: the log ratio of every earlier occurrence to the same weekdays one and two weeks around
    it, shrunk to a rule, (k · mean + rule) / (k + 1) for k occurrences. The rule: office-shaped
    series take Sunday's value, others go `SUNDAY_SHARE` of the way to it.

    Args:
        panel: Everything that is known at as_of.
        holidays: Day -> name, in the panel and ahead. A name stands for the same holiday each year.
        profile: Weekday profile, series x 7, Monday first.
        ahead: The days to forecast.

    Returns:
        series x days ahead; 1 on other days.
    """
    factors = np.ones((len(panel.series), len(ahead)))
    effects: dict[str, tuple[Floats, Floats]] = {}
    for place, day in enumerate(ahead):
        if day not in holidays:
            continue
        name = holidays[day]
        if name not in effects:
            effects[name] = _past_effect(panel, holidays, name)
        total, seen = effects[name]
        effect = (total + _rule(profile, day.weekday())) / (seen + 1.0)
        factors[:, place] = np.clip(np.exp(effect), _LOWEST_FACTOR, _HIGHEST_FACTOR)
    return factors


def _rule(profile: Floats, weekday: int) -> Floats:
    """Log factor of a holiday that has not been seen, by series."""
    sunday, usual = profile[:, 6], profile[:, weekday]
    expected = np.where(sunday < OFFICE_SUNDAY, sunday, usual + SUNDAY_SHARE * (sunday - usual))
    # Where Sunday is the higher one, a holiday lifts no office to it.
    return np.asarray(np.log(np.maximum(expected, 0.01) / np.maximum(usual, 0.01)))


def _past_effect(panel: Panel, holidays: Mapping[date, str], name: str) -> tuple[Floats, Floats]:
    """Sum of a holiday's earlier log ratios and their number, by series."""
    total, seen = np.zeros(len(panel.series)), np.zeros(len(panel.series))
    for day, holiday in holidays.items():
        column = panel.column(day)
        if holiday != name or not 0 <= column < panel.values.shape[1]:
            continue
        around = [
            panel.column(neighbour)
            for neighbour in (day + timedelta(days=days) for days in _NEIGHBOUR_DAYS)
            if neighbour not in holidays and 0 <= panel.column(neighbour) < panel.values.shape[1]
        ]
        if not around:
            continue
        neighbours = panel.values[:, around]
        known = (~np.isnan(neighbours)).sum(axis=1)
        usual = np.nansum(neighbours, axis=1) / np.maximum(known, 1)
        ratio = np.log((panel.values[:, column] + _OFFSET) / (usual + _OFFSET))
        used = (known >= _LEAST_NEIGHBOURS) & ~np.isnan(ratio)
        total += np.where(used, ratio, 0.0)
        seen += used
    return total, seen
