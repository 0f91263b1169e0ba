"""The page that a person sees of a run: state, times, log."""

from __future__ import annotations

import asyncio
import secrets
from datetime import datetime
from html import escape

from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Route

from nyc311_assets.local.output import read_tail
from nyc311_assets.local.run_manager import RunManager
from nyc311_assets.local.runs import JobRun, LifeCycle, Outcome, TaskRun

_LOG_LIMIT_BYTES = 200_000
_REFRESH_SECONDS = 2
_PAGE = """\
<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">{refresh}
<title>{name}</title>
<style>
:root {{ color-scheme: light dark; }}
body {{ font: 15px/1.5 system-ui, sans-serif; max-width: 70rem; margin: 2rem auto; padding: 0 1rem; }}
table {{ border-collapse: collapse; }}
td, th {{ padding: .2rem 1.2rem .2rem 0; text-align: left; font-weight: normal; }}
th {{ opacity: .65; }}
pre {{ overflow-x: auto; padding: 1rem; border: 1px solid #8884; white-space: pre-wrap; }}
</style>
</head>
<body>
<h1>{name}</h1>
<p><strong>{state}</strong> {message}</p>
<table>
<tr><th>Run</th><td>{run_id}</td></tr>
<tr><th>Submitted</th><td>{created}</td></tr>
<tr><th>Ended</th><td>{ended}</td></tr>
</table>
{tasks}
</body>
</html>
"""
_TASK = """\
<h2>{key}</h2>
<p><strong>{state}</strong> {message}</p>
<table>
<tr><th>Waited</th><th>Set up</th><th>Executed</th><th>Cleaned up</th><th>Compute</th></tr>
<tr><td>{queue_duration}</td><td>{setup_duration}</td><td>{execution_duration}</td>\
<td>{cleanup_duration}</td><td>{compute}</td></tr>
</table>
<h3>Standard output</h3>
<pre>{stdout}</pre>
<h3>Standard error</h3>
<pre>{stderr}</pre>
"""


class RunPages:
    """Serves a page for each run, to whoever has the key in its address."""

    def __init__(self, manager: RunManager) -> None:
        self._manager = manager

    def routes(self) -> list[Route]:
        """Return the endpoint."""
        return [Route("/runs/{run_id:int}", self._page, methods=["GET"])]

    async def _page(self, request: Request) -> Response:
        run = self._manager.registry.get(request.path_params["run_id"])
        key = request.query_params.get("key", "")
        if run is None or not secrets.compare_digest(key.encode(), run.page_key.encode()):
            return HTMLResponse(
                "<p>There is no such run, or the address has no valid key. "
                "The embedded workspace knows the runs since its last start.</p>",
                status_code=404,
            )
        return HTMLResponse(
            await asyncio.to_thread(_render, run),
            headers={
                "Cache-Control": "no-store",
                "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'",
                "Referrer-Policy": "no-referrer",
            },
        )


def _render(run: JobRun) -> str:
    active = not run.life_cycle.ended
    return _PAGE.format(
        refresh=f'<meta http-equiv="refresh" content="{_REFRESH_SECONDS}">' if active else "",
        name=escape(run.specification.name),
        run_id=run.run_id,
        created=_moment(run.created_at),
        ended=_moment(run.ended_at),
        tasks="".join(map(_render_task, run.tasks)),
        **_state(run.life_cycle, run.outcome),
    )


def _render_task(task: TaskRun) -> str:
    durations = {name: f"{value / 1000:.1f} s" for name, value in task.durations().items()}
    return _TASK.format(
        key=escape(task.specification.key),
        compute=escape(task.specification.compute_kind),
        stdout=escape(read_tail(task.stdout, _LOG_LIMIT_BYTES).text) or "(nothing)",
        stderr=escape(read_tail(task.stderr, _LOG_LIMIT_BYTES).text) or "(nothing)",
        **durations,
        **_state(task.life_cycle, task.outcome),
    )


def _state(life_cycle: LifeCycle, outcome: Outcome | None) -> dict[str, str]:
    return {
        "state": outcome.result if outcome else life_cycle.value,
        "message": escape(outcome.message) if outcome else "",
    }


def _moment(milliseconds: int | None) -> str:
    if milliseconds is None:
        return "not yet"
    moment = datetime.fromtimestamp(milliseconds / 1000).astimezone()
    return moment.strftime("%Y-%m-%d %H:%M:%S %Z")
