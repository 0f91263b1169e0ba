"""The job of silver_requests: merge the newest usable pulls of the partitions' days into silver."""

from __future__ import annotations

import os

from nyc311_assets.jobs.session import Job, open_job
from nyc311_assets.pipeline.accounts import PartitionCounts
from nyc311_assets.pipeline.checks import check_silver, check_silver_history
from nyc311_assets.pipeline.masks import Masks, MasksError, build_masks, checked_columns
from nyc311_assets.pipeline.profiles.silver import pulls_with_history, silver_profile
from nyc311_assets.pipeline.silver import refine


def run(job: Job) -> None:
    """Type, judge, mask, merge, audit, report."""
    refinement = refine(
        job.spark,
        job.lakehouse,
        job.city,
        ingestion_dates=job.partitions,
        masks=masks_of(job, os.environ.get("NYC311_MASK_SALT")),
    )
    pulled = pulls_with_history(job.spark, job.lakehouse, job.partitions)
    profile = silver_profile(job.spark, job.lakehouse, job.city, job.partitions, pulled)
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
        days = pulled[partition].days if partition in pulled else ()
        held_back = [day.request_date for day in days if day.held_back]
        for verdict in (
            *check_silver(counts, in_bronze, refinement.audit, accounts, held_back),
            *check_silver_history(job.city, profile, partition, days),
        ):
            job.report_verdict(partition, verdict)
    job.report_materialized(
        {
            "requests_inserted": refinement.inserted,
            "requests_updated": refinement.updated,
            "rows": refinement.audit.rows,
            "table_version": refinement.table_version,
        }
    )


def masks_of(job: Job, salt: str | None) -> Masks:
    """The masks that Dagster asks for, with the salt that the cluster has.

    Raises:
        MasksError: A column cannot be masked so, or the cluster lacks the salt.
    """
    columns = checked_columns(job.config.masked_columns, job.city)
    try:
        return build_masks(columns, salt)
    except MasksError as error:
        raise MasksError(
            f"{error} This task's environment lacks it: a job cluster gets it from the secret "
            "nyc311/mask_salt; on an existing cluster set it to {{secrets/nyc311/mask_salt}}; "
            "serverless has no such variables, so use another NYC311_COMPUTE."
        ) from None


def main() -> None:
    """Entry of the cluster's task."""
    with open_job() as job:
        run(job)


if __name__ == "__main__":
    main()
