"""The sensor that tells of failed checks."""

from __future__ import annotations

from collections.abc import Sequence

import dagster as dg

from nyc311_assets.automation.alerts.failed_runs import partitions_of
from nyc311_assets.automation.alerts.ticks import AlertDesk, ended_runs
from nyc311_assets.resources.ledger_rows import Alert, alert_id

CHECKS_FAILED = "checks_failed"
INTERVAL_SECONDS = 60
_MOST_LINES = 20
_ENDED = (
    dg.DagsterRunStatus.SUCCESS,
    dg.DagsterRunStatus.FAILURE,
    dg.DagsterRunStatus.CANCELED,
)


def failed_checks_sensor(status: dg.DefaultSensorStatus) -> dg.SensorDefinition:
    """Tells of all checks that a run failed, in one message when the run has ended.

    Args:
        status: Whether the sensor runs without being switched on.
    """

    @dg.sensor(
        name="failed_checks",
        minimum_interval_seconds=INTERVAL_SECONDS,
        default_status=status,
        description="Tells of a run's failed checks, in one message: check, partition, severity, "
        "owner and runbook.",
    )
    def failed_checks(
        context: dg.SensorEvaluationContext, alert_desk: dg.ResourceParam[AlertDesk]
    ) -> dg.SensorResult:
        records, cursor = ended_runs(context, _ENDED, alert_desk.clock())

        def decide(alerts: Sequence[Alert]) -> Sequence[Alert]:
            known = {each.alert_id for each in alerts}
            runs = [
                record.dagster_run
                for record in records
                if alert_id(CHECKS_FAILED, record.dagster_run.run_id) not in known
            ]
            found = [(run, failures_of(context.instance, run.run_id)) for run in runs]
            return [_alert(context, run, failed, alert_desk) for run, failed in found if failed]

        return alert_desk.tick(context, decide if records else None, cursor)

    return failed_checks


def failures_of(instance: dg.DagsterInstance, run_id: str) -> Sequence[dg.AssetCheckEvaluation]:
    """A run's failed evaluations; of a range's, those by partition instead of their sum."""
    records = instance.get_records_for_run(
        run_id, of_type={dg.DagsterEventType.ASSET_CHECK_EVALUATION}
    ).records
    failed = [
        evaluation
        for record in records
        if (event := record.event_log_entry.dagster_event) is not None
        and not (evaluation := event.asset_check_evaluation_data).passed
    ]
    by_partition = {each.asset_check_key for each in failed if each.partition}
    return [each for each in failed if each.partition or each.asset_check_key not in by_partition]


def _alert(
    context: dg.SensorEvaluationContext,
    run: dg.DagsterRun,
    failed: Sequence[dg.AssetCheckEvaluation],
    desk: AlertDesk,
) -> Alert:
    errors = sum(each.severity is dg.AssetCheckSeverity.ERROR for each in failed)
    names = sorted({each.check_name for each in failed})
    ranked = sorted(
        failed,
        key=lambda each: (each.severity.value, each.check_name, each.partition or ""),
    )
    lines = [_line(context, run, each) for each in ranked[:_MOST_LINES]]
    more = len(failed) - len(lines)
    count = "1 check failed" if len(failed) == 1 else f"{len(failed):,} checks failed"
    return Alert(
        alert_id=alert_id(CHECKS_FAILED, run.run_id),
        kind=CHECKS_FAILED,
        subject=run.run_id,
        severity="critical" if errors else "warning",
        title=f"{count}: {', '.join(names)}",
        body="\n".join(
            [
                *lines,
                *([f"and {more:,} more"] if more else []),
                f"Run: {desk.links.run(run.run_id)}",
            ]
        ),
        attributes={"kind": CHECKS_FAILED, "checks": ",".join(names)[:250]},
        created_at=desk.clock(),
    )


def _line(
    context: dg.SensorEvaluationContext, run: dg.DagsterRun, failed: dg.AssetCheckEvaluation
) -> str:
    where = failed.partition or partitions_of(run) or "no partition"
    declared = _declared(context, failed.asset_check_key)
    owner, runbook = declared.get("owner"), declared.get("runbook")
    return (
        f"- {failed.severity.value} {failed.asset_key.to_user_string()}.{failed.check_name}, "
        f"{where}. Owner: {owner or 'not named'}. Runbook: {runbook or 'docs/runbook.md'}"
    )


def _declared(context: dg.SensorEvaluationContext, key: dg.AssetCheckKey) -> dict[str, str]:
    """Owner and runbook as the check's definition names them; empty for one that is gone."""
    repository = context.repository_def
    if repository is None or key not in repository.asset_graph.asset_check_keys:
        return {}
    metadata = repository.asset_graph.get_check_spec(key).metadata or {}
    return {name: str(getattr(value, "value", value)) for name, value in metadata.items()}
