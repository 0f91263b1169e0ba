"""Runs tasks: waits for Spark, starts the script, and sees to it that it ends in every case."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Awaitable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from urllib.parse import urlsplit

from nyc311_assets.local.cluster import Attachment, Cluster
from nyc311_assets.local.jars import JarsMissing
from nyc311_assets.local.java import JavaMissing
from nyc311_assets.local.output import describe_failure, read_tail
from nyc311_assets.local.processes import KeptProcess, ProcessNotStarted
from nyc311_assets.local.requirements import LibraryMissing, check_requirements
from nyc311_assets.local.runs import SUCCESS, LifeCycle, Outcome, Stop, TaskRun, failed
from nyc311_assets.local.runs import now_milliseconds as now
from nyc311_assets.local.secret_store import SecretMissing, SecretStore
from nyc311_assets.local.session_pool import Session
from nyc311_assets.local.spark import SparkNotStarted
from nyc311_assets.local.spark_remote import remote_parameters
from nyc311_assets.local.task_environment import task_environment
from nyc311_assets.local.tasks import TaskSpecification


class NotRunnable(RuntimeError):
    """A task cannot be started; the outcome says why."""

    def __init__(self, outcome: Outcome) -> None:
        super().__init__(outcome.message)
        self.outcome = outcome


@dataclass(frozen=True)
class Limits:
    """How patient the workspace is.

    Attributes:
        stop_grace_seconds: Between asking a task to end and killing it.
        kept_runs: How many ended runs are kept, with their logs.
    """

    stop_grace_seconds: float = 5.0
    kept_runs: int = 200


class Executor:
    """Runs one task at a time for each caller; any number may run side by side."""

    def __init__(
        self,
        cluster: Cluster,
        secrets: SecretStore,
        limits: Limits,
        *,
        environment: Mapping[str, str],
    ) -> None:
        """Create an executor.

        Args:
            cluster: Where the tasks' Spark is.
            secrets: What `spark_env_vars` may refer to.
            limits: How patient it is.
            environment: This process's own, of which tasks get a part.
        """
        self._cluster = cluster
        self._secrets = secrets
        self._limits = limits
        self._environment = environment

    async def run(self, task: TaskRun) -> None:
        """Run a task to its end, and note the outcome on it. Raises nothing but on a defect here."""
        try:
            outcome = await self._run(task)
        except NotRunnable as error:
            outcome = error.outcome
        except (asyncio.CancelledError, Exception) as error:
            task.end(failed("INTERNAL_ERROR", "INTERNAL_ERROR", f"The workspace failed: {error!r}"))
            raise
        task.end(outcome)

    async def _run(self, task: TaskRun) -> Outcome:
        task.setup_at = now()
        script = _script(task.specification)
        try:
            check_requirements(task.specification.requirements)
        except LibraryMissing as error:
            raise NotRunnable(
                failed("LIBRARY_INSTALLATION_ERROR", "CLIENT_ERROR", f"Libraries: {error}")
            ) from error
        attachment = await self._attach(task)
        if attachment is None:
            return _stopped(task)
        session = await asyncio.to_thread(attachment.sessions.take)
        process = await self._start(task, script, session.remote)
        task.executed_at = now()
        task.life_cycle = LifeCycle.RUNNING
        ended = asyncio.create_task(process.ended())
        lost = asyncio.create_task(attachment.lost.wait())
        try:
            await _first(ended, lost, task.stop)
            by_itself = ended.done()
            if not by_itself:
                task.life_cycle = LifeCycle.TERMINATING
                process.stop(self._limits.stop_grace_seconds)
            task.cleanup_at = now()
            succeeded = by_itself and ended.result() == 0
            warning = await self._leave_session(attachment, session, is_sound=succeeded)
            returncode = await ended
        finally:
            lost.cancel()
            process.stop(0)
        if succeeded:
            return replace(SUCCESS, message=warning)
        if task.stop.done() and not by_itself:
            return _stopped(task, warning)
        return await self._failure(task, attachment, returncode, warning)

    async def _attach(self, task: TaskRun) -> Attachment | None:
        """Wait for Spark; return None if the task is stopped first."""
        attaching = asyncio.create_task(self._cluster.attach())
        await _first(attaching, task.stop)
        if task.stop.done():
            # Spark's start goes on for others; if it fails, that is theirs to see.
            attaching.add_done_callback(lambda done: done.cancelled() or done.exception())
            return None
        try:
            return attaching.result()
        except (SparkNotStarted, JavaMissing, JarsMissing, ProcessNotStarted) as error:
            raise NotRunnable(
                failed("CLUSTER_ERROR", "CLOUD_FAILURE", f"The cluster did not start: {error}")
            ) from error

    async def _start(self, task: TaskRun, script: Path, remote: str) -> KeptProcess:
        specification = task.specification
        secrets = [remote_parameters(remote).get("token", "")]
        variables = {}
        for name, text in specification.environment_variables.items():
            try:
                variables[name], used = self._secrets.resolve(text)
            except SecretMissing as error:
                raise NotRunnable(
                    failed("INVALID_RUN_CONFIGURATION", "CLIENT_ERROR", f"{name}: {error}")
                ) from error
            secrets += used
        environment = task_environment(self._environment, variables=variables, spark_remote=remote)
        try:
            return await asyncio.to_thread(
                KeptProcess.start,
                [sys.executable, str(script), *specification.parameters],
                environment=environment,
                folder=task.folder,
                stdout=task.stdout,
                stderr=task.stderr,
                secrets=secrets,
            )
        except ProcessNotStarted as error:
            raise NotRunnable(failed("DRIVER_ERROR", "INTERNAL_ERROR", str(error))) from error

    async def _leave_session(
        self, attachment: Attachment, session: Session, *, is_sound: bool
    ) -> str:
        """End what the task left running in Spark; return what went wrong with that.

        Args:
            attachment: The Spark it ran on.
            session: Its session.
            is_sound: Whether the task succeeded. If not, Spark itself has to end if it does not
                confirm that the session has.
        """
        if attachment.lost.is_set():
            return ""
        try:
            await asyncio.to_thread(attachment.sessions.give_back, session, is_sound=is_sound)
        except RuntimeError as error:
            if attachment.lost.is_set():
                return ""
            if not is_sound and attachment.spark.is_owned:
                await self._cluster.discard(attachment)
                return f" The Spark server had to be stopped: {error}"
            return f" What it ran may still run: {error}"
        return ""

    async def _failure(
        self, task: TaskRun, attachment: Attachment, returncode: int, warning: str
    ) -> Outcome:
        if attachment.lost.is_set() or not await asyncio.to_thread(attachment.spark.alive):
            return failed(
                "CLUSTER_ERROR",
                "CLOUD_FAILURE",
                f"Cluster lost while the task ran: {attachment.spark.describe_end()} "
                "Run it again: that starts a new one.",
            )
        stderr = await asyncio.to_thread(read_tail, task.stderr)
        failure = describe_failure(returncode, stderr.text)
        return Outcome(
            "FAILED",
            "RUN_EXECUTION_ERROR",
            "CLIENT_ERROR",
            f"Task {task.specification.key} failed: {failure.error}{warning}",
            failure=failure,
        )


def _script(specification: TaskSpecification) -> Path:
    """Return the script's path.

    Raises:
        NotRunnable: There is no such file on this machine.
    """
    text = specification.python_file
    address = urlsplit(text)
    path = Path(address.path if address.scheme == "file" else text)
    if not path.is_absolute() or not path.is_file():
        raise NotRunnable(
            failed(
                "RESOURCE_NOT_FOUND",
                "CLIENT_ERROR",
                f"Cannot read the python file {text}: there is no such file on this machine. "
                "Give the absolute path of one that exists.",
            )
        )
    return path


def _stopped(task: TaskRun, warning: str = "") -> Outcome:
    if task.stop.result() is Stop.CANCELED:
        return Outcome("CANCELED", "USER_CANCELED", "CLIENT_ERROR", f"Run cancelled.{warning}")
    return Outcome("TIMEDOUT", "CANCELED", "CLIENT_ERROR", f"Run timed out.{warning}")


async def _first(*awaitables: Awaitable[object]) -> None:
    """Wait until one is done, and leave the others alone."""
    await asyncio.wait(map(asyncio.ensure_future, awaitables), return_when=asyncio.FIRST_COMPLETED)
