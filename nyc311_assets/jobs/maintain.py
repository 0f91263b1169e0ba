"""The job of maintain_*: upkeep of the tables of one layer."""

from __future__ import annotations

from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from typing import Any

from nyc311_assets.jobs.session import Job, open_job
from nyc311_assets.pipeline.catalog import find_layer
from nyc311_assets.pipeline.maintenance import TableStatistics, Upkeep, maintain
from nyc311_assets.pipeline.tables import Table
from nyc311_assets.pipeline.versions import exists


def run(job: Job) -> None:
    """Maintain; parameters: `layer`, `vacuum_hours`, `bronze_retention_days`, `dry_run`."""
    parameters = job.config.parameters
    done = []
    for contract in find_layer(job.city, parameters["layer"]).contracts:
        table = Table(job.spark, job.lakehouse, contract)
        if not exists(table):
            job.log(f"{contract.name} has not been written yet: nothing to maintain")
            continue
        job.log(f"{'Looking at' if parameters['dry_run'] else 'Maintaining'} {contract.name}")
        upkeep = maintain(
            table,
            vacuum_hours=parameters["vacuum_hours"],
            bronze_retention=timedelta(days=parameters["bronze_retention_days"]),
            now=datetime.now(UTC),
            dry_run=parameters["dry_run"],
        )
        done.append(_as_json(upkeep))
    job.report_answer({"dry_run": parameters["dry_run"], "tables": done})


def _as_json(upkeep: Upkeep) -> dict[str, Any]:
    def statistics(figures: TableStatistics) -> dict[str, Any]:
        return asdict(figures) | {"oldest_at": figures.oldest_at.isoformat()}

    return asdict(upkeep) | {
        "before": statistics(upkeep.before),
        "after": statistics(upkeep.after),
    }


def main() -> None:
    """Entry of the cluster's task."""
    with open_job() as job:
        run(job)


if __name__ == "__main__":
    main()
