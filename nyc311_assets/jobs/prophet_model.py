"""The job of prophet_model: which model serves each day, and training where one is due."""

from __future__ import annotations

from pathlib import Path

from nyc311_assets.jobs.session import Job, open_job
from nyc311_assets.pipeline.checks.models import check_model
from nyc311_assets.pipeline.checks.spec import Figure
from nyc311_assets.pipeline.ml.modelling import Modelling
from nyc311_assets.pipeline.ml.outcomes import Served
from nyc311_assets.pipeline.ml.registry import ModelRegistry, RegistryPlace
from nyc311_assets.pipeline.ml.studies import Studies
from nyc311_assets.pipeline.ml.training import Policy


def run(job: Job) -> None:
    """Serve, train where it is due, report."""
    models = job.config.models
    modelling = Modelling(
        job.spark,
        job.lakehouse,
        job.city,
        Policy(
            weekday=models["training_weekday"],
            trials=models["search_trials"],
            search_days=models["search_days"],
        ),
        registry_of(job),
        Studies(Path(job.config.volume_path) / "studies", job.log),
        job.log,
    )
    served = modelling.run(job.partitions)
    for each in served:
        job.report_partition(each.partition, _figures(each))
        for verdict in check_model(each):
            job.report_verdict(each.partition, verdict)
    trained = [each for each in served if each.trained is not None]
    newest = served[-1]
    job.report_materialized(
        {
            "rows": sum(len(each.trained.fits.series) for each in trained if each.trained),
            "trainings": len(trained),
            "promoted": sum(each.trained.decision.promoted for each in trained if each.trained),
            "model_version": newest.version.name if newest.version else "none yet",
            "mlflow_runs": ", ".join(modelling.run_ids),
            "warnings": "\n".join(modelling.warnings) or "none",
        }
    )


def registry_of(job: Job) -> ModelRegistry:
    """The registry that the orchestrator names."""
    models = job.config.models
    return ModelRegistry(
        RegistryPlace(
            models["tracking_uri"], models["model_name"], models["experiment"], models["artifacts"]
        )
    )


def _figures(served: Served) -> dict[str, Figure]:
    figures: dict[str, Figure] = {
        "action": served.action,
        "reason": served.reason,
        "as_of": str(served.as_of),
    }
    if served.version is not None:
        figures |= {
            "model_version": served.version.name,
            "trained_on": str(served.version.trained_on),
        }
    if served.trained is not None:
        fits = served.trained.fits
        figures |= {
            "dagster/partition_row_count": len(fits.series),
            "fits_failed": len(fits.failed),
            "newton_fallbacks": fits.newton_fallbacks,
            "searched": served.trained.searched,
            **{
                f"loss {name}": round(loss, 4)
                for name, loss in served.trained.decision.losses.items()
            },
        }
    return figures


def main() -> None:
    """Entry of the cluster's task."""
    with open_job() as job:
        run(job)


if __name__ == "__main__":
    main()
