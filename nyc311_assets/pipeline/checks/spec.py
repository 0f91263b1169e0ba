"""What a check is, and what it says of a partition."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Literal

Severity = Literal["ERROR", "WARN"]
Figure = int | float | str | bool

DATA_ENGINEERING = "data engineering"
SOURCE_STEWARD = "source steward"
OPERATIONS_ANALYTICS = "operations analytics"


@dataclass(frozen=True, slots=True)
class CheckSpec:
    """A check as it is declared on its asset.

    Attributes:
        name: Its name.
        severity: ERROR blocks what is downstream; WARN only shows.
        description: What passes, and what to do when it does not.
        owner: Who acts when it does not.
    """

    name: str
    severity: Severity
    description: str
    owner: str


@dataclass(frozen=True, slots=True)
class Verdict:
    """One check of one partition.

    Attributes:
        spec: The check.
        passed: Whether the partition passes.
        figures: What was compared, by name.
        blocks_run: The failure would make other partitions wrong too, so a range run stops.
    """

    spec: CheckSpec
    passed: bool
    figures: Mapping[str, Figure] = field(default_factory=dict)
    blocks_run: bool = False


def names(days: Iterable[date]) -> str:
    """Days as one line of a figure."""
    return ", ".join(day.isoformat() for day in days)
