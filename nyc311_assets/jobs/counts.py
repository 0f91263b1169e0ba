"""The job of known_counts: counts of requests as they were known on a past date."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from nyc311_assets.jobs.session import Job, open_job
from nyc311_assets.pipeline.contracts import silver_requests
from nyc311_assets.pipeline.known_counts import counts_as_known, counts_exactly
from nyc311_assets.pipeline.tables import Table
from nyc311_assets.pipeline.versions import VersionMissing, exists

_FILTERS = ("request_date", "complaint_type", "borough")
_MOST = 10_000


def run(job: Job) -> None:
    """Count; parameters: `known_on`, `exact`, `limit`, `request_date`, `complaint_type`, `borough`.

    The three filters are None where all are meant, and compare without regard to case.
    """
    parameters = job.config.parameters
    known_on = date.fromisoformat(parameters["known_on"])
    version = None
    if not exists(Table(job.spark, job.lakehouse, silver_requests(job.city))):
        job.report_refusal("There is no silver.requests yet: materialize silver_requests first.")
        return
    try:
        if parameters["exact"]:
            counts, version = counts_exactly(
                job.spark, job.lakehouse, job.city, known_on, now=datetime.now(UTC)
            )
        else:
            counts = counts_as_known(job.spark, job.lakehouse, job.city, known_on)
    except VersionMissing as missing:
        job.report_refusal(missing)
        return
    wanted = _filtered(counts, parameters)
    total = wanted.agg(F.count("*").alias("series"), F.sum("requests").alias("requests")).collect()
    rows = (
        wanted.orderBy(F.col("requests").desc(), "request_date", "complaint_type", "borough")
        .limit(min(parameters["limit"], _MOST))
        .collect()
    )
    job.report_answer(
        {
            "known_on": parameters["known_on"],
            "version": version.number if version else None,
            "requests": total[0]["requests"] or 0,
            "series": total[0]["series"],
            "rows": [
                [
                    row["request_date"].isoformat(),
                    row["complaint_type"],
                    row["borough"],
                    row["agency"],
                    row["requests"],
                ]
                for row in rows
            ],
        }
    )


def _filtered(counts: DataFrame, parameters: Any) -> DataFrame:
    for name in _FILTERS:
        if parameters[name] is not None:
            counts = counts.where(
                F.lower(F.col(name).cast("string")) == F.lit(parameters[name].lower())
            )
    return counts


def main() -> None:
    """Entry of the cluster's task."""
    with open_job() as job:
        run(job)


if __name__ == "__main__":
    main()
