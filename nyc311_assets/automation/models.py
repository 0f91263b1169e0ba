"""The jobs on model versions: which there are, and a return to an earlier one."""

from typing import Any

import dagster as dg

from nyc311_assets.pipeline.catalog import find_layer
from nyc311_assets.pipeline.cities import NEW_YORK
from nyc311_assets.resources.runner import JobRunner

MODEL_VERSIONS_JOB = "model_versions"
LIST_OP = "list_models"
ROLL_BACK_JOB = "roll_back_model"
ROLL_BACK_OP = "roll_back"


class RollBackConfig(dg.Config):
    """Which model is to serve.

    Attributes:
        to: A version; None for the one before that in service.
    """

    to: str | None = None


def model_jobs() -> list[dg.JobDefinition]:
    """The jobs. The one that writes takes the pool of prophet_model."""

    @dg.op(name=LIST_OP, out=dg.Out(dict[str, Any]))
    def list_models(
        context: dg.OpExecutionContext, runner: dg.ResourceParam[JobRunner]
    ) -> dg.Output[dict[str, Any]]:
        answer = runner.ask(context, "models", {"roll_back": False, "to": None})
        return dg.Output(
            dict(answer), metadata={"versions": dg.MetadataValue.json(answer["versions"])}
        )

    @dg.op(name=ROLL_BACK_OP, pool=find_layer(NEW_YORK, "models").pool, out=dg.Out(dict[str, Any]))
    def roll_back(
        context: dg.OpExecutionContext, config: RollBackConfig, runner: dg.ResourceParam[JobRunner]
    ) -> dg.Output[dict[str, Any]]:
        answer = runner.ask(context, "models", {"roll_back": True, "to": config.to})
        return dg.Output(dict(answer), metadata={"version": answer["version"]})

    @dg.job(name=MODEL_VERSIONS_JOB, description="All trainings, and the one that serves.")
    def versions_job() -> None:
        list_models()

    @dg.job(name=ROLL_BACK_JOB, description="Lets an earlier model serve from the next run on.")
    def roll_back_job() -> None:
        roll_back()

    return [versions_job, roll_back_job]
