"""Takes in runs, orders their tasks, stops them, and clears away what is old."""

from __future__ import annotations

import asyncio
import json
import shutil
from pathlib import Path

from nyc311_assets.local.execution import Executor
from nyc311_assets.local.runs import (
    JobRun,
    LifeCycle,
    Outcome,
    RunRegistry,
    Stop,
    TaskRun,
    now_milliseconds,
    run_payload,
)
from nyc311_assets.local.tasks import RunSpecification


class RunManager:
    """Everything that is submitted to this workspace.

    Attributes:
        registry: The runs it knows.
    """

    def __init__(self, executor: Executor, folder: Path, keep: int) -> None:
        """Create a manager.

        Args:
            executor: Runs the tasks.
            folder: Where logs are kept.
            keep: How many ended runs are kept.
        """
        folder.mkdir(parents=True, exist_ok=True)
        self.registry = RunRegistry(folder, keep)
        self._executor = executor
        self._under_way: set[asyncio.Task[None]] = set()

    def submit(self, specification: RunSpecification, host: str) -> JobRun:
        """Start a run, or return the one that was submitted with the same token."""
        same = self.registry.with_token(specification.idempotency_token)
        if same is not None:
            return same
        run_id = self.registry.next_id()
        created_at = now_milliseconds()
        tasks = []
        for task in specification.tasks:
            task_run_id = self.registry.next_id()
            folder = self.registry.folder / str(task_run_id)
            folder.mkdir()
            tasks.append(TaskRun(task_run_id, task, folder, created_at))
        run = JobRun(run_id, specification, tuple(tasks), created_at, page_url="")
        run.page_url = f"{host}/runs/{run_id}?key={run.page_key}"
        self.registry.add(run)
        driver = asyncio.create_task(self._drive(run))
        self._under_way.add(driver)
        driver.add_done_callback(self._under_way.discard)
        return run

    def cancel(self, run: JobRun) -> None:
        """Make a run end; nothing happens if it has ended."""
        for task in run.tasks:
            task.request_stop(Stop.CANCELED)

    async def close(self) -> None:
        """Cancel all runs, and wait until nothing of them is left."""
        for run in self.registry.active():
            self.cancel(run)
        if self._under_way:
            await asyncio.wait(self._under_way)

    async def _drive(self, run: JobRun) -> None:
        seconds = run.specification.timeout_seconds
        timer = seconds and asyncio.get_running_loop().call_later(
            seconds, self._time_out, run.tasks
        )
        try:
            await asyncio.gather(*(self._drive_task(run, task) for task in run.tasks))
        finally:
            if timer:
                timer.cancel()
            await asyncio.to_thread(self._file_away, run)

    async def _drive_task(self, run: JobRun, task: TaskRun) -> None:
        upstream = [
            other for other in run.tasks if other.specification.key in task.specification.depends_on
        ]
        if upstream:
            task.life_cycle = LifeCycle.BLOCKED
            await asyncio.gather(*(other.done.wait() for other in upstream))
            task.life_cycle = LifeCycle.PENDING
        seconds = task.specification.timeout_seconds
        timer = seconds and asyncio.get_running_loop().call_later(seconds, self._time_out, (task,))
        try:
            bad = [
                other for other in upstream if other.outcome and other.outcome.result != "SUCCESS"
            ]
            if bad:
                task.end(_not_reached(bad[0]))
            else:
                await self._executor.run(task)
        finally:
            task.done.set()
            if timer:
                timer.cancel()

    def _time_out(self, tasks: tuple[TaskRun, ...]) -> None:
        for task in tasks:
            task.request_stop(Stop.TIMEDOUT)

    def _file_away(self, run: JobRun) -> None:
        """Write the run's end beside its logs, and clear away old runs."""
        text = json.dumps(run_payload(run, with_tasks=True), indent=2)
        for task in run.tasks:
            (task.folder / "run.json").write_text(text)
        for folder in self.registry.forget_old():
            shutil.rmtree(folder, ignore_errors=True)


def _not_reached(upstream: TaskRun) -> Outcome:
    key = upstream.specification.key
    canceled = upstream.outcome is not None and upstream.outcome.result.endswith("CANCELED")
    result = "UPSTREAM_CANCELED" if canceled else "UPSTREAM_FAILED"
    return Outcome(
        result, "SKIPPED", "CLIENT_ERROR", f"Not run, because task {key} did not succeed."
    )
