"""Attempts of steps and evaluated checks, as values and as rows of ops.runs and ops.checks."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from datetime import date, datetime
from typing import Any, Literal

State = Literal["SUCCESS", "FAILED", "CANCELED"]
WorkspaceKind = Literal["databricks", "embedded"]


@dataclass(frozen=True, slots=True)
class StepRun:
    """One row of ops.runs; see its contract."""

    run_id: str
    dagster_run_id: str
    asset: str
    first_partition: date | None
    last_partition: date | None
    partitions: int
    attempt: int
    workspace: WorkspaceKind
    compute: str
    state: State
    error: str | None
    submitted_at: datetime
    ended_at: datetime
    queue_seconds: float
    setup_seconds: float
    execution_seconds: float
    cost_usd: float | None
    would_cost_usd: float | None
    price_list: date
    cost_parts: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class CheckOutcome:
    """One row of ops.checks; see its contract."""

    asset: str
    check: str
    partition: date
    passed: bool
    severity: str
    blocking: bool
    description: str
    owner: str
    figures: Mapping[str, Any]
    evaluated_at: datetime
    dagster_run_id: str
    run_id: str


def run_row(run: StepRun) -> dict[str, Any]:
    """The run as a row: the cost's parts as JSON."""
    row = {each.name: getattr(run, each.name) for each in fields(run)}
    return row | {"cost_parts": json.dumps(dict(run.cost_parts), sort_keys=True)}


def run_of(row: Mapping[str, Any]) -> StepRun:
    """Read what `run_row` wrote."""
    values = {each.name: row[each.name] for each in fields(StepRun)}
    return StepRun(**values | {"cost_parts": json.loads(row["cost_parts"])})


def check_row(outcome: CheckOutcome) -> dict[str, Any]:
    """The check as a row: its figures as JSON."""
    row = {each.name: getattr(outcome, each.name) for each in fields(outcome)}
    return row | {"figures": json.dumps(dict(outcome.figures), ensure_ascii=False, default=str)}


def check_of(row: Mapping[str, Any]) -> CheckOutcome:
    """Read what `check_row` wrote."""
    values = {each.name: row[each.name] for each in fields(CheckOutcome)}
    return CheckOutcome(**values | {"figures": json.loads(row["figures"])})
