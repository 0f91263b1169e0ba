"""The sensor that tells of failed runs."""

from __future__ import annotations

from collections.abc import Sequence

import dagster as dg
from dagster._core.storage.tags import ROOT_RUN_ID_TAG

from nyc311_assets.automation.alerts.ticks import AlertDesk, ended_runs
from nyc311_assets.resources.ledger_rows import Alert, alert_id

RUN_FAILED = "run_failed"
INTERVAL_SECONDS = 60
_LONGEST = 4_000


def failed_runs_sensor(status: dg.DefaultSensorStatus) -> dg.SensorDefinition:
    """Tells of a run that failed, once for all its attempts.

    Dagster's own run failure sensor moves its cursor past a run also when telling of it fails
    (1.13.27), so a ledger that cannot be written for a moment would lose an alert. This one moves
    it only when all is recorded.

    Args:
        status: Whether the sensor runs without being switched on.
    """

    @dg.sensor(
        name="failed_runs",
        minimum_interval_seconds=INTERVAL_SECONDS,
        default_status=status,
        description="Tells of a failed run with its remote traceback; a retry tells nothing more.",
    )
    def failed_runs(
        context: dg.SensorEvaluationContext, alert_desk: dg.ResourceParam[AlertDesk]
    ) -> dg.SensorResult:
        records, cursor = ended_runs(context, [dg.DagsterRunStatus.FAILURE], alert_desk.clock())

        def decide(alerts: Sequence[Alert]) -> Sequence[Alert]:
            known = {each.alert_id for each in alerts}
            return [
                _alert(context.instance, record.dagster_run, alert_desk)
                for record in records
                if _identity(record.dagster_run) not in known
            ]

        return alert_desk.tick(context, decide if records else None, cursor)

    return failed_runs


def _identity(run: dg.DagsterRun) -> str:
    return alert_id(RUN_FAILED, run.tags.get(ROOT_RUN_ID_TAG, run.run_id))


def _alert(instance: dg.DagsterInstance, run: dg.DagsterRun, desk: AlertDesk) -> Alert:
    failures = [
        record.event_log_entry.dagster_event
        for record in instance.get_records_for_run(
            run.run_id, of_type={dg.DagsterEventType.STEP_FAILURE}
        ).records
    ]
    told = [(event.step_key or "?", _said(event)) for event in failures if event is not None]
    steps = ", ".join(step for step, _ in told) or "before any step"
    where = partitions_of(run)
    body = [
        f"The run {run.run_id} of {run.job_name} failed at: {steps}.",
        f"Partition: {where}." if where else "",
        *(f"\n{step}:\n{_tail(text)}" for step, text in told),
        f"\nRun: {desk.links.run(run.run_id)}",
        "What to do: docs/runbook.md#a-step-failed",
    ]
    return Alert(
        alert_id=_identity(run),
        kind=RUN_FAILED,
        subject=run.tags.get(ROOT_RUN_ID_TAG, run.run_id),
        severity="critical",
        title=f"Run failed: {steps}" + (f" ({where})" if where else ""),
        body="\n".join(line for line in body if line),
        attributes={"kind": RUN_FAILED, "job": run.job_name, "steps": steps[:250]},
        created_at=desk.clock(),
    )


def _said(event: dg.DagsterEvent) -> str:
    """What a step said of its failure; the Pipes client puts the remote traceback there."""
    data = event.step_failure_data
    told = data.user_failure_data
    if told is None:
        return data.error_display_string
    remote = told.metadata.get("remote_traceback")
    text = told.description or told.label
    # The client's description ends with it already.
    shown = "" if remote is None or str(remote.value) in text else f"\n{remote.value}"
    return f"{text}{shown}"


def _tail(text: str) -> str:
    """The end of a text, where a traceback names its error."""
    return text if len(text) <= _LONGEST else f"… {text[-_LONGEST:]}"


def partitions_of(run: dg.DagsterRun) -> str:
    """The run's daily partition, or its range; empty without one."""
    tags = run.tags
    first = tags.get("dagster/asset_partition_range_start")
    if first:
        return f"{first}...{tags.get('dagster/asset_partition_range_end')}"
    return tags.get("dagster/partition", "")
