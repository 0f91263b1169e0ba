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
        holds_back: A failure keeps the request dates that it names out of what is downstream,
            instead of stopping it: the other days go on.
    """

    name: str
    severity: Severity
    description: str
    owner: str
    holds_back: bool = False

    @property
    def blocks(self) -> bool:
        """Whether a failure stops what is downstream."""
        return self.severity == "ERROR" and not self.holds_back


@dataclass(frozen=True, slots=True)
class Verdict:
    """One check of one partition.

    Attributes:
        spec: The check.
        passed: Whether the partition passes.
        figures: What was compared, by name.
        blocks_run: The failure would make other partitions wrong too, so a range run stops.
        suspect_days: Request date -> what is wrong with it, for a check that holds days back.
    """

    spec: CheckSpec
    passed: bool
    figures: Mapping[str, Figure] = field(default_factory=dict)
    blocks_run: bool = False
    suspect_days: Mapping[date, str] = field(default_factory=dict)


def not_judged(spec: CheckSpec, why: str) -> Verdict:
    """A verdict where there is nothing to judge yet: it passes, and says so."""
    return Verdict(spec, passed=True, figures={"judged": False, "why": why})


def names(days: Iterable[date]) -> str:
    """Days as one line of a figure."""
    return ", ".join(day.isoformat() for day in days)
