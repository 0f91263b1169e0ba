"""From a job's report to Dagster's events: metadata and checks, partition by partition."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import dagster as dg

from nyc311_assets.pipeline.checks import CheckSpec
from nyc311_assets.pipeline.contracts import TableContract


def check_specs(
    asset: str, checks: Sequence[CheckSpec], partitions: dg.PartitionsDefinition
) -> list[dg.AssetCheckSpec]:
    """Declare checks on an asset; those of severity ERROR block what is downstream.

    Those that hold request dates back do not: the days that they name are kept out of silver, and
    the others go on.

    Description and metadata name the severity, who acts when the check fails, and where the
    runbook tells what to do.
    """
    return [
        dg.AssetCheckSpec(
            name=check.name,
            asset=asset,
            description=(
                f"{check.description}\n\n{check.severity}. Owner: {check.owner}. "
                f"Runbook: {runbook_anchor(check)}"
            ),
            blocking=check.blocks,
            metadata={
                "severity": check.severity,
                "owner": check.owner,
                "runbook": runbook_anchor(check),
            },
            partitions_def=partitions,
        )
        for check in checks
    ]


def runbook_anchor(check: CheckSpec) -> str:
    """Where the runbook tells of a check."""
    return f"docs/runbook.md#{check.name}"


def table_metadata(contract: TableContract) -> dict[str, Any]:
    """The table's name and schema, as the asset's definition shows them."""
    return {
        "dagster/table_name": contract.name,
        "dagster/column_schema": dg.TableSchema(
            columns=[
                dg.TableColumn(
                    name=column.name,
                    type=column.type,
                    description=column.description,
                    constraints=dg.TableColumnConstraints(nullable=column.nullable),
                )
                for column in contract.columns
            ]
        ),
    }


def step_results(
    context: dg.AssetExecutionContext,
    invocation: dg.PipesClientCompletedInvocation,
    compute: str,
) -> Iterator[dg.MaterializeResult[Any]]:
    """Turn what a job reported into the step's result.

    In a run of one partition the checks are its checks. In a range run each partition gets its own
    metadata and check evaluations, and the step's own result sums them up: one bad partition is
    a warning that does not stop the others; a failure that would make other partitions wrong, or
    that befell them all, blocks.
    """
    reported = invocation.get_materialize_result(implicit_materialization=False)
    metadata: dict[str, Any] = {**(reported.metadata or {}), "compute": compute}
    # A range may be of one day, as a backfill of it is: it has no partition key either.
    is_range = not context.has_partition_key
    checks: dict[str, dict[str, Mapping[str, Any]]] = defaultdict(dict)
    for message in invocation.get_custom_messages():
        if message["kind"] == "partition":
            if is_range:
                context.add_asset_metadata(message["metadata"], partition_key=message["partition"])
            else:
                metadata |= message["metadata"]
        elif message["kind"] == "check":
            checks[message["name"]][message["partition"]] = message
    if is_range:
        for verdicts in checks.values():
            for message in verdicts.values():
                context.log_event(_evaluation(context.asset_key, message))
    yield dg.MaterializeResult(
        asset_key=context.asset_key,
        metadata=metadata,
        check_results=[_summary(name, verdicts) for name, verdicts in sorted(checks.items())],
    )


def _evaluation(asset_key: dg.AssetKey, message: Mapping[str, Any]) -> dg.AssetCheckEvaluation:
    return dg.AssetCheckEvaluation(
        asset_key=asset_key,
        check_name=message["name"],
        passed=message["passed"],
        severity=dg.AssetCheckSeverity(message["severity"]),
        metadata=message["figures"],
        partition=message["partition"],
    )


def _summary(name: str, verdicts: Mapping[str, Mapping[str, Any]]) -> dg.AssetCheckResult:
    failed = sorted(key for key, message in verdicts.items() if not message["passed"])
    first = next(iter(verdicts.values()))
    if len(verdicts) == 1:
        return dg.AssetCheckResult(
            check_name=name,
            passed=not failed,
            severity=dg.AssetCheckSeverity(first["severity"]),
            metadata=first["figures"],
        )
    blocks = first["severity"] == "ERROR" and (
        len(failed) == len(verdicts) or any(verdicts[key]["blocks_run"] for key in failed)
    )
    return dg.AssetCheckResult(
        check_name=name,
        passed=not failed,
        severity=dg.AssetCheckSeverity.ERROR if blocks else dg.AssetCheckSeverity.WARN,
        metadata={
            "partitions_checked": len(verdicts),
            "partitions_failed": len(failed),
            "failed_partitions": ", ".join(failed),
        },
    )
