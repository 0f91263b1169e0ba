"""The job of table_history: the versions of a table, and how far back they are whole."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from nyc311_assets.jobs.session import Job, open_job
from nyc311_assets.pipeline.catalog import find_table
from nyc311_assets.pipeline.tables import Table
from nyc311_assets.pipeline.versions import TableMissing, Version, read_history


def run(job: Job) -> None:
    """Read the history; parameters: `table`, and `limit`, the most versions to report."""
    parameters = job.config.parameters
    _, contract = find_table(job.city, parameters["table"])
    try:
        table = Table(job.spark, job.lakehouse, contract)
        history = read_history(table, now=datetime.now(UTC))
    except TableMissing as missing:
        job.report_refusal(missing)
        return
    job.report_answer(
        {
            "table": contract.name,
            "versions": [describe(version) for version in history.versions[: parameters["limit"]]],
            "versions_in_log": len(history.versions),
            "log_begins": history.first.number,
            "certain_from": history.oldest.number,
            "certain_since": history.oldest.written_at.isoformat(),
            "retention_hours": history.retention.total_seconds() / 3600,
            "vacuumed_at": history.vacuumed_at.isoformat() if history.vacuumed_at else None,
        }
    )


def describe(version: Version) -> dict[str, Any]:
    """A version as JSON values."""
    return {
        "version": version.number,
        "written_at": version.written_at.isoformat(),
        "operation": version.operation,
        "inserted": version.rows_inserted,
        "updated": version.rows_updated,
        "deleted": version.rows_deleted,
    }


def main() -> None:
    """Entry of the cluster's task."""
    with open_job() as job:
        run(job)


if __name__ == "__main__":
    main()
