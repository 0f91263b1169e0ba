"""One run in the workspace: submitted, waited for, cancelled, and what it left."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping
from typing import Any

from dagster._utils.interrupts import capture_interrupts
from databricks.sdk import WorkspaceClient
from databricks.sdk.service import jobs

from nyc311_assets.resources.workspace_errors import WorkspaceError, workspace_calls

_ENDED = frozenset(
    {
        jobs.RunLifeCycleState.TERMINATED,
        jobs.RunLifeCycleState.SKIPPED,
        jobs.RunLifeCycleState.INTERNAL_ERROR,
    }
)
_CANCEL_WAIT_SECONDS = 120.0
_OUTPUT_LIMIT = 20_000


class DeadlinePassed(RuntimeError):
    """A run has not ended in time."""


class RemoteRun:
    """A run of one task.

    Attributes:
        latest: The run as it was last seen, or None before that.
    """

    def __init__(
        self,
        client: WorkspaceClient,
        log: logging.Logger,
        *,
        request: Mapping[str, Any],
        poll_interval_seconds: float,
    ) -> None:
        """Describe a run; `submit` starts it.

        Args:
            client: The workspace.
            log: Where it says what becomes of the run.
            request: Arguments of jobs.submit. Its idempotency token makes all submissions of this
                object one run.
            poll_interval_seconds: Time between looks.
        """
        self._client = client
        self._host = client.config.host or ""
        self._log = log
        self._request = request
        self._poll_interval_seconds = poll_interval_seconds
        self._run_id: int | None = None
        self.latest: jobs.Run | None = None

    @property
    def is_submitted(self) -> bool:
        """Whether the workspace has confirmed the submission."""
        return self._run_id is not None

    @property
    def has_ended(self) -> bool:
        """Whether it was seen to have ended."""
        state = self.latest.state if self.latest else None
        return state is not None and state.life_cycle_state in _ENDED

    def __str__(self) -> str:
        address = f" ({self.latest.run_page_url})" if self.latest else ""
        return f"Databricks run {self._run_id}{address}"

    def submit(self) -> None:
        """Start it; once it has been started, do nothing.

        Raises:
            WorkspaceError: The workspace refused or did not answer.
        """
        with workspace_calls(self._host):
            self._run_id = int(self._client.jobs.submit(**self._request).bind()["run_id"])

    def wait(self, timeout_seconds: float, look_after: Callable[[], None]) -> jobs.Run:
        """Wait until it has ended.

        Args:
            timeout_seconds: How long to wait.
            look_after: Called at each look; whatever it raises ends the wait.

        Returns:
            The run, with its result.

        Raises:
            DeadlinePassed: It has not ended in time.
            WorkspaceError: The workspace refused or did not answer.
        """
        deadline = time.monotonic() + timeout_seconds
        seen: jobs.RunLifeCycleState | None = None
        while True:
            run = self._look()
            state = run.state.life_cycle_state if run.state else None
            if state != seen:
                self._log.info(f"{self} is {state.value if state else 'in an unknown state'}.")
                seen = state
            if state in _ENDED:
                return run
            look_after()
            if time.monotonic() >= deadline:
                raise DeadlinePassed(
                    f"{self} was still {state.value if state else 'in an unknown state'} after "
                    f"{timeout_seconds:g} s."
                )
            time.sleep(self._poll_interval_seconds)

    def cancel(self) -> None:
        """Cancel it, and wait until it has ended.

        This is for a step that is ending by an exception, which must not be hidden: trouble is
        logged, not raised. Interruptions have to wait meanwhile; the step is ending anyway.
        """
        with capture_interrupts():
            try:
                # An interruption may have hidden the answer to a submission. The same token brings
                # back the run that it started, or starts one that is cancelled at once.
                if self._run_id is None:
                    self.submit()
                self._log.info(f"Cancelling {self}.")
                with workspace_calls(self._host):
                    self._client.jobs.cancel_run(self._run_id or 0)
                self._await_cancelled()
            except WorkspaceError as error:
                self._log.error(f"{self} could not be cancelled and may still be running. {error}")

    def output(self) -> str:
        """Return what its tasks left: error and traceback, or else the end of their logs."""
        texts = []
        for task in (self.latest.tasks if self.latest else None) or []:
            if task.run_id is None:
                continue
            try:
                with workspace_calls(self._host):
                    output = self._client.jobs.get_run_output(task.run_id)
            except WorkspaceError as error:
                texts.append(f"(the output of task {task.task_key} could not be read: {error})")
                continue
            texts += [text for text in (output.error, output.error_trace) if text]
            if not output.error_trace and output.logs:
                texts.append(output.logs)
        return "\n".join(texts)[-_OUTPUT_LIMIT:]

    def _look(self) -> jobs.Run:
        with workspace_calls(self._host):
            self.latest = self._client.jobs.get_run(self._run_id or 0)
        return self.latest

    def _await_cancelled(self) -> None:
        deadline = time.monotonic() + _CANCEL_WAIT_SECONDS
        while time.monotonic() < deadline:
            self._look()
            if self.has_ended:
                self._log.info(f"{self} has ended.")
                return
            time.sleep(self._poll_interval_seconds)
        self._log.error(
            f"{self} was cancelled {_CANCEL_WAIT_SECONDS:g} s ago and has not ended: look at it, it "
            "may still cost money and write."
        )
