"""Where a step runs: a job cluster, serverless, or an existing cluster."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from databricks.sdk.service import compute, jobs

from nyc311_assets.settings import Settings

# Spark 4.0; the jobs use only what Spark 4.0 and 4.1 both have.
RUNTIME = "17.3.x-scala2.13"
NODE_TYPE = "m5.xlarge"
SECRET_SCOPE = "nyc311"  # noqa: S105 - the scope's name, not a secret
APP_TOKEN_KEY = "soda_app_token"  # noqa: S105 - the key's name, not a secret
MASK_SALT_KEY = "mask_salt"


@dataclass(frozen=True)
class Submission:
    """A task and the arguments of jobs.submit that belong to its compute."""

    task: jobs.SubmitTask
    submit_args: dict[str, Any]


def secrets_of(settings: Settings) -> dict[str, str]:
    """What a job must know and nobody else may: key in the secret scope -> secret."""
    secrets = {APP_TOKEN_KEY: settings.soda_app_token, MASK_SALT_KEY: settings.mask_salt}
    return {key: secret.get_secret_value() for key, secret in secrets.items() if secret is not None}


def submission(
    settings: Settings, *, task_key: str, python_file: str, wheel: str | None, tags: dict[str, str]
) -> Submission:
    """The task of one step on the configured compute.

    Args:
        settings: Which compute.
        task_key: Name of the task.
        python_file: The job's entry, as the cluster sees it.
        wheel: The package to install there; None where it is installed already.
        tags: Cost tags of a job cluster.

    Raises:
        ValueError: existing_cluster without a cluster id.
    """
    script = jobs.SparkPythonTask(python_file=python_file)
    if settings.compute == "serverless":
        environment = jobs.JobEnvironment(
            environment_key="default",
            spec=compute.Environment(client="4", dependencies=[wheel] if wheel else []),
        )
        task = jobs.SubmitTask(
            task_key=task_key, spark_python_task=script, environment_key="default"
        )
        return Submission(task, {"environments": [environment]})

    libraries = [compute.Library(whl=wheel)] if wheel else []
    if settings.compute == "existing_cluster":
        if not settings.cluster_id:
            raise ValueError(
                "NYC311_COMPUTE=existing_cluster needs a cluster: set NYC311_CLUSTER_ID."
            )
        return Submission(
            jobs.SubmitTask(
                task_key=task_key,
                spark_python_task=script,
                existing_cluster_id=settings.cluster_id,
                libraries=libraries,
            ),
            {},
        )
    return Submission(
        jobs.SubmitTask(
            task_key=task_key,
            spark_python_task=script,
            new_cluster=_job_cluster(settings, tags),
            libraries=libraries,
        ),
        {},
    )


def _job_cluster(settings: Settings, tags: dict[str, str]) -> compute.ClusterSpec:
    environment = {
        f"NYC311_{key.upper()}": f"{{{{secrets/{SECRET_SCOPE}/{key}}}}}"
        for key in secrets_of(settings)
    }
    return compute.ClusterSpec(
        spark_version=RUNTIME,
        node_type_id=NODE_TYPE,
        autoscale=compute.AutoScale(min_workers=1, max_workers=3),
        aws_attributes=compute.AwsAttributes(
            availability=compute.AwsAvailability.SPOT_WITH_FALLBACK, first_on_demand=1
        ),
        data_security_mode=compute.DataSecurityMode.SINGLE_USER,
        custom_tags=tags,
        spark_env_vars=environment,
    )
