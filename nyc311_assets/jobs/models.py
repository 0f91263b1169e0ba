"""The job on model versions: list them, or let an earlier one serve."""

from __future__ import annotations

from datetime import UTC, datetime

from nyc311_assets.jobs.prophet_model import registry_of
from nyc311_assets.jobs.session import Job, open_job
from nyc311_assets.pipeline.ml.rollback import NoSuchVersion, model_versions, roll_back


def run(job: Job) -> None:
    """List, or roll back; parameters: `roll_back` and `to` (a version, or None)."""
    parameters = job.config.parameters
    if not parameters["roll_back"]:
        job.report_answer({"versions": model_versions(job.spark, job.lakehouse)})
        return
    try:
        done = roll_back(
            job.spark,
            job.lakehouse,
            registry_of(job),
            to=parameters["to"],
            now=datetime.now(UTC),
        )
    except NoSuchVersion as error:
        job.report_refusal(error)
        return
    job.report_answer(
        {
            "version": done.version,
            "trained_on": done.trained_on.isoformat(),
            "taken_back": list(done.taken_back),
            "warning": done.warning,
        }
    )


def main() -> None:
    """Entry of the cluster's task."""
    with open_job() as job:
        run(job)


if __name__ == "__main__":
    main()
