"""Detection over a table of counts: trusted days, walked forward, judged, put into episodes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np
import pandas as pd

from nyc311_assets.pipeline.anomalies.episodes import Episode, find_episodes
from nyc311_assets.pipeline.anomalies.expectations import LEAST_HISTORY_DAYS
from nyc311_assets.pipeline.anomalies.feeds import BadDay, without_bad_days
from nyc311_assets.pipeline.anomalies.rules import LIMITS, Limits, judge
from nyc311_assets.pipeline.anomalies.verdicts import verdict_table
from nyc311_assets.pipeline.anomalies.walk import first_columns, walk
from nyc311_assets.pipeline.forecasting.panel import Panel, PanelError

RETIRED_DAYS = 28


@dataclass(frozen=True, eq=False)
class Detection:
    """What was found.

    Attributes:
        verdicts: See `verdict_table`.
        episodes: Of the flagged days.
        bad_days: Days that the feed broke, which are not judged and not learnt from, and days of a
            single stuck series, which are.
        too_short: Series without a single judged day for want of history -> known days.
        retired: Series whose last known day lies more than `RETIRED_DAYS` back -> that day.
    """

    verdicts: pd.DataFrame
    episodes: tuple[Episode, ...]
    bad_days: tuple[BadDay, ...]
    too_short: Mapping[str, int]
    retired: Mapping[str, date]


def default_first_day(panel: Panel) -> date:
    """The first day that a series from the panel's beginning can be judged on.

    Raises:
        PanelError: There is none.
    """
    first = panel.first_day + timedelta(days=LEAST_HISTORY_DAYS)
    if first > panel.last_day:
        raise PanelError(
            f"The counts go from {panel.first_day} to {panel.last_day}: a day is judged after "
            f"{LEAST_HISTORY_DAYS} known ones. Give a longer history."
        )
    return first


def detect(
    panel: Panel,
    first_day: date,
    holidays: Mapping[date, str],
    *,
    limits: Limits = LIMITS,
    on_start: Callable[[int], None] = lambda _: None,
    on_day: Callable[[date], None] = lambda _: None,
) -> Detection:
    """Judge every day from a first one on by what was known before it.

    Args:
        panel: Daily counts; NaN where unknown or incomplete.
        first_day: The first day to judge.
        holidays: Day -> name, over the panel and a week ahead.
        limits: Where the rules draw their lines.
        on_start: Called with the number of days that will be walked.
        on_day: Called after each of them.

    Raises:
        PanelError: The first day is not in the panel, or too near to its beginning.
    """
    earliest = default_first_day(panel)
    if not earliest <= first_day <= panel.last_day:
        raise PanelError(
            f"Days cannot be judged from {first_day} on: the counts go from {panel.first_day} to "
            f"{panel.last_day}, and {LEAST_HISTORY_DAYS} known days come before a judged one. "
            f"Choose a day from {earliest} to {panel.last_day}."
        )
    trusted, bad_days = without_bad_days(panel, holidays)
    first = panel.column(first_day)
    on_start(panel.values.shape[1] - first_columns(first)[0])
    expected = walk(trusted, first, holidays, on_day=on_day)
    verdicts = judge(expected, limits)
    table = verdict_table(trusted, expected, verdicts, first)
    count = (~np.isnan(panel.values)).sum(axis=1)
    judged = np.asarray(verdicts.is_judged[:, first:].any(axis=1))
    silent = np.isnan(panel.values[:, -RETIRED_DAYS:]).all(axis=1) & (count > 0)
    return Detection(
        table,
        tuple(find_episodes(table, trusted.last_day)),
        bad_days,
        {
            name: int(days)
            for name, days, is_judged in zip(panel.series, count, judged, strict=True)
            if not is_judged and days <= LEAST_HISTORY_DAYS
        },
        {name: _last_known(panel, row) for row, name in enumerate(panel.series) if silent[row]},
    )


def _last_known(panel: Panel, row: int) -> date:
    return panel.day(int(np.flatnonzero(~np.isnan(panel.values[row]))[-1]))
