"""The embedded workspace: cluster, runs, secrets, Volume and feed behind one set of endpoints."""

from __future__ import annotations

import asyncio
import hmac
import logging
import os
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from nyc311_assets.local.api.clusters import ClustersApi
from nyc311_assets.local.api.errors import (
    ApiError,
    answer_api_error,
    answer_defect,
    answer_unknown_path,
    invalid_parameter,
    json_object,
    only_fields,
)
from nyc311_assets.local.api.files import FilesApi
from nyc311_assets.local.api.jobs import JobsApi
from nyc311_assets.local.api.pages import RunPages
from nyc311_assets.local.api.secrets import SecretsApi
from nyc311_assets.local.cluster import Cluster
from nyc311_assets.local.execution import Executor, Limits
from nyc311_assets.local.feed_process import (
    FeedNotStarted,
    FeedProcess,
    FeedSupervisor,
)
from nyc311_assets.local.paths import WorkspacePaths
from nyc311_assets.local.run_manager import RunManager
from nyc311_assets.local.secret_store import SecretStore
from nyc311_assets.local.slow_imports import preload
from nyc311_assets.local.spark import Spark
from nyc311_assets.local.state import ServerState

logger = logging.getLogger(__name__)

_SPARK_START_TIMEOUT_SECONDS = 180.0
_IDLE_LOOK_SECONDS = 0.5
# Calls that only look, and do not keep the workspace awake.
_PASSIVE_PATHS = {"/api/embedded/status"}


