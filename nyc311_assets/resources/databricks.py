"""PipesDatabricksClient, hardened: what it loses, swallows or waits for too long, mended.

Each point is pinned by a test that will tell when upstream has mended it:
nyc311_assets_tests/resources/test_upstream_contract.py.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Mapping
from typing import Any

import dagster as dg
from dagster._core.errors import DagsterExecutionInterruptedError
from dagster_databricks import PipesDatabricksClient
from dagster_databricks.pipes import PipesUnityCatalogVolumesContextInjector
from databricks.sdk import WorkspaceClient
from databricks.sdk.errors.base import DatabricksError
from databricks.sdk.service import jobs

from nyc311_assets.resources.messages import VolumeMessageReader

_ENDED = frozenset(
    {
        jobs.RunLifeCycleState.TERMINATED,
        jobs.RunLifeCycleState.SKIPPED,
        jobs.RunLifeCycleState.INTERNAL_ERROR,
    }
)
_CANCEL_WAIT_SECONDS = 120.0
_TRACEBACK_LIMIT = 20_000


class HardenedPipesDatabricksClient(PipesDatabricksClient):
    """Runs one task and either returns its whole report or raises."""

    def __init__(
        self,
        client: WorkspaceClient,
        *,
        volume_path: str,
        poll_interval_seconds: float,
        grace_seconds: float,
        timeout_seconds: int,
    ) -> None:
        """Create a client.

        Args:
            client: The workspace.
            volume_path: The Volume for context and messages.
            poll_interval_seconds: Time between looks at the run and at its messages.
            grace_seconds: How long the last message may take to show after the run has ended.
            timeout_seconds: The run is stopped after this long.
        """
        super().__init__(client=client, poll_interval_seconds=poll_interval_seconds)
        self.volume_path = volume_path
        self.grace_seconds = grace_seconds
        self.timeout_seconds = timeout_seconds

    def run(  # type: ignore[override] # as upstream: a client's run names its own arguments
        self,
        *,
        context: dg.OpExecutionContext | dg.AssetExecutionContext,
        extras: Mapping[str, Any] | None = None,
        task: jobs.SubmitTask,
        submit_args: Mapping[str, Any] | None = None,
    ) -> dg.PipesClientCompletedInvocation:
        """Submit a task, stream its messages, and wait for its end.

        Read the results with `implicit_materializations=False`.

        Raises:
            dg.Failure: The workspace refused, the run did not succeed, or its report is missing.
            DagsterExecutionInterruptedError: The step was cancelled; the remote run is, too.
        """
        # A reader is good for one call: it remembers how far it has read.
        reader = VolumeMessageReader(
            self.client.files,
            self.volume_path,
            interval_seconds=self.poll_interval_seconds,
            grace_seconds=self.grace_seconds,
        )
        injector = PipesUnityCatalogVolumesContextInjector(
            client=self.client, volume_path=self.volume_path
        )
        try:
            with dg.open_pipes_session(
                context=context, extras=extras, context_injector=injector, message_reader=reader
            ) as session:
                run = self._run_to_end(
                    context, _with_bootstrap(task, session), submit_args=submit_args or {}
                )
        except DatabricksError as error:
            raise self._refused(error) from error
        metadata = _run_metadata(run)
        if run.state is None or run.state.result_state != jobs.RunResultState.SUCCESS:
            raise self._failed(run, metadata)
        if not session.message_handler.received_closed_message:
            raise dg.Failure(
                f"Databricks run {run.run_id} ended as SUCCESS but its final report never came: "
                "the job was killed, or left Pipes without closing it. Its results are not "
                f"trusted. Look at {run.run_page_url} and run the step again.",
                metadata=metadata,
            )
        return dg.PipesClientCompletedInvocation(session, metadata=metadata)

    def _run_to_end(
        self,
        context: dg.OpExecutionContext | dg.AssetExecutionContext,
        task: jobs.SubmitTask,
        submit_args: Mapping[str, Any],
    ) -> jobs.Run:
        submitted = self.client.jobs.submit(
            tasks=[task],
            run_name=f"{context.job_name}/{task.task_key}/{context.run_id[:8]}",
            idempotency_token=_attempt_token(context),
            timeout_seconds=self.timeout_seconds,
            **submit_args,
        )
        run_id = int(submitted.bind()["run_id"])
        try:
            return self._wait(context, run_id)
        except (DagsterExecutionInterruptedError, KeyboardInterrupt):
            context.log.info(f"Interrupted: cancelling Databricks run {run_id}.")
            self._cancel(run_id)
            raise

    def _wait(
        self, context: dg.OpExecutionContext | dg.AssetExecutionContext, run_id: int
    ) -> jobs.Run:
        seen: jobs.RunLifeCycleState | None = None
        while True:
            run = self.client.jobs.get_run(run_id)
            state = run.state.life_cycle_state if run.state else None
            if state != seen:
                context.log.info(
                    f"Databricks run {run_id} is {state.value if state else 'unknown'}: "
                    f"{run.run_page_url}"
                )
                seen = state
            if state in _ENDED:
                return run
            time.sleep(self.poll_interval_seconds)

    def _cancel(self, run_id: int) -> None:
        self.client.jobs.cancel_run(run_id)
        deadline = time.monotonic() + _CANCEL_WAIT_SECONDS
        while time.monotonic() < deadline:
            state = self.client.jobs.get_run(run_id).state
            if state is not None and state.life_cycle_state in _ENDED:
                return
            time.sleep(self.poll_interval_seconds)

    def _refused(self, error: DatabricksError) -> dg.Failure:
        host = self.client.config.host
        return dg.Failure(
            f"The workspace {host} refused or was lost: {error}. Nothing is known to have been "
            "written. Check DATABRICKS_HOST and DATABRICKS_TOKEN (for the embedded workspace: "
            "`nyc311 local status`), then run the step again.",
            metadata={"databricks_host": host or "", "error_code": error.error_code or ""},
        )

    def _failed(self, run: jobs.Run, metadata: Mapping[str, dg.MetadataValue]) -> dg.Failure:
        state = run.state or jobs.RunState()
        ended_as = state.result_state or state.life_cycle_state
        result = ended_as.value if ended_as else "unknown state"
        message = state.state_message or "no message"
        trace = self._remote_traceback(run)
        return dg.Failure(
            f"Databricks run {run.run_id} ended as {result}: {message}\n{run.run_page_url}\n\n{trace}",
            metadata={**metadata, "remote_traceback": dg.MetadataValue.text(trace)},
        )

    def _remote_traceback(self, run: jobs.Run) -> str:
        texts = []
        for task in run.tasks or []:
            if task.run_id is None:
                continue
            try:
                output = self.client.jobs.get_run_output(task.run_id)
            except DatabricksError as error:
                texts.append(f"(the output of task {task.task_key} could not be read: {error})")
                continue
            texts += [text for text in (output.error, output.error_trace) if text]
            if not output.error_trace and output.logs:
                texts.append(output.logs)
        return "\n".join(texts)[-_TRACEBACK_LIMIT:] or "(the run left no output)"


def _with_bootstrap(task: jobs.SubmitTask, session: dg.PipesSession) -> jobs.SubmitTask:
    """Hand over Pipes' parameters: in a new cluster's environment, else on the command line.

    Upstream's own way knows no serverless task, and adds tags that a submit does not have.
    """
    fields = task.as_dict()
    if "new_cluster" in fields:
        cluster = fields["new_cluster"]
        cluster["spark_env_vars"] = {
            **cluster.get("spark_env_vars", {}),
            **session.get_bootstrap_env_vars(),
        }
    else:
        options = session.get_bootstrap_cli_arguments().items()
        script = fields["spark_python_task"]
        script["parameters"] = [
            *script.get("parameters", []),
            *(part for option in options for part in option),
        ]
    return jobs.SubmitTask.from_dict(fields)


def _attempt_token(context: dg.OpExecutionContext | dg.AssetExecutionContext) -> str:
    """One token per attempt, so that a submit that is sent twice runs once."""
    attempt = f"{context.run_id}/{context.op_handle}/{context.retry_number}"
    return hashlib.sha256(attempt.encode()).hexdigest()


def _run_metadata(run: jobs.Run) -> dict[str, dg.MetadataValue]:
    def seconds(milliseconds: int | None) -> dg.MetadataValue:
        return dg.MetadataValue.float((milliseconds or 0) / 1000)

    return {
        "databricks_run_id": dg.MetadataValue.text(str(run.run_id)),
        "databricks_run_url": dg.MetadataValue.url(run.run_page_url or ""),
        "queue_seconds": seconds(run.queue_duration),
        "setup_seconds": seconds(run.setup_duration),
        "execution_seconds": seconds(run.execution_duration),
    }
