"""The job that looks at the rejected rows that stand."""

from typing import Any

import dagster as dg

from nyc311_assets.resources.runner import JobRunner

STANDING_REJECTS = "standing_rejects"
REJECTS_OP = "list_rejects"


class RejectsConfig(dg.Config):
    """Which rejected rows; None where all are meant.

    Attributes:
        day: Only those of this request date.
        first_partition: Only those of this daily partition and later ones.
        last_partition: Only those of this daily partition and earlier ones.
        reason: Only those with a reason that holds this text, in any case.
        limit: Most rows to show.
        payload: Show their payloads, too.
        remember: A UUID under which to note which rows stand.
        compare: The UUID of an earlier note: also count those of its rows that no longer stand.
    """

    day: str | None = None
    first_partition: str | None = None
    last_partition: str | None = None
    reason: str | None = None
    limit: int = 50
    payload: bool = False
    remember: str | None = None
    compare: str | None = None


def rejects_job() -> dg.JobDefinition:
    """The job. It only reads, so it takes no pool."""

    @dg.op(name=REJECTS_OP, out=dg.Out(dict[str, Any]))
    def list_rejects(
        context: dg.OpExecutionContext, config: RejectsConfig, runner: dg.ResourceParam[JobRunner]
    ) -> dg.Output[dict[str, Any]]:
        answer = runner.ask(context, "rejects", config.model_dump())
        figures = {
            "rejects": answer["rejects"],
            "reasons": dg.MetadataValue.json(answer["reasons"]),
        }
        return dg.Output(dict(answer), metadata=figures)

    @dg.job(
        name=STANDING_REJECTS,
        description="The rejected rows of the newest merged pull of each request date.",
    )
    def job() -> None:
        list_rejects()

    return job
