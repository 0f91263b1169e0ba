"""Verdicts as a table, one row for a series and day."""

from __future__ import annotations

import numpy as np
import pandas as pd

from nyc311_assets.pipeline.anomalies.expectations import LEAST_HISTORY_DAYS, Expectations
from nyc311_assets.pipeline.anomalies.ranking import false_discovery_rate, rank, severity
from nyc311_assets.pipeline.anomalies.rules import REASONS, Verdicts
from nyc311_assets.pipeline.forecasting.panel import Panel

WATCH, CONFIRMED = "watch", "confirmed"
TOO_YOUNG = "too_little_history"
NO_FORECAST = "no_forecast"

COLUMNS = (
    "series", "ds", "actual", "yhat", "lo95", "hi95", "z", "p_value", "q_value", "is_anomaly",
    "direction", "run_length", "watch", "confirmed", "flagged", "tier", "excess", "severity",
    "rank", "reason",
)  # fmt: skip


def verdict_table(
    panel: Panel, expected: Expectations, verdicts: Verdicts, first: int
) -> pd.DataFrame:
    """One row for each known day of each series from a column on, by day and series.

    Columns: series, ds; actual, yhat, lo95, hi95 (requests); z and p_value (two-sided) against the
    forecast issued the day before; q_value (false discovery rate among the series of the day);
    is_anomaly (actual above hi95); direction (1 above, -1 below, of the run or else of the flag);
    run_length (days); watch, confirmed, flagged (either); tier (watch, confirmed or empty);
    excess (requests above what was expected); severity; rank (of the flagged series of a day, NaN
    for others); reason (of `REASONS`, joined by +; for a day that is not judged, why not).
    """
    columns = slice(first, None)
    known = ~np.isnan(expected.actual[:, columns])
    flagged = verdicts.flagged
    severities = severity(verdicts.strongest, verdicts.excess)
    places = rank(np.where(flagged, severities, np.nan))
    side = verdicts.above.astype(np.int64) - verdicts.below.astype(np.int64)
    days = np.array([panel.day(first + day) for day in range(known.shape[1])], dtype="M8[ns]")
    cells = np.argwhere(known.T)
    at = (cells[:, 1], cells[:, 0])
    values = {
        "actual": expected.actual,
        "yhat": expected.yhat,
        "lo95": expected.low,
        "hi95": expected.high,
        "z": verdicts.z,
        "p_value": verdicts.p_value,
        "q_value": false_discovery_rate(verdicts.p_value),
        "is_anomaly": verdicts.above,
        "direction": np.where(flagged, verdicts.direction, side),
        "run_length": verdicts.run_length,
        "watch": verdicts.watch,
        "confirmed": verdicts.confirmed,
        "flagged": flagged,
        "excess": verdicts.excess,
        "severity": severities,
        "rank": places,
    }
    names = np.array(panel.series, dtype=object)
    frame = pd.DataFrame({"series": names[at[0]], "ds": days[at[1]]})
    for name, matrix in values.items():
        frame[name] = matrix[:, columns][at]
    frame["tier"] = np.where(frame["confirmed"], CONFIRMED, np.where(frame["watch"], WATCH, ""))
    frame["reason"] = _reasons(expected, verdicts)[:, columns][at]
    return frame[list(COLUMNS)]


def _reasons(expected: Expectations, verdicts: Verdicts) -> np.ndarray:
    """Reasons of each day, joined by +."""
    codes = np.zeros(verdicts.z.shape, dtype=np.int64)
    for bit, name in enumerate(REASONS):
        codes |= verdicts.reasons[name].astype(np.int64) << bit
    texts = np.array(
        [
            "+".join(name for bit, name in enumerate(REASONS) if code >> bit & 1)
            for code in range(1 << len(REASONS))
        ],
        dtype=object,
    )
    result = texts[codes]
    young = expected.known_days < LEAST_HISTORY_DAYS
    result[~verdicts.is_judged] = NO_FORECAST
    result[~verdicts.is_judged & young] = TOO_YOUNG
    return np.asarray(result)
