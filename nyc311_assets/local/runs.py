"""Runs and their tasks: what state they are in, and how the Jobs API tells it."""

from __future__ import annotations

import asyncio
import secrets
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path
from typing import Any

from nyc311_assets.local.output import Failure
from nyc311_assets.local.tasks import RunSpecification, TaskSpecification

_CREATOR = "local"


class LifeCycle(Enum):
    """`life_cycle_state` of the Jobs API."""

    BLOCKED = "BLOCKED"
    PENDING = "PENDING"
    RUNNING = "RUNNING"
    TERMINATING = "TERMINATING"
    TERMINATED = "TERMINATED"
    INTERNAL_ERROR = "INTERNAL_ERROR"

    @property
    def ended(self) -> bool:
        """Whether nothing happens after it."""
        return self in {LifeCycle.TERMINATED, LifeCycle.INTERNAL_ERROR}


@dataclass(frozen=True)
class Outcome:
    """How a task or a run ended.

    Attributes:
        result: `result_state`.
        code: `termination_details.code`.
        kind: `termination_details.type`.
        message: What happened, and what to do.
        internal: Whether it ended as INTERNAL_ERROR: not by its own doing.
        failure: The error and the traceback of a script that failed.
    """

    result: str
    code: str
    kind: str
    message: str
    internal: bool = False
    failure: Failure | None = None

    @property
    def life_cycle(self) -> LifeCycle:
        """State of what has ended so."""
        return LifeCycle.INTERNAL_ERROR if self.internal else LifeCycle.TERMINATED


SUCCESS = Outcome("SUCCESS", "SUCCESS", "SUCCESS", "")


def failed(code: str, kind: str, message: str) -> Outcome:
    """Return the outcome of what could not run, or was cut off by the platform."""
    return Outcome("FAILED", code, kind, message, internal=True, failure=Failure(message, ""))


class Stop(Enum):
    """Why a task is made to end."""

    CANCELED = "CANCELED"
    TIMEDOUT = "TIMEDOUT"


@dataclass
class TaskRun:
    """One task of a run.

    Times are in milliseconds since 1970, as the Jobs API has them.
    """

    run_id: int
    specification: TaskSpecification
    folder: Path
    created_at: int
    life_cycle: LifeCycle = LifeCycle.PENDING
    setup_at: int | None = None
    executed_at: int | None = None
    cleanup_at: int | None = None
    ended_at: int | None = None
    outcome: Outcome | None = None
    stop: asyncio.Future[Stop] = field(
        default_factory=lambda: asyncio.get_running_loop().create_future()
    )
    done: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def stdout(self) -> Path:
        """File of its standard output."""
        return self.folder / "stdout.log"

    @property
    def stderr(self) -> Path:
        """File of its standard error."""
        return self.folder / "stderr.log"

    def request_stop(self, reason: Stop) -> None:
        """Make it end; the first reason counts."""
        if not self.stop.done():
            self.stop.set_result(reason)

    def end(self, outcome: Outcome) -> None:
        """Note how and when it ended."""
        self.outcome = outcome
        self.ended_at = now_milliseconds()
        self.life_cycle = outcome.life_cycle

    def durations(self) -> dict[str, int]:
        """Return the phases' lengths in milliseconds; a phase under way counts until now."""
        end = self.ended_at or now_milliseconds()
        setup = self.setup_at or end
        executed = self.executed_at or self.cleanup_at or end
        cleanup = self.cleanup_at or end
        return {
            "queue_duration": setup - self.created_at,
            "setup_duration": executed - setup,
            "execution_duration": cleanup - executed,
            "cleanup_duration": end - cleanup,
        }


@dataclass
class JobRun:
    """A submitted run.

    Attributes:
        page_url: Where a person sees it; holds a key, so that the workspace's token stays secret.
    """

    run_id: int
    specification: RunSpecification
    tasks: tuple[TaskRun, ...]
    created_at: int
    page_url: str
    page_key: str = field(default_factory=lambda: secrets.token_urlsafe(12), repr=False)

    @property
    def life_cycle(self) -> LifeCycle:
        """State of the run, from those of its tasks."""
        outcome = self.outcome
        if outcome is not None:
            return outcome.life_cycle
        states = {task.life_cycle for task in self.tasks}
        for state in (LifeCycle.RUNNING, LifeCycle.TERMINATING):
            if state in states:
                return state
        started = any(task.life_cycle.ended for task in self.tasks)
        return LifeCycle.RUNNING if started else LifeCycle.PENDING

    @property
    def outcome(self) -> Outcome | None:
        """How it ended, or None while a task has not: the first failure that was not a follow-up."""
        outcomes = [task.outcome for task in self.tasks if task.outcome is not None]
        if len(outcomes) < len(self.tasks):
            return None
        unsuccessful = [outcome for outcome in outcomes if outcome.result != "SUCCESS"]
        causes = [outcome for outcome in unsuccessful if not outcome.result.startswith("UPSTREAM_")]
        return next(iter(causes + unsuccessful), SUCCESS)

    @property
    def ended_at(self) -> int | None:
        """When its last task ended."""
        if self.outcome is None:
            return None
        return max(task.ended_at or 0 for task in self.tasks)


