"""The job of raw_311: pull the partitions' request dates from the source into bronze."""

from __future__ import annotations

import os
import shutil
from datetime import UTC, datetime

from nyc311_assets.jobs.progress import show_progress
from nyc311_assets.jobs.session import Job, open_job
from nyc311_assets.pipeline.batches import rows_without_day_before
from nyc311_assets.pipeline.bronze import Fetch, ingest
from nyc311_assets.pipeline.checks import check_raw
from nyc311_assets.pipeline.checks.fields import check_fields
from nyc311_assets.pipeline.checks.spec import names
from nyc311_assets.pipeline.contracts import BATCHES
from nyc311_assets.pipeline.days import plan_pull
from nyc311_assets.pipeline.inspection import Inspection
from nyc311_assets.pipeline.soda.client import SodaClient
from nyc311_assets.pipeline.soda.progress import fetched_days
from nyc311_assets.pipeline.tables import Table


def run(job: Job) -> None:
    """Pull, land, reconcile, judge, report."""
    config = job.config
    app_token = os.environ.get("NYC311_SODA_APP_TOKEN")
    progress_folder = job.volume / "progress" / config.batch_id
    fetch = Fetch(
        url=config.soda_url,
        app_token=app_token,
        parallel_requests=config.soda_parallel_requests,
        cache_folder=job.volume / "soda_cache",
        progress_folder=progress_folder,
    )
    inspection = Inspection(
        job.spark, job.lakehouse, job.city, job.partitions, hold_back=config.hold_back
    )
    days = len(plan_pull(job.city, job.partitions))
    job.log(f"Pulling {days} request dates from {config.soda_url}")
    with (
        SodaClient(config.soda_url, app_token=app_token) as client,
        show_progress(
            lambda: f"Fetched {fetched_days(progress_folder)} of {days} request dates", job.log
        ),
    ):
        batch = ingest(
            job.spark,
            job.lakehouse,
            job.city,
            client,
            fetch,
            ingestion_dates=job.partitions,
            batch_id=config.batch_id,
            now=datetime.now(UTC),
            inspect=inspection,
        )
    shutil.rmtree(progress_folder, ignore_errors=True)
    batches = Table(job.spark, job.lakehouse, BATCHES)
    before = rows_without_day_before(batches, batch.pulled_at)
    for partition in job.partitions:
        pulled = batch.of_partition(partition)
        job.report_partition(
            partition,
            {
                "dagster/partition_row_count": sum(day.landed_rows for day in pulled),
                "rows_expected": sum(day.expected_rows for day in pulled),
                "request_dates": len(pulled),
                "days_held_back": names(day.request_date for day in pulled if day.held_back),
            },
        )
        for verdict in (
            *check_raw(batch, partition, before),
            *check_fields(job.city, batch, partition),
            *inspection.verdicts[partition],
        ):
            job.report_verdict(partition, verdict)
    job.report_materialized(
        {
            "source": batch.source,
            "batch_id": batch.batch_id,
            "fetched": batch.is_new,
            "rows": sum(day.landed_rows for day in batch.days),
            "source_published": batch.dataset_version.isoformat(),
            "source_reach": str(batch.source_reach),
        }
    )


def main() -> None:
    """Entry of the cluster's task."""
    with open_job() as job:
        run(job)


if __name__ == "__main__":
    main()
