"""PipesDatabricksClient, hardened: what it loses, swallows or waits for too long, mended.

Each point is pinned by a test that will tell when upstream has mended it:
nyc311_assets_tests/resources/test_upstream_contract.py.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any

import dagster as dg
from dagster._core.errors import DagsterExecutionInterruptedError
from dagster_databricks import PipesDatabricksClient
from databricks.sdk import WorkspaceClient
from databricks.sdk.service import jobs

from nyc311_assets.resources.compute_errors import remedy_of
from nyc311_assets.resources.messages import MessagesUnreadable, VolumeMessageReader
from nyc311_assets.resources.redaction import Redactor
from nyc311_assets.resources.remote_run import DeadlinePassed, RemoteRun
from nyc311_assets.resources.run_times import run_seconds
from nyc311_assets.resources.volume import Volume, VolumeContextInjector
from nyc311_assets.resources.workspace_errors import WorkspaceError, WorkspaceUnreachable

Context = dg.OpExecutionContext | dg.AssetExecutionContext


class StepInvocation(dg.PipesClientCompletedInvocation):
    """What a run that ended well reported."""

    def with_metadata(self, more: Mapping[str, dg.MetadataValue]) -> StepInvocation:
        """The same, with more metadata on all its results."""
        return StepInvocation(self._session, metadata={**self.metadata, **more})


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
        deadline_slack_seconds: float = 60.0,
        secrets: Sequence[str] = (),
    ) -> None:
        """Create a client.

        Args:
            client: The workspace.
            volume_path: The Volume for context and messages.
            poll_interval_seconds: Time between looks at the run and at its messages.
            grace_seconds: How long the last message may take to show after the run has ended.
            timeout_seconds: The workspace is to stop the run after this long.
            deadline_slack_seconds: How much later the run is cancelled from here if it has not.
            secrets: What is blacked out in messages and failures; the workspace's token always is.
        """
        super().__init__(client=client, poll_interval_seconds=poll_interval_seconds)
        self.volume_path = volume_path
        self.grace_seconds = grace_seconds
        self.timeout_seconds = timeout_seconds
        self.deadline_slack_seconds = deadline_slack_seconds
        self.redact = Redactor([*secrets, client.config.token, client.config.client_secret])
        self._remote: RemoteRun | None = None

    @property
    def latest_run(self) -> jobs.Run | None:
        """The remote run of the newest call, as it was last seen; None before that."""
        return self._remote.latest if self._remote else None

    def run(  # type: ignore[override] # as upstream: a client's run names its own arguments
        self,
        *,
        context: Context,
        extras: Mapping[str, Any] | None = None,
        task: jobs.SubmitTask,
        submit_args: Mapping[str, Any] | None = None,
    ) -> StepInvocation:
        """Submit a task, stream its messages, and wait for its end.

        Whatever ends the step before the run ends cancels the run. Read the results with
        `implicit_materializations=False`.

        Raises:
            dg.Failure: The workspace refused or was lost, the run did not succeed or not in time,
                or its report is missing.
            DagsterExecutionInterruptedError: The step was cancelled; the remote run is, too.
        """
        # Pipes itself calls what an asset's context has deprecated and an op's has not.
        context = op_context(context)
        volume = Volume(self.client, self.volume_path, context.log)
        # A reader is good for one call: it remembers how far it has read.
        reader = VolumeMessageReader(
            volume,
            interval_seconds=self.poll_interval_seconds,
            grace_seconds=self.grace_seconds,
            redact=self.redact,
        )
        remote: RemoteRun | None = None
        self._remote = None
        try:
            with dg.open_pipes_session(
                context=context,
                extras=extras,
                context_injector=VolumeContextInjector(volume),
                message_reader=reader,
            ) as session:
                remote = RemoteRun(
                    self.client,
                    context.log,
                    request={
                        **(submit_args or {}),
                        "tasks": [_with_bootstrap(task, session)],
                        "run_name": f"{context.job_name}/{task.task_key}/{context.run_id[:8]}",
                        "idempotency_token": attempt_token(context),
                        "timeout_seconds": self.timeout_seconds,
                    },
                    poll_interval_seconds=self.poll_interval_seconds,
                )
                self._remote = remote
                run = self._run_to_end(remote, reader)
        except DeadlinePassed as error:
            raise self._failure(
                f"{error} It was cancelled. If it needs more time, raise "
                "NYC311_STEP_TIMEOUT_SECONDS; if it hangs, look at its output.",
                remote,
            ) from error
        except (WorkspaceError, MessagesUnreadable) as error:
            raise self._failure(
                _what_became_of(remote) + str(error),
                remote,
                allow_retries=not isinstance(error, WorkspaceError) or error.worth_retrying,
            ) from error
        if run.state is None or run.state.result_state is not jobs.RunResultState.SUCCESS:
            raise self._unsuccessful(remote, run, reader.job_traceback)
        if reader.job_traceback is not None:
            raise self._failure(
                f"{remote} ended as SUCCESS although its job raised: it must not swallow its "
                f"exception, or end with exit code 0 after one.\n\n{reader.job_traceback}",
                remote,
            )
        if not session.message_handler.received_closed_message:
            raise self._failure(
                f"{remote} ended as SUCCESS but its final report never came: the job was killed, "
                "or left Pipes without closing it. Its results are not trusted. Look at its output, "
                "and run the step again.",
                remote,
            )
        if context.has_assets_def and not session.get_results(implicit_materializations=False):
            raise self._failure(
                f"{remote} ended as SUCCESS and reported nothing: a job must report what it has "
                "materialized, by report_asset_materialization.",
                remote,
            )
        return StepInvocation(session, metadata=_run_metadata(run))

    def _run_to_end(self, remote: RemoteRun, reader: VolumeMessageReader) -> jobs.Run:
        try:
            remote.submit()
            return remote.wait(
                self.timeout_seconds + self.deadline_slack_seconds, reader.raise_if_unreadable
            )
        except WorkspaceUnreachable:
            # Who does not answer cannot be told to cancel; the run's own timeout will end it.
            raise
        except (DagsterExecutionInterruptedError, KeyboardInterrupt):
            if not remote.has_ended:
                remote.cancel()
            raise
        except BaseException:
            if remote.is_submitted and not remote.has_ended:
                remote.cancel()
            raise

    def _unsuccessful(
        self, remote: RemoteRun, run: jobs.Run, job_traceback: str | None
    ) -> dg.Failure:
        state = run.state or jobs.RunState()
        ended_as = state.result_state or state.life_cycle_state
        if state.result_state is jobs.RunResultState.TIMEDOUT:
            what = (
                f"was stopped after its {self.timeout_seconds} s. If it needs more time, raise "
                "NYC311_STEP_TIMEOUT_SECONDS; if it hangs, look at its output"
            )
        else:
            what = f"ended as {ended_as.value if ended_as else 'unknown'}"
        output = remote.output()
        if job_traceback and "Traceback" not in output:
            output = "\n".join(part for part in (job_traceback, output) if part)
        output = self.redact(output) or "(the run left no output)"
        said = state.state_message or "no message"
        remedy = remedy_of(f"{said}\n{output}")
        if remedy:
            said = f"{said}\n{remedy}"
        return self._failure(
            f"{remote} {what}: {said}\n\n{output}",
            remote,
            {"remote_traceback": dg.MetadataValue.text(output)},
        )

    def _failure(
        self,
        description: str,
        remote: RemoteRun | None,
        metadata: Mapping[str, dg.MetadataValue] | None = None,
        *,
        allow_retries: bool = True,
    ) -> dg.Failure:
        run = remote.latest if remote else None
        return dg.Failure(
            self.redact(description),
            metadata={
                "databricks_host": self.client.config.host or "",
                **(_run_metadata(run) if run else {}),
                **(metadata or {}),
            },
            allow_retries=allow_retries,
        )


def _what_became_of(remote: RemoteRun | None) -> str:
    if remote is None or not remote.is_submitted:
        return "Nothing was started. "
    if remote.has_ended:
        return f"{remote} has ended, but its report did not arrive. "
    return (
        f"{remote} was under way, and whether it still runs is unknown: before the step is run "
        "again, see that it has ended. "
    )


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


def op_context(context: Context) -> dg.OpExecutionContext:
    """The context of a step's op, whose run_id and retry_number an asset's context deprecates."""
    if isinstance(context, dg.AssetExecutionContext):
        return context.op_execution_context
    return context


def attempt_token(context: Context) -> str:
    """One token per attempt, so that a submit that is sent twice runs once."""
    context = op_context(context)
    attempt = f"{context.run_id}/{context.op_handle}/{context.retry_number}"
    return hashlib.sha256(attempt.encode()).hexdigest()


def _run_metadata(run: jobs.Run) -> dict[str, dg.MetadataValue]:
    seconds = run_seconds(run)
    return {
        "databricks_run_id": dg.MetadataValue.text(str(run.run_id)),
        "databricks_run_url": dg.MetadataValue.url(run.run_page_url or ""),
        "queue_seconds": dg.MetadataValue.float(seconds.queue),
        "setup_seconds": dg.MetadataValue.float(seconds.setup),
        "execution_seconds": dg.MetadataValue.float(seconds.execution),
    }
