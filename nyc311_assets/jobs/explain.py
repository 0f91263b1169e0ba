"""The job of `nyc311 explain`: trace an episode to the rows of the source."""

from __future__ import annotations

from nyc311_assets.jobs.session import Job, open_job
from nyc311_assets.pipeline.ml.explain import NoSuchEpisode, explain


def run(job: Job) -> None:
    """Trace; parameters: `episode`, its id."""
    try:
        found = explain(job.spark, job.lakehouse, job.city, job.config.parameters["episode"])
    except NoSuchEpisode as error:
        job.report_refusal(error)
        return
    job.report_answer(found)


def main() -> None:
    """Entry of the cluster's task."""
    with open_job() as job:
        run(job)


if __name__ == "__main__":
    main()
