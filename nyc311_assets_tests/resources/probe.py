"""An asset whose job is a small script, run by a real embedded workspace, and what Dagster records."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import dagster as dg
from dagster import DagsterEventType
from databricks.sdk import WorkspaceClient
from databricks.sdk.config import Config
from databricks.sdk.service import compute, jobs

from nyc311_assets.local.lifecycle import Workspace, ensure_workspace
from nyc311_assets.resources.databricks import HardenedPipesDatabricksClient

STANDIN_FEED = "nyc311_assets_tests.local.standin_feed"
Run = Callable[[dg.AssetExecutionContext], dg.PipesClientCompletedInvocation]

OPEN = """
import os, sys, time
from dagster_pipes import PipesDefaultContextLoader, PipesEnvVarParamsLoader, open_dagster_pipes
from nyc311_assets.jobs.messages import VolumeMessageWriter

def open_pipes():
    return open_dagster_pipes(
        params_loader=PipesEnvVarParamsLoader(),
        context_loader=PipesDefaultContextLoader(),
        message_writer=VolumeMessageWriter(),
    )
"""
REPORT = OPEN + "with open_pipes() as pipes: pipes.report_asset_materialization({'rows': 3})\n"
# Tells who it is, and hangs.
HANG = OPEN + (
    "open('pid.partial', 'w').write(str(os.getpid()))\n"
    "with open_pipes() as pipes:\n"
    "    pipes.report_asset_materialization({'rows': 3})\n"
    "    os.rename('pid.partial', os.environ['PID_FILE'])\n"
    "    time.sleep(600)\n"
)


@dataclass(frozen=True)
class Step:
    """What Dagster recorded of one execution of the asset."""

    succeeded: bool
    materializations: int
    metadata: dict[str, Any]
    failure: dg.Failure | None
    error: str
    logs: str

    @property
    def said(self) -> str:
        """What a person reads who looks at the failed step."""
        return self.failure.description or "" if self.failure else self.error


def workspace_client(workspace: Workspace, **settings: Any) -> WorkspaceClient:
    settings = {
        "host": workspace.host,
        "token": workspace.token,
        "retry_timeout_seconds": 3,
        **settings,
    }
    return WorkspaceClient(config=Config(auth_type="pat", **settings))


def hardened(home: Path, **settings: Any) -> HardenedPipesDatabricksClient:
    """Return a client of a home's embedded workspace."""
    client = workspace_client(ensure_workspace(home, feed_module=STANDIN_FEED))
    return hardened_with(client, home / "volumes", **settings)


def hardened_with(
    client: WorkspaceClient, volume: Path, **settings: Any
) -> HardenedPipesDatabricksClient:
    settings = {
        "poll_interval_seconds": 0.05,
        "grace_seconds": 0.3,
        "timeout_seconds": 60,
        **settings,
    }
    return HardenedPipesDatabricksClient(client, volume_path=str(volume), **settings)


def script_task(
    folder: Path, script: str, environment: dict[str, str] | None = None
) -> jobs.SubmitTask:
    """Return a task that runs a script on a new cluster."""
    path = folder / "job.py"
    path.write_text(script, encoding="utf-8")
    return jobs.SubmitTask(
        task_key="probe",
        spark_python_task=jobs.SparkPythonTask(str(path)),
        new_cluster=compute.ClusterSpec(
            spark_version="17.3.x-scala2.13", num_workers=1, spark_env_vars=environment
        ),
    )


def execute(
    run: Run, *, instance: dg.DagsterInstance | None = None, implicit: bool = False
) -> Step:
    """Materialize an asset in this process by `run`, as the assets of the package do it."""

    @dg.asset
    def probe(context: dg.AssetExecutionContext) -> dg.MaterializeResult[Any]:
        return run(context).get_materialize_result(implicit_materialization=implicit)

    if instance is not None:
        return _execute(probe, instance)
    with dg.DagsterInstance.ephemeral() as ephemeral:
        return _execute(probe, ephemeral)


def _execute(asset: dg.AssetsDefinition, instance: dg.DagsterInstance) -> Step:
    result = dg.materialize([asset], instance=instance, raise_on_error=False)
    events = result.events_for_node("probe")
    failures = [event for event in events if event.event_type == DagsterEventType.STEP_FAILURE]
    exception = result.failure_data_for_node("probe")
    user_failure = exception.user_failure_data if exception else None
    records = instance.get_records_for_run(result.run_id).records
    materializations = instance.fetch_materializations(dg.AssetKey("probe"), limit=10).records
    latest = materializations[0].asset_materialization if materializations else None
    return Step(
        succeeded=result.success,
        materializations=len(materializations),
        metadata={key: value.value for key, value in latest.metadata.items()} if latest else {},
        failure=(
            dg.Failure(user_failure.description, user_failure.metadata) if user_failure else None
        ),
        error="\n".join(str(event.step_failure_data.error) for event in failures),
        logs="\n".join(record.event_log_entry.user_message for record in records),
    )


def run_script(
    client: HardenedPipesDatabricksClient,
    folder: Path,
    script: str,
    environment: dict[str, str] | None = None,
) -> Step:
    """Materialize the asset whose job is a script."""
    task = script_task(folder, script, environment)
    return execute(lambda context: client.run(context=context, task=task))
