"""The job of silver_requests: merge the partitions' newest batches into silver."""

from __future__ import annotations

from nyc311_assets.jobs.session import Job, open_job
from nyc311_assets.pipeline.checks import check_silver
from nyc311_assets.pipeline.silver import PartitionCounts, refine


def run(job: Job) -> None:
    """Type, judge, merge, audit, report."""
    refinement = refine(job.spark, job.lakehouse, job.city, ingestion_dates=job.partitions)
    for partition in job.partitions:
        counts = refinement.partitions.get(partition, PartitionCounts())
        job.report_partition(
            partition,
            {
                "dagster/partition_row_count": counts.rows_kept,
                "rows_read": counts.rows_read,
                "rows_superseded": counts.rows_superseded,
                "rows_rejected": counts.rows_rejected,
            },
        )
        in_bronze = refinement.rows_in_bronze.get(partition, 0)
        accounts = [each for each in refinement.accounts if each.ingestion_date == partition]
        for verdict in check_silver(counts, in_bronze, refinement.audit, accounts):
            job.report_verdict(partition, verdict)
    job.report_materialized(
        {
            "requests_inserted": refinement.inserted,
            "requests_updated": refinement.updated,
            "rows": refinement.audit.rows,
            "table_version": refinement.table_version,
        }
    )


def main() -> None:
    """Entry of the cluster's task."""
    with open_job() as job:
        run(job)


if __name__ == "__main__":
    main()