class RunRegistry:
    """The runs that this server knows: all that are active, and the newest of the others."""

    def __init__(self, folder: Path, keep: int) -> None:
        """Create a registry.

        Args:
            folder: Where each task run has its folder.
            keep: How many ended task runs are kept, here and on disk.
        """
        self.folder = folder
        self.keep = keep
        self._runs: dict[int, JobRun] = {}
        self._tokens: dict[str, int] = {}
        # Ids stay unique when the server starts again, and within what JavaScript holds exactly.
        self._last_id = now_milliseconds() * 1000

    def next_id(self) -> int:
        """Return an id that no run has had."""
        self._last_id += 1
        return self._last_id

    def add(self, run: JobRun) -> None:
        """Take in a run, and remember its idempotency token."""
        self._runs[run.run_id] = run
        token = run.specification.idempotency_token
        if token is not None:
            self._tokens[token] = run.run_id

    def with_token(self, token: str | None) -> JobRun | None:
        """Return the run that was submitted with an idempotency token."""
        return self._runs.get(self._tokens.get(token, 0)) if token is not None else None

    def get(self, run_id: int) -> JobRun | None:
        """Return a run."""
        return self._runs.get(run_id)

    def task(self, run_id: int) -> tuple[JobRun, TaskRun] | None:
        """Return a task by its own run id, with the run it belongs to."""
        for run in self:
            for task in run.tasks:
                if task.run_id == run_id:
                    return run, task
        return None

    def active(self) -> list[JobRun]:
        """Return the runs that have not ended."""
        return [run for run in self if not run.life_cycle.ended]

    def __iter__(self) -> Iterator[JobRun]:
        """Go through all runs, newest first."""
        return iter(sorted(self._runs.values(), key=lambda run: -run.run_id))

    def forget_old(self) -> list[Path]:
        """Forget the oldest ended runs beyond `keep`.

        Returns:
            The folders on disk that nothing refers to any more.
        """
        ended = [run for run in self if run.life_cycle.ended]
        for run in ended[self.keep :]:
            del self._runs[run.run_id]
            token = run.specification.idempotency_token
            if token is not None:
                self._tokens.pop(token, None)
        known = {task.folder for run in self for task in run.tasks}
        on_disk = sorted(self.folder.iterdir(), key=lambda folder: folder.name, reverse=True)
        return [folder for folder in on_disk[self.keep :] if folder not in known]


def now_milliseconds() -> int:
    """Return the time, as the Jobs API tells it."""
    return int(time.time() * 1000)


def run_payload(run: JobRun, *, with_tasks: bool) -> dict[str, Any]:
    """Return a run as `runs/get` and `runs/list` tell it."""
    payload: dict[str, Any] = {
        "job_id": run.run_id,
        "run_id": run.run_id,
        "number_in_job": run.run_id,
        "creator_user_name": _CREATOR,
        "run_name": run.specification.name,
        "run_page_url": run.page_url,
        "run_type": "SUBMIT_RUN",
        "format": "MULTI_TASK",
        "start_time": run.created_at,
        "end_time": run.ended_at or 0,
        "run_duration": (run.ended_at or now_milliseconds()) - run.created_at,
        **_run_durations(run),
        **_state_payload(run.life_cycle, run.outcome),
    }
    if with_tasks:
        payload["tasks"] = [_task_payload(run, task) for task in run.tasks]
    return payload


def task_run_payload(run: JobRun, task: TaskRun) -> dict[str, Any]:
    """Return a task's own run, as `runs/get` and `runs/get-output` tell it."""
    return {
        "job_id": run.run_id,
        "job_run_id": run.run_id,
        "creator_user_name": _CREATOR,
        "run_name": run.specification.name,
        "run_type": "SUBMIT_RUN",
        **_task_payload(run, task),
    }


def _run_durations(run: JobRun) -> dict[str, int]:
    """Return the only task's phases; those of several tasks overlap and are told by each."""
    if len(run.tasks) == 1:
        return run.tasks[0].durations()
    return dict.fromkeys(
        ("queue_duration", "setup_duration", "execution_duration", "cleanup_duration"), 0
    )


def _task_payload(run: JobRun, task: TaskRun) -> dict[str, Any]:
    return {
        **task.specification.request,
        "run_id": task.run_id,
        "attempt_number": 0,
        "run_page_url": run.page_url,
        "start_time": task.created_at,
        "end_time": task.ended_at or 0,
        **task.durations(),
        **_state_payload(task.life_cycle, task.outcome),
    }


def _state_payload(life_cycle: LifeCycle, outcome: Outcome | None) -> dict[str, Any]:
    """Return `state`, and `status`, which tells the same in the words of Jobs API 2.2."""
    state: dict[str, Any] = {
        "life_cycle_state": life_cycle.value,
        "state_message": outcome.message if outcome else "",
        "user_cancelled_or_timedout": outcome is not None
        and outcome.result in {"CANCELED", "TIMEDOUT"},
    }
    status: dict[str, Any] = {"state": "TERMINATED" if outcome else life_cycle.value}
    if outcome is not None:
        state["result_state"] = outcome.result
        status["termination_details"] = {
            "code": outcome.code,
            "type": outcome.kind,
            "message": outcome.message,
        }
    return {"state": state, "status": status}
