"""A step that only attaches to Spark, run by our client and by the stock one."""

from pathlib import Path
from textwrap import dedent
from typing import Any

import dagster as dg
from dagster_databricks import PipesDatabricksClient
from dagster_databricks.pipes import (
    PipesUnityCatalogVolumesContextInjector,
    PipesUnityCatalogVolumesMessageReader,
)
from databricks.sdk import WorkspaceClient
from databricks.sdk.service import compute, jobs

from nyc311_assets.local.lifecycle import Workspace
from nyc311_assets.resources.databricks import HardenedPipesDatabricksClient

_BODY = """
with open_dagster_pipes(context_loader=PipesDefaultContextLoader(), message_writer={writer}) as pipes:
    SparkSession.builder.getOrCreate().range(10).count()
    pipes.report_asset_materialization(metadata={{"rows": 10}})
"""
_IMPORTS = dedent("""
    from pyspark.sql import SparkSession
    from dagster_pipes import (
        PipesDefaultContextLoader,
        PipesUnityCatalogVolumesMessageWriter,
        open_dagster_pipes,
    )
    from nyc311_assets.jobs.messages import VolumeMessageWriter
    """)


def hardened_steps(workspace: Workspace, home: Path, count: int) -> None:
    """Run steps with the project's client."""
    client = HardenedPipesDatabricksClient(
        _client(workspace),
        volume_path=str(home / "volumes"),
        poll_interval_seconds=0.1,
        grace_seconds=2,
        timeout_seconds=600,
    )
    _run(client, _script(home, "VolumeMessageWriter()"), count)


def stock_steps(workspace: Workspace, home: Path, count: int) -> None:
    """Run steps with the client as it comes, with its Volume reader and writer."""
    volume = str(home / "volumes")
    client = _client(workspace)
    stock = PipesDatabricksClient(
        client,
        context_injector=PipesUnityCatalogVolumesContextInjector(client=client, volume_path=volume),
        message_reader=PipesUnityCatalogVolumesMessageReader(
            client=client, volume_path=volume, interval=0.2, include_stdio_in_messages=False
        ),
        poll_interval_seconds=0.2,
    )
    _run(stock, _script(home, "PipesUnityCatalogVolumesMessageWriter(interval=0.2)"), count)


def _client(workspace: Workspace) -> WorkspaceClient:
    return WorkspaceClient(host=workspace.host, token=workspace.token, auth_type="pat")


def _script(home: Path, writer: str) -> Path:
    path = home / f"{writer.split('(', maxsplit=1)[0]}.py"
    path.write_text(_IMPORTS + _BODY.format(writer=writer), encoding="utf-8")
    return path


def _run(client: PipesDatabricksClient, script: Path, count: int) -> None:
    task = jobs.SubmitTask(
        task_key="attach",
        spark_python_task=jobs.SparkPythonTask(python_file=str(script)),
        new_cluster=compute.ClusterSpec(spark_version="17.3.x-scala2.13", num_workers=0),
    )

    @dg.asset
    def attach(context: dg.AssetExecutionContext) -> dg.MaterializeResult[Any]:
        return client.run(context=context, task=task).get_materialize_result()

    for _ in range(count):
        if not dg.materialize([attach], raise_on_error=False).success:
            raise SystemExit("The step failed; its messages are above.")
