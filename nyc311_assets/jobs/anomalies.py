"""The job of anomalies: judge the days that are pulled, and bring the episodes up to date."""

from __future__ import annotations

from nyc311_assets.jobs.session import Job, open_job
from nyc311_assets.pipeline.checks.anomalies import check_verdicts
from nyc311_assets.pipeline.days import plan_pull
from nyc311_assets.pipeline.ml.judging import judge_days, judged_before


def run(job: Job) -> None:
    """Judge, put together, report."""
    pulled = plan_pull(job.city, job.partitions)
    judging = judge_days(job.spark, job.lakehouse, job.city, tuple(pulled), tell=job.log)
    history = (
        *judged_before(job.spark, job.lakehouse, min(pulled)),
        *judging.days,
    )
    for partition in job.partitions:
        mine = [day for day, ingestion_date in pulled.items() if ingestion_date == partition]
        days = [day for day in judging.days if day.ds in set(mine)]
        opened = [each for each in judging.episodes if each.start in set(mine)]
        job.report_partition(
            partition,
            {
                "dagster/partition_row_count": sum(
                    day.judged + sum(day.unjudged.values()) for day in days
                ),
                "series_above_band": sum(day.above for day in days),
                "series_on_watch": sum(day.watch for day in days),
                "series_confirmed": sum(day.confirmed for day in days),
                "episodes_that_start": sum(each.state != "withdrawn" for each in opened),
            },
        )
        for verdict in check_verdicts(judging.days, mine, history):
            job.report_verdict(partition, verdict)
    live = [each for each in judging.episodes if each.state == "open"]
    job.report_materialized(
        {
            "rows": sum(day.judged + sum(day.unjudged.values()) for day in judging.days),
            "days_judged": len(judging.days),
            "days_not_trusted": ", ".join(sorted({str(bad.day) for bad in judging.bad_days})),
            "episodes": sum(each.state != "withdrawn" for each in judging.episodes),
            "episodes_open": len(live),
            "episodes_changed": len(judging.changed),
            "table_version": judging.table_version,
        }
    )


def main() -> None:
    """Entry of the cluster's task."""
    with open_job() as job:
        run(job)


if __name__ == "__main__":
    main()
