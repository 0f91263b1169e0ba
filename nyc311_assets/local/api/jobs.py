"""Jobs API 2.1 and 2.2: `runs/submit`, `get`, `get-output`, `cancel`, `list`."""

from __future__ import annotations

import asyncio
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from nyc311_assets.local.api.errors import invalid_parameter, json_object, only_fields
from nyc311_assets.local.cluster import CLUSTER_ID
from nyc311_assets.local.output import read_tail
from nyc311_assets.local.run_manager import RunManager
from nyc311_assets.local.runs import JobRun, TaskRun, run_payload, task_run_payload
from nyc311_assets.local.slow_imports import submission_reader

_LIST_LIMIT = 25
_LIST_DEFAULT = 20
_LATEST = 2**63


class JobsApi:
    """Serves the runs of a manager."""

    def __init__(self, manager: RunManager, host: str) -> None:
        """Create the endpoints.

        Args:
            manager: Takes in the runs.
            host: Address of this server, for links to run pages.
        """
        self._manager = manager
        self._host = host

    def routes(self) -> list[Route]:
        """Return the endpoints."""
        endpoints = {
            "submit": (self._submit, "POST"),
            "get": (self._get, "GET"),
            "get-output": (self._get_output, "GET"),
            "cancel": (self._cancel, "POST"),
            "list": (self._list, "GET"),
        }
        return [
            Route(f"/api/{version}/jobs/runs/{name}", endpoint, methods=[method])
            for version in ("2.1", "2.2")
            for name, (endpoint, method) in endpoints.items()
        ]

    async def _submit(self, request: Request) -> Response:
        body = await json_object(request)
        read_submission = await asyncio.to_thread(submission_reader)
        run = self._manager.submit(read_submission(body, CLUSTER_ID), self._host)
        return JSONResponse({"run_id": run.run_id})

    async def _get(self, request: Request) -> Response:
        run_id = _number("run_id", request.query_params.get("run_id"))
        run = self._manager.registry.get(run_id)
        if run is not None:
            return JSONResponse(run_payload(run, with_tasks=True))
        run, task = self._task(run_id)
        return JSONResponse(task_run_payload(run, task))

    async def _get_output(self, request: Request) -> Response:
        run_id = _number("run_id", request.query_params.get("run_id"))
        if self._manager.registry.get(run_id) is not None:
            raise invalid_parameter(
                "Retrieving the output of runs with multiple tasks is not supported. "
                "Please retrieve the output of each individual task run instead."
            )
        run, task = self._task(run_id)
        return JSONResponse(await asyncio.to_thread(_output_payload, run, task))

    async def _cancel(self, request: Request) -> Response:
        body = await json_object(request)
        only_fields(body, {"run_id"})
        run_id = _number("run_id", body.get("run_id"))
        run = self._manager.registry.get(run_id) or self._task(run_id)[0]
        self._manager.cancel(run)
        return JSONResponse({})

    async def _list(self, request: Request) -> Response:
        query = request.query_params
        active_only, completed_only = (
            query.get(name) == "true" for name in ("active_only", "completed_only")
        )
        if active_only and completed_only:
            raise invalid_parameter("Only one of active_only and completed_only may be true.")
        limit = _limit(query.get("limit"))
        before = _number("page_token", query.get("page_token", _LATEST))
        earliest = _number("start_time_from", query.get("start_time_from", 0))
        latest = _number("start_time_to", query.get("start_time_to", _LATEST))
        runs = [
            run
            for run in self._manager.registry
            if run.run_id < before
            and earliest <= run.created_at <= latest
            and not (active_only and run.life_cycle.ended)
            and not (completed_only and not run.life_cycle.ended)
        ]
        page = runs[:limit]
        with_tasks = query.get("expand_tasks") == "true"
        body: dict[str, Any] = {
            "runs": [run_payload(run, with_tasks=with_tasks) for run in page],
            "has_more": len(runs) > limit,
        }
        if len(runs) > limit:
            body["next_page_token"] = str(page[-1].run_id)
        return JSONResponse(body)

    def _task(self, run_id: int) -> tuple[JobRun, TaskRun]:
        found = self._manager.registry.task(run_id)
        if found is None:
            raise invalid_parameter(
                f"Run {run_id} does not exist. The embedded workspace knows the runs since its "
                "last start."
            )
        return found


def _output_payload(run: JobRun, task: TaskRun) -> dict[str, Any]:
    stdout, stderr = read_tail(task.stdout), read_tail(task.stderr)
    logs = stdout.text + ("\n" if stdout.text and stderr.text else "") + stderr.text
    payload: dict[str, Any] = {
        "metadata": task_run_payload(run, task),
        "logs": logs,
        "logs_truncated": stdout.truncated or stderr.truncated,
    }
    if task.outcome is not None and task.outcome.failure is not None:
        payload["error"] = task.outcome.failure.error
        payload["error_trace"] = task.outcome.failure.trace
    elif task.outcome is not None and task.outcome.message:
        payload["error"] = task.outcome.message
    return payload


def _number(name: str, value: object) -> int:
    """Return a field's number, given as one or as its digits.

    Raises:
        ApiError: It is neither.
    """
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    if isinstance(value, str) and value.isdecimal():
        return int(value)
    raise invalid_parameter(f"{name} must be a number, not {value!r}.")


def _limit(text: str | None) -> int:
    if text is None:
        return _LIST_DEFAULT
    limit = _number("limit", text)
    if limit > _LIST_LIMIT:
        raise invalid_parameter(f"limit must be between 1 and {_LIST_LIMIT}, not {limit}.")
    return limit or _LIST_LIMIT
