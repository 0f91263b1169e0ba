"""The job of gold_daily_counts: count requests by day and series, where they changed."""

from __future__ import annotations

from nyc311_assets.jobs.session import Job, open_job
from nyc311_assets.pipeline.checks import check_gold, check_gold_history
from nyc311_assets.pipeline.days import plan_pull
from nyc311_assets.pipeline.gold import aggregate
from nyc311_assets.pipeline.profiles.types import types_with_history


def run(job: Job) -> None:
    """Count, compare, replace the days that changed, report."""
    pulled = plan_pull(job.city, job.partitions)
    result = aggregate(job.spark, job.lakehouse, job.city, request_dates=tuple(pulled))
    types = types_with_history(job.spark, job.lakehouse, tuple(pulled))
    by_day = {day.request_date: day for day in result.days}
    rewritten = set(result.rewritten)
    for partition in job.partitions:
        mine = [day for day, ingestion_date in pulled.items() if ingestion_date == partition]
        present = [by_day[day] for day in mine if day in by_day]
        job.report_partition(
            partition,
            {
                "dagster/partition_row_count": sum(day.series for day in present),
                "requests": sum(day.requests for day in present),
                "days_rewritten": len(rewritten.intersection(mine)),
                "days_complete": sum(day.is_complete for day in present),
            },
        )
        for verdict in (*check_gold(result.days, mine), *check_gold_history(types, mine)):
            job.report_verdict(partition, verdict)
    job.report_materialized(
        {
            "rows": result.rows,
            "days_rewritten": len(rewritten),
            "last_complete_day": str(result.last_complete_day),
            "table_version": result.table_version,
        }
    )


def main() -> None:
    """Entry of the cluster's task."""
    with open_job() as job:
        run(job)


if __name__ == "__main__":
    main()
