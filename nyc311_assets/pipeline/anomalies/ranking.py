"""Which of many abnormal days come first, and how many of them chance would make."""

from __future__ import annotations

import numpy as np

from nyc311_assets.pipeline.forecasting.arrays import Floats


def severity(z: Floats, excess: Floats) -> Floats:
    """How much a day matters: how improbable it is times the order of how many requests it is.

    |z| · ln(1 + |excess|): ten times the requests at the same z weigh some 2.3 z more, so that
    neither a rare type's six requests nor a busy type's fifth comes first for ever.

    Args:
        z: Normal scores.
        excess: Requests above the forecast, below zero for less.
    """
    return np.asarray(np.abs(z) * np.log1p(np.abs(excess)))


def false_discovery_rate(p_values: Floats) -> Floats:
    """Share of chance among all days of one date that are at least as improbable (q-values).

    Benjamini and Hochberg, Controlling the False Discovery Rate (1995), over the series of each
    day: to list the series with q up to 0.05 is to list on average at most 5 % that chance made.

    Args:
        p_values: series x days, NaN where not judged.
    """
    result = np.full(p_values.shape, np.nan)
    ordered = np.argsort(p_values, axis=0, kind="stable")  # puts NaN last
    for day, order in enumerate(ordered.T):
        known = order[~np.isnan(p_values[order, day])]
        if known.size:
            raw = p_values[known, day] * known.size / np.arange(1, known.size + 1)
            smallest = np.minimum.accumulate(raw[::-1])[::-1]
            result[known, day] = np.minimum(smallest, 1.0)
    return result


def rank(severities: Floats) -> Floats:
    """Place of each series among those of the same day, 1 is the most severe; NaN without a value.

    Args:
        severities: series x days, NaN where a day is not to be ranked.
    """
    order = np.argsort(-severities, axis=0, kind="stable")
    places = np.empty(severities.shape)
    np.put_along_axis(
        places, order, np.arange(1.0, len(severities) + 1)[:, None] * np.ones_like(severities), 0
    )
    return np.where(np.isnan(severities), np.nan, places)
