"""Trainings and promotions, and whether errors drift."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime

from nyc311_assets.dashboard.queries.source import Source, rows

_VERSIONS, _SERVING, _CHECKS = "ml.model_versions", "ml.serving", "ops.checks"
_DRIFT_CHECK = "errors_not_drifting"


@dataclass(frozen=True, slots=True)
class Training:
    """One training and what the gate said of it.

    Attributes:
        trained_on: The last day that it saw.
        version: In the registry, or what stands in for it.
        series: Series that were fitted.
        failed: Of them, those whose fit failed.
        promoted: Whether it may serve.
        reason: Why.
        rolled_back_at: When it was taken out of service, UTC; None if it was not.
    """

    trained_on: date
    version: str
    series: int
    failed: int
    promoted: bool
    reason: str
    rolled_back_at: datetime | None


@dataclass(frozen=True, slots=True)
class Serving:
    """The model that serves the newest partition.

    Attributes:
        partition: The partition.
        trained_on: Training of the model; None for none yet.
        version: Its version; None for none yet.
        action: trained, refused, carried or waiting.
        reason: Why.
    """

    partition: date
    trained_on: date | None
    version: str | None
    action: str
    reason: str


@dataclass(frozen=True, slots=True)
class DriftVerdict:
    """What the newest check of drift found.

    Attributes:
        partition: The partition.
        passed: Whether errors are as they were.
        figures: What was compared.
    """

    partition: date
    passed: bool
    figures: dict[str, object]


def read_trainings(source: Source, *, most: int = 12) -> Sequence[Training]:
    """The newest trainings, newest first."""
    if not source.exists(_VERSIONS):
        return ()
    found = source.query(
        """SELECT trained_on, coalesce(model_version, 'not registered') AS version, series, failed,
        promoted, reason, rolled_back_at FROM versions ORDER BY trained_on DESC LIMIT :most""",
        {"versions": _VERSIONS},
        {"most": most},
    )
    return tuple(Training(**each) for each in rows(found))


def read_serving(source: Source) -> Serving | None:
    """What serves the newest partition; None if no partition was served yet."""
    if not source.exists(_SERVING):
        return None
    found = source.query(
        """SELECT "partition", trained_on, model_version AS version, action, reason
        FROM serving ORDER BY "partition" DESC LIMIT 1""",
        {"serving": _SERVING},
    )
    return next((Serving(**each) for each in rows(found)), None)


def read_drift(source: Source) -> DriftVerdict | None:
    """The newest check of drift; None if it was never recorded."""
    if not source.exists(_CHECKS):
        return None
    found = source.query(
        """SELECT "partition", passed, figures FROM checks WHERE "check" = :drift
        ORDER BY "partition" DESC, evaluated_at DESC LIMIT 1""",
        {"checks": _CHECKS},
        {"drift": _DRIFT_CHECK},
    )
    return next(
        (
            DriftVerdict(each["partition"], each["passed"], json.loads(each["figures"]))
            for each in rows(found)
        ),
        None,
    )
