"""When a training is due, and when its settings are searched anew."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date

from nyc311_assets.pipeline.days import WEEK
from nyc311_assets.pipeline.forecasting.drift import Drift
from nyc311_assets.pipeline.ml.outcomes import Version
from nyc311_assets.pipeline.ml.training import Policy

# After a drift the next training waits so long: its own days must come first.
DRIFT_PAUSE_DAYS = 3
# A weekly training so soon after another one would see what that one saw.
LEAST_DAYS_BETWEEN = 4


def training_due(
    policy: Policy,
    partition: date,
    as_of: date,
    versions: Iterable[Version],
    drift: Drift,
    *,
    is_served: bool,
) -> str:
    """Why a training is due; empty if it is not.

    Args:
        policy: Names the weekday that trains.
        partition: The daily partition.
        as_of: Its last complete day.
        versions: The trainings so far.
        drift: How the error has moved.
        is_served: Whether a model serves.
    """
    newest = max((each.trained_on for each in versions if each.trained_on <= as_of), default=None)
    if newest is None:
        return "there is no model yet"
    age = (as_of - newest).days
    if not is_served and age >= WEEK:
        return "there is no model yet"
    if partition.weekday() == policy.weekday and age >= LEAST_DAYS_BETWEEN:
        return "the weekly training"
    # Later than any training of the weekday could be: that partition did not run.
    if age >= WEEK + LEAST_DAYS_BETWEEN:
        return f"the last training is {age} days old"
    if drift.is_found and age >= DRIFT_PAUSE_DAYS:
        return f"the error has drifted to {drift.ratio:.2f} of what it was"
    return ""


def search_due(policy: Policy, as_of: date, versions: Iterable[Version], drift: Drift) -> bool:
    """Whether a training searches its settings: at first, every so many days, and after a drift."""
    searches = [each.trained_on for each in versions if each.searched and each.trained_on <= as_of]
    return drift.is_found or not searches or (as_of - max(searches)).days >= policy.search_days
