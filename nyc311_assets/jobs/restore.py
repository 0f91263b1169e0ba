"""The job of restore_*: take a table back to an earlier version, or show what that would change."""

from __future__ import annotations

from datetime import UTC, datetime

from nyc311_assets.jobs.session import Job, open_job
from nyc311_assets.pipeline.catalog import find_table
from nyc311_assets.pipeline.contracts import BATCHES
from nyc311_assets.pipeline.tables import Table
from nyc311_assets.pipeline.time_travel import next_steps, preview, restore
from nyc311_assets.pipeline.versions import (
    TableMissing,
    VersionMissing,
    read_history,
)


def run(job: Job) -> None:
    """Go back; parameters: `table`, `to_version` or `to_time` (ISO, aware), `preview`."""
    parameters = job.config.parameters
    layer, contract = find_table(job.city, parameters["table"])
    table = Table(job.spark, job.lakehouse, contract)
    batches = Table(job.spark, job.lakehouse, BATCHES)
    try:
        history = read_history(table, now=datetime.now(UTC))
        zone = job.city.time_zone
        target = (
            history.find(parameters["to_version"], zone=zone)
            if parameters["to_version"] is not None
            else history.at(datetime.fromisoformat(parameters["to_time"]), zone=zone)
        )
        go = preview if parameters["preview"] else restore
        returned = go(table, batches, history, target)
    except (TableMissing, VersionMissing) as missing:
        job.report_refusal(missing)
        return
    is_current = returned.from_version == returned.to_version
    job.report_answer(
        {
            "table": contract.name,
            "from_version": returned.from_version,
            "to_version": returned.to_version,
            "to_written_at": returned.to_written_at.isoformat(),
            "operation": target.operation,
            "rows_before": returned.rows_before,
            "rows_after": returned.rows_after,
            "is_certain": returned.is_certain,
            "is_done": not parameters["preview"],
            "next_steps": (
                [] if is_current else list(next_steps(contract.name, layer.asset, returned))
            ),
        }
    )


def main() -> None:
    """Entry of the cluster's task."""
    with open_job() as job:
        run(job)


if __name__ == "__main__":
    main()
