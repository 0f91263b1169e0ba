"""Upkeep of the tables: a job of one op for each layer, and its weekly schedule."""

from collections.abc import Mapping, Sequence
from typing import Any

import dagster as dg

from nyc311_assets.pipeline.catalog import Layer, layers
from nyc311_assets.pipeline.cities import NEW_YORK
from nyc311_assets.resources.runner import JobRunner

MAINTENANCE = "maintenance"
_HEADINGS = ("table", "rows", "files", "bytes", "hidden rows", "versions", "whole from", "since")


def maintenance_op(layer: Layer) -> str:
    """Name of the op that maintains a layer's tables."""
    return f"maintain_{layer.name}"


class MaintenanceConfig(dg.Config):
    """How the tables are maintained.

    Attributes:
        dry_run: Only tell what would be done.
    """

    dry_run: bool = False


def maintenance_job() -> dg.JobDefinition:
    """OPTIMIZE and VACUUM of every table, and the retention of bronze.

    Each layer is an op in the pool of its tables, so that no run writes them at the same time; the
    ops need not wait for each other.
    """

    @dg.job(
        name=MAINTENANCE,
        description="Compacts and clusters every table, removes old files, and deletes superseded "
        "pulls from bronze.",
    )
    def maintenance() -> None:
        for layer in layers(NEW_YORK):
            _maintain(layer)()

    return maintenance


def _maintain(layer: Layer) -> dg.OpDefinition:
    @dg.op(
        name=maintenance_op(layer),
        pool=layer.pool,
        out=dg.Out(dict[str, Any]),
        description="Maintains " + ", ".join(contract.name for contract in layer.contracts) + ".",
    )
    def maintain(
        context: dg.OpExecutionContext,
        config: MaintenanceConfig,
        runner: dg.ResourceParam[JobRunner],
    ) -> dg.Output[dict[str, Any]]:
        answer = runner.ask(
            context,
            "maintain",
            {
                "layer": layer.name,
                "vacuum_hours": runner.settings.vacuum_hours,
                "bronze_retention_days": runner.settings.bronze_retention_days,
                "dry_run": config.dry_run,
            },
        )
        return dg.Output(dict(answer), metadata=_metadata(answer["tables"]))

    return maintain


def _metadata(tables: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    figures: dict[str, Any] = {
        moment: dg.MetadataValue.md(_page(tables, moment)) for moment in ("before", "after")
    }
    for name in ("rows_expired", "files_compacted", "files_written", "files_removed"):
        figures[name] = sum(table[name] or 0 for table in tables)
    return figures


def _page(tables: Sequence[Mapping[str, Any]], moment: str) -> str:
    lines = ["| " + " | ".join(_HEADINGS) + " |", "|---" * len(_HEADINGS) + "|"]
    for table in tables:
        statistics = table[moment]
        hidden = statistics["hidden_rows"]
        values = (
            table["table"],
            f"{statistics['rows']:,}",
            f"{statistics['files']:,}",
            f"{statistics['size_bytes']:,}",
            "not told" if hidden is None else f"{hidden:,}",
            str(statistics["versions"]),
            str(statistics["oldest_version"]),
            statistics["oldest_at"],
        )
        lines.append("| " + " | ".join(values) + " |")
    return "\n".join(lines)


def maintenance_schedule(
    job: dg.JobDefinition, status: dg.DefaultScheduleStatus
) -> dg.ScheduleDefinition:
    """Every Sunday at 05:00 New York time.

    Sunday has the fewest requests and the fewest readers. At 05:00 the daily run of 03:00 is over;
    if it is not, each table's pool makes one wait for the other. The clocks change on a Sunday at
    02:00, so 05:00 comes exactly once. A tick that is missed costs a week's disk space, and is
    made up by the next.
    """
    return dg.ScheduleDefinition(
        name="maintenance_on_sundays_at_0500_new_york",
        job=job,
        cron_schedule="0 5 * * 0",
        execution_timezone="America/New_York",
        default_status=status,
    )
