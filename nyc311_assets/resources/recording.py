"""Records how an attempt of a step ended, whatever way it ended."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any

import dagster as dg
from dagster._core.errors import DagsterExecutionInterruptedError
from dagster._core.storage.tags import RETRY_NUMBER_TAG
from dagster._utils.interrupts import capture_interrupts
from databricks.sdk.service import jobs

from nyc311_assets.pipeline.checks.declared import DECLARED
from nyc311_assets.resources.costs.runs import price_run
from nyc311_assets.resources.databricks import Context, op_context
from nyc311_assets.resources.redaction import Redactor
from nyc311_assets.resources.run_log import RunLog
from nyc311_assets.resources.run_rows import CheckOutcome, State, StepRun, WorkspaceKind
from nyc311_assets.resources.run_times import run_seconds
from nyc311_assets.settings import Settings

_LONGEST_ERROR = 500


def utc_now() -> datetime:
    """The present time."""
    return datetime.now(UTC)


@dataclass(frozen=True)
class Attempt:
    """An attempt of a step before its end.

    Attributes:
        asset: The asset, or the operation.
        partition_keys: Its daily partitions, oldest first.
        token: What the workspace knows the attempt by.
        submitted_at: When it began, UTC.
    """

    asset: str
    partition_keys: Sequence[str]
    token: str
    submitted_at: datetime


class StepRecorder:
    """Writes an attempt's row of ops.runs and its rows of ops.checks.

    What cannot be recorded neither fails nor hides a step: it is logged as an error and, of a step
    that succeeded, said in its metadata.
    """

    def __init__(
        self,
        settings: Settings,
        context: Context,
        attempt: Attempt,
        *,
        workspace: WorkspaceKind,
        redact: Redactor,
        clock: Callable[[], datetime] = utc_now,
    ) -> None:
        self._settings = settings
        self._context = op_context(context)
        self._attempt = attempt
        self._workspace = workspace
        self._redact = redact
        self._clock = clock

    def succeeded(
        self, run: jobs.Run | None, messages: Sequence[Mapping[str, Any]]
    ) -> dict[str, dg.MetadataValue]:
        """Record a success.

        Args:
            run: The remote run.
            messages: What its job reported.

        Returns:
            Metadata of the materialization: the cost, and whether it was recorded.
        """
        row = self._row(run, "SUCCESS", None)
        return {**cost_metadata(row), **self._write(row, self._checks(row, messages))}

    def ended_by(self, run: jobs.Run | None, error: BaseException) -> None:
        """Record what ended by an exception, which the caller raises again."""
        with capture_interrupts():
            self._write(self._row(run, _state_after(run, error), self._said(error)), [])

    def _row(self, run: jobs.Run | None, state: State, error: str | None) -> StepRun:
        days = [date.fromisoformat(key) for key in self._attempt.partition_keys]
        seconds = run_seconds(run)
        compute = self._settings.compute
        cost = price_run(compute, seconds, is_embedded=self._workspace == "embedded")
        started = run is not None and run.run_id is not None
        tags = self._context.run.tags
        return StepRun(
            run_id=str(run.run_id) if run and started else f"none-{self._attempt.token[:16]}",
            dagster_run_id=self._context.run.run_id,
            asset=self._attempt.asset,
            first_partition=min(days, default=None),
            last_partition=max(days, default=None),
            partitions=len(days),
            attempt=1 + self._context.retry_number + int(tags.get(RETRY_NUMBER_TAG, "0")),
            workspace=self._workspace,
            compute=compute,
            state=state,
            error=error,
            submitted_at=self._attempt.submitted_at,
            ended_at=self._clock(),
            queue_seconds=seconds.queue,
            setup_seconds=seconds.setup,
            execution_seconds=seconds.execution,
            cost_usd=(0.0 if self._workspace == "embedded" or not started else cost.total_usd),
            would_cost_usd=cost.total_usd if started else 0.0,
            price_list=cost.price_list,
            cost_parts=cost.parts if started else {},
        )

    def _said(self, error: BaseException) -> str:
        text = error.description if isinstance(error, dg.Failure) else str(error)
        lines = (text or "").strip().splitlines()
        said = lines[0] if lines else type(error).__name__
        return self._redact(said)[:_LONGEST_ERROR]

    def _checks(self, row: StepRun, messages: Sequence[Mapping[str, Any]]) -> list[CheckOutcome]:
        specs = {spec.name: spec for spec in DECLARED.get(row.asset, ())}
        return [
            CheckOutcome(
                asset=row.asset,
                check=message["name"],
                partition=date.fromisoformat(message["partition"]),
                passed=message["passed"],
                severity=message["severity"],
                blocking=specs[message["name"]].blocks,
                description=specs[message["name"]].description,
                owner=specs[message["name"]].owner,
                figures=message["figures"],
                evaluated_at=row.ended_at,
                dagster_run_id=row.dagster_run_id,
                run_id=row.run_id,
            )
            for message in messages
            if message["kind"] == "check" and message["name"] in specs
        ]

    def _write(self, row: StepRun, checks: Sequence[CheckOutcome]) -> dict[str, dg.MetadataValue]:
        began = time.monotonic()
        try:
            RunLog(self._settings.operations_url).write(row, checks)
        except Exception as error:  # noqa: BLE001 - a record must never cost a step its result
            said = self._redact(f"{type(error).__name__}: {error}")
            # A traceback could hold what the redaction takes out.
            self._context.log.error(  # noqa: TRY400
                f"The run {row.run_id} of {row.asset} ended as {row.state} and could not be "
                f"recorded in ops.runs and ops.checks. {said} The step's result stands; its cost "
                "is missing from `nyc311 cost`. Look at NYC311_LAKEHOUSE_URL and the rights on it."
            )
            return {"run_record": dg.MetadataValue.text(f"not written: {said}")}
        took = (time.monotonic() - began) * 1000
        return {"run_record_milliseconds": dg.MetadataValue.float(round(took, 1))}


def cost_metadata(run: StepRun) -> dict[str, dg.MetadataValue]:
    """The estimated cost, as a materialization shows it."""
    figures = {
        "estimated_cost_usd": run.cost_usd,
        "would_cost_usd": run.would_cost_usd if run.workspace == "embedded" else None,
    }
    shown = {
        name: dg.MetadataValue.float(round(figure, 4))
        for name, figure in figures.items()
        if figure is not None
    }
    return {**shown, "price_list": dg.MetadataValue.text(run.price_list.isoformat())}


def _state_after(run: jobs.Run | None, error: BaseException) -> State:
    if isinstance(error, (DagsterExecutionInterruptedError, KeyboardInterrupt)):
        return "CANCELED"
    state = run.state if run else None
    canceled = state is not None and state.result_state is jobs.RunResultState.CANCELED
    # A run that the client itself cancelled, because of an error, has failed.
    return (
        "CANCELED"
        if canceled
        and isinstance(error, dg.Failure)
        and ("ended as CANCELED" in (error.description or ""))
        else "FAILED"
    )
