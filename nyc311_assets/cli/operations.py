"""Runs a job on whole tables as a Dagster run, in this process, and brings its answers."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import dagster as dg
from dagster._core.errors import DagsterExecutionInterruptedError

from nyc311_assets.cli.errors import OperationFailed, OperationRefused
from nyc311_assets.definitions import build_definitions
from nyc311_assets.local.dagster_home import prepare_dagster_home
from nyc311_assets.resources.runner import REFUSED
from nyc311_assets.settings import Settings


def run_operation(
    settings: Settings, job_name: str, ops: Mapping[str, Mapping[str, Any]]
) -> Mapping[str, Any]:
    """Run a job and wait for it.

    Args:
        settings: The project's.
        job_name: The job.
        ops: Configuration of each of its ops.

    Returns:
        The answer of each op, by its name.

    Raises:
        OperationRefused: What was asked for is not there.
        OperationFailed: Anything else that kept the run from its end.
    """
    in_production = bool(os.environ.get("DATABRICKS_HOST"))
    job = build_definitions(settings, in_production=in_production).resolve_job_def(job_name)
    config = {
        "ops": {name: {"config": dict(values)} for name, values in ops.items()},
        "loggers": {"console": {"config": {"log_level": "CRITICAL"}}},
    }
    with open_instance(settings) as instance:
        try:
            result = job.execute_in_process(
                run_config=config, instance=instance, raise_on_error=False
            )
        except (DagsterExecutionInterruptedError, KeyboardInterrupt):
            raise OperationFailed("Cancelled, and its remote run too.") from None
    for name in ops:
        _raise_failure(result, name)
    if not result.success:
        raise OperationFailed(f"Run {result.run_id} of {job_name} did not succeed: see `make dev`.")
    return {name: result.output_for_node(name) for name in ops}


def _raise_failure(result: dg.ExecuteInProcessResult, op: str) -> None:
    failed = next((event for event in result.events_for_node(op) if event.is_step_failure), None)
    if failed is None:
        return
    data = failed.step_failure_data
    told = data.user_failure_data
    if told is None:
        raise OperationFailed(f"{data.error_display_string.strip()}\n(run {result.run_id})")
    if told.metadata.get(REFUSED) is not None:
        raise OperationRefused(told.description)
    raise OperationFailed(f"{told.description}\n(run {result.run_id})")


@contextmanager
def open_instance(settings: Settings) -> Iterator[dg.DagsterInstance]:
    """The instance whose pools the daily runs take, too; DAGSTER_HOME names it from now on."""
    if not (os.environ.get("DATABRICKS_HOST") and os.environ.get("DAGSTER_HOME")):
        os.environ["DAGSTER_HOME"] = str(prepare_dagster_home(settings.dagster_home))
    with dg.DagsterInstance.get() as instance:
        yield instance