class EmbeddedWorkspace:
    """One home's workspace, for as long as its server lives."""

    def __init__(
        self,
        paths: WorkspacePaths,
        state: ServerState,
        *,
        idle_minutes: float,
        stop_server: Callable[[], None],
        make_spark: Callable[[], Spark],
        make_feed: Callable[[tuple[str, ...]], FeedProcess],
        limits: Limits | None = None,
    ) -> None:
        """Create it; Spark and the feed are started when they are needed.

        Args:
            paths: The home's folders.
            state: How this server is reached.
            idle_minutes: It asks to be stopped after this long without a call and without a run.
            stop_server: Asks for it.
            make_spark: Makes the cluster's Spark, not yet started.
            make_feed: Makes a feed of some rows, not yet started.
            limits: How patient it is with tasks that should end.
        """
        self._state = state
        self._idle_seconds = idle_minutes * 60
        self._stop_server = stop_server
        self._stopping = False
        self._called_at = time.monotonic()
        self._cluster = Cluster(make_spark, _SPARK_START_TIMEOUT_SECONDS)
        self._secrets = SecretStore()
        limits = limits or Limits()
        executor = Executor(self._cluster, self._secrets, limits, environment=os.environ)
        self._manager = RunManager(executor, paths.runs, limits.kept_runs)
        self._feed = FeedSupervisor(make_feed)
        self._volumes = paths.volumes

    def app(self) -> Starlette:
        """Return the application to serve."""
        routes = [
            *JobsApi(self._manager, self._state.host).routes(),
            *FilesApi(self._volumes).routes(),
            *ClustersApi(self._cluster).routes(),
            *SecretsApi(self._secrets).routes(),
            *RunPages(self._manager).routes(),
            Route("/embedded/health", self._health, methods=["GET"]),
            Route("/api/embedded/claim", self._claim, methods=["POST"]),
            Route("/api/embedded/status", self._status, methods=["GET"]),
            Route("/api/embedded/stop", self._stop, methods=["POST"]),
        ]
        return Starlette(
            routes=routes,
            middleware=[
                # A web page whose name leads to 127.0.0.1 could read what a run has printed.
                Middleware(TrustedHostMiddleware, allowed_hosts=["127.0.0.1", "localhost"]),
                Middleware(Gate, admit=self._admit),
            ],
            exception_handlers={
                ApiError: answer_api_error,
                HTTPException: answer_unknown_path,
                Exception: answer_defect,
            },
            lifespan=self._lifespan,
        )

    @asynccontextmanager
    async def _lifespan(self, app: Starlette) -> AsyncIterator[None]:
        del app
        background = [
            asyncio.create_task(self._stop_when_idle()),
            asyncio.create_task(asyncio.to_thread(preload)),
        ]
        try:
            yield
        finally:
            self._stopping = True
            for task in background:
                task.cancel()
            await self._manager.close()
            await asyncio.gather(self._cluster.stop(), self._feed.stop())

    def _admit(self, path: str, authorization: str) -> ApiError | None:
        """Return why a call is refused, or None; a call that is admitted keeps the workspace awake."""
        expected = f"Bearer {self._state.token}"
        if not hmac.compare_digest(authorization.encode(), expected.encode()):
            return ApiError(
                401,
                "UNAUTHENTICATED",
                "The embedded workspace needs its own token, which is in "
                f"{self._state.home}; each start makes a new one.",
            )
        if self._stopping:
            return ApiError(503, "TEMPORARILY_UNAVAILABLE", "The embedded workspace is stopping.")
        if path not in _PASSIVE_PATHS:
            self._called_at = time.monotonic()
        return None

    async def _stop_when_idle(self) -> None:
        while not self._is_idle():
            await asyncio.sleep(min(_IDLE_LOOK_SECONDS, self._idle_seconds / 4))
        logger.info("No call and no run for %g s: stopping.", self._idle_seconds)
        self._begin_stop()

    def _is_idle(self) -> bool:
        if self._manager.registry.active():
            self._called_at = time.monotonic()
        return time.monotonic() - self._called_at > self._idle_seconds

    def _begin_stop(self) -> None:
        self._stopping = True
        self._stop_server()

    async def _health(self, request: Request) -> Response:
        """Say who this is, and prove it; open to all, because it is asked before a token is shown."""
        challenge = request.query_params.get("challenge", "")
        return JSONResponse(
            {
                "home": self._state.home,
                "pid": self._state.pid,
                "stopping": self._stopping,
                "proof": self._state.proof(challenge),
            }
        )

    async def _claim(self, request: Request) -> Response:
        """Keep the workspace awake for a caller, with the feed that it wants."""
        body = await json_object(request)
        only_fields(body, {"feed_rows", "idle_minutes"})
        rows = tuple(body.get("feed_rows", ()))
        current = self._feed.feed
        if current is not None and current.rows != rows and self._manager.registry.active():
            raise ApiError(
                409,
                "RESOURCE_CONFLICT",
                f"The feed serves {_rows_text(current.rows)} to a run that is under way, and "
                f"{_rows_text(rows)} is asked for: wait for the run to end, or use another home "
                "(NYC311_HOME).",
            )
        self._idle_seconds = float(body.get("idle_minutes", self._idle_seconds / 60)) * 60
        try:
            feed_url = await self._feed.ensure(rows)
        except FeedNotStarted as error:
            raise invalid_parameter(str(error)) from error
        return JSONResponse({"feed_url": feed_url})

    async def _status(self, request: Request) -> Response:
        del request
        feed = self._feed.feed
        body: dict[str, Any] = {
            "spark": {"state": self._cluster.state, "message": self._cluster.message},
            "feed": None if feed is None else {"url": feed.url, "rows": list(feed.rows)},
            "active_runs": [
                {"name": run.specification.name, "page_url": run.page_url}
                for run in self._manager.registry.active()
            ],
            "idle_seconds": time.monotonic() - self._called_at,
            "idle_limit_seconds": self._idle_seconds,
        }
        return JSONResponse(body)

    async def _stop(self, request: Request) -> Response:
        del request
        self._begin_stop()
        return JSONResponse({})


class Gate:
    """Lets calls to `/api/` through that carry the token; the other paths are open."""

    def __init__(self, app: ASGIApp, admit: Callable[[str, str], ApiError | None]) -> None:
        """Wrap an application.

        Args:
            app: The application.
            admit: Says, of a path and an Authorization header, why the call is refused.
        """
        self._app = app
        self._admit = admit

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve a call, or refuse it."""
        if scope["type"] == "http" and scope["path"].startswith("/api/"):
            headers = dict(scope["headers"])
            refusal = self._admit(
                scope["path"], headers.get(b"authorization", b"").decode("latin-1")
            )
            if refusal is not None:
                await refusal.response()(scope, receive, send)
                return
        await self._app(scope, receive, send)


def _rows_text(rows: tuple[str, ...]) -> str:
    return ", ".join(rows) if rows else "the synthetic stream"
