"""A Dagster run as a person wants to see it: steps, checks, seconds."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

import dagster as dg
from dagster import DagsterEventType, EventLogEntry


@dataclass
class StepView:
    """One step: where it stands, and the last thing it said."""

    name: str
    state: str = "waiting"
    started_at: float | None = None
    ended_at: float | None = None
    message: str = ""
    rows: int | None = None
    failed_checks: list[str] = field(default_factory=list)
    passed_checks: int = 0

    def seconds(self, now: float) -> float:
        """Seconds that the step has taken so far; 0 before it starts."""
        return 0.0 if self.started_at is None else (self.ended_at or now) - self.started_at


_STATES = {
    DagsterEventType.STEP_START: "running",
    DagsterEventType.STEP_SUCCESS: "done",
    DagsterEventType.STEP_FAILURE: "failed",
    DagsterEventType.STEP_SKIPPED: "skipped",
}


class RunView:
    """Follows the event log of one run."""

    def __init__(self, instance: dg.DagsterInstance, run_id: str, steps: tuple[str, ...]) -> None:
        self.steps = {name: StepView(name) for name in steps}
        self.run_id = run_id
        self._instance = instance
        self._cursor: str | None = None

    def refresh(self) -> list[str]:
        """Read new events.

        Returns:
            What was said since the last look, a line each.
        """
        lines = []
        for entry in self._new_entries():
            step = self.steps.get(entry.step_key or "")
            if step is None:
                continue
            line = self._apply(step, entry)
            if line:
                step.message = line
                lines.append(f"{step.name}: {line}")
        return lines

    def _new_entries(self) -> Iterator[EventLogEntry]:
        while True:
            connection = self._instance.get_records_for_run(self.run_id, self._cursor)
            self._cursor = connection.cursor
            for record in connection.records:
                yield record.event_log_entry
            if not connection.has_more:
                return

    @staticmethod
    def _apply(step: StepView, entry: EventLogEntry) -> str:
        event = entry.dagster_event
        if event is None:
            return entry.user_message
        kind = event.event_type
        if kind in _STATES:
            step.state = _STATES[kind]
            if kind == DagsterEventType.STEP_START:
                step.started_at = entry.timestamp
            else:
                step.ended_at = entry.timestamp
            if kind == DagsterEventType.STEP_FAILURE:
                error = event.step_failure_data.error_display_string
                return error.strip() or "failed"
        elif kind == DagsterEventType.ASSET_CHECK_EVALUATION:
            check = event.asset_check_evaluation_data
            if check.partition is None:
                return ""  # a range's summary of its partitions
            if check.passed:
                step.passed_checks += 1
            else:
                step.failed_checks.append(f"{check.check_name} ({check.partition})")
        elif kind == DagsterEventType.ASSET_MATERIALIZATION:
            rows = event.step_materialization_data.materialization.metadata.get("rows")
            if rows is not None and isinstance(rows.value, int):
                step.rows = rows.value
        return ""
