"""The job of forecasts: issue what is missing, and see how earlier ones have done."""

from __future__ import annotations

import os

from nyc311_assets.jobs.session import Job, open_job
from nyc311_assets.pipeline.checks.forecasts import check_accuracy, check_issued
from nyc311_assets.pipeline.checks.spec import Figure
from nyc311_assets.pipeline.ml.issuing import issue_days, measure


def run(job: Job) -> None:
    """Issue, measure, report."""
    issuing = issue_days(
        job.spark,
        job.lakehouse,
        job.city,
        job.partitions,
        tell=job.log,
        workers=os.cpu_count() or 1,
    )
    accuracy = measure(job.spark, job.lakehouse, issuing.known, job.partitions)
    for partition in job.partitions:
        mine = [day for day in issuing.days if day.partition == partition]
        newest = mine[-1] if mine else None
        figures: dict[str, Figure] = {
            "dagster/partition_row_count": sum(day.rows for day in mine),
            "days_issued": sum(day.is_new for day in mine),
        }
        if newest is not None:
            figures |= {
                "as_of": str(newest.as_of),
                "series": newest.series,
                "skipped": len(newest.skipped),
                **{f"served_by {name}": count for name, count in newest.by_model.items()},
            }
            if newest.total_7_days is not None:
                figures["requests_expected_7_days"] = round(newest.total_7_days)
        job.report_partition(partition, figures)
        for verdict in (
            *check_issued(issuing.days, partition),
            *check_accuracy(accuracy, partition),
        ):
            job.report_verdict(partition, verdict)
    new = [day for day in issuing.days if day.is_new]
    job.report_materialized(
        {
            "rows": sum(day.rows for day in issuing.days),
            "days_issued": len(new),
            "last_as_of": str(issuing.days[-1].as_of) if issuing.days else "none",
            "table_version": issuing.table_version,
        }
    )


def main() -> None:
    """Entry of the cluster's task."""
    with open_job() as job:
        run(job)


if __name__ == "__main__":
    main()
