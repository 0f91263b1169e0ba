"""The job that traces an episode to the rows of the source."""

from typing import Any

import dagster as dg

from nyc311_assets.resources.runner import JobRunner

EXPLAIN_JOB = "explain_episode"
EXPLAIN_OP = "explain"


class ExplainConfig(dg.Config):
    """Which episode.

    Attributes:
        episode: Its id, or the beginning of it.
    """

    episode: str


def explain_job() -> dg.JobDefinition:
    """The job. It only reads, so it takes no pool."""

    @dg.op(name=EXPLAIN_OP, out=dg.Out(dict[str, Any]))
    def explain(
        context: dg.OpExecutionContext, config: ExplainConfig, runner: dg.ResourceParam[JobRunner]
    ) -> dg.Output[dict[str, Any]]:
        answer = runner.ask(context, "explain", config.model_dump())
        return dg.Output(
            dict(answer), metadata={"explanation": dg.MetadataValue.json(dict(answer))}
        )

    @dg.job(name=EXPLAIN_JOB, description="From an episode back to the rows of the source.")
    def job() -> None:
        explain()

    return job
