"""The HTTP face of the feed: the paths, headers and errors of the city's SODA endpoint."""

from __future__ import annotations

import hashlib
import zlib
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime
from email.utils import format_datetime
from typing import Any

import orjson
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from nyc311_assets.local.feed.metadata import view
from nyc311_assets.local.feed.soql.binding import Plan, bind
from nyc311_assets.local.feed.soql.errors import SoqlError
from nyc311_assets.local.feed.soql.execution import Result, execute
from nyc311_assets.local.feed.soql.parser import query_from_parameters
from nyc311_assets.local.feed.source import FeedSource, UnknownDataset
from nyc311_assets.local.feed.wire import csv_body, json_body

# Level 1: on one machine the transfer costs nothing, and the deflating is most of an answer.
_GZIP_LEVEL = 1
_GZIP_WINDOW_BITS = 31
_SMALLEST_BODY_TO_GZIP = 1024

_FORMATS: Mapping[str, tuple[Callable[[Result], bytes], str]] = {
    "json": (json_body, "application/json;charset=utf-8"),
    "csv": (csv_body, "text/csv; charset=utf-8"),
}


def create_feed_app(source: FeedSource) -> Starlette:
    """An application that serves a source as NYC Open Data serves its 311 datasets.

    Paths: `/resource/{dataset_id}.json` and `.csv` (SoQL in `$select`, `$where`, `$group`,
    `$having`, `$order`, `$limit`, `$offset` or `$query`), `/api/views/{dataset_id}.json`,
    `/api/feed/events.json` (`first`, `last`: ISO dates) and `/healthz`.
    """

    def resource(request: Request) -> Response:
        return _resource(source, request)

    def views(request: Request) -> Response:
        dataset_id = request.path_params["dataset_id"]
        return _json(view(source, dataset_id))

    def events(request: Request) -> Response:
        first, last = (_day_parameter(request, name) for name in ("first", "last"))
        return _json({"provenance": source.provenance, "events": list(source.events(first, last))})

    def health(_: Request) -> Response:
        return _json({"status": "ok", "provenance": source.provenance, **source.description()})

    return Starlette(
        routes=[
            Route("/resource/{dataset_id}.{form}", resource, methods=["GET"]),
            Route("/api/views/{dataset_id}.json", views, methods=["GET"]),
            Route("/api/feed/events.json", events, methods=["GET"]),
            Route("/healthz", health, methods=["GET"]),
        ],
        exception_handlers={
            UnknownDataset: _missing_dataset,
            SoqlError: _refused_query,
            HTTPException: _http_error,
        },
    )


def _resource(source: FeedSource, request: Request) -> Response:
    dataset_id, form = request.path_params["dataset_id"], request.path_params["form"]
    if form not in _FORMATS:
        raise HTTPException(404, f"There is no .{form} of a dataset here; ask for .json or .csv.")
    publication = source.publication(dataset_id)
    parameters = dict(request.query_params)
    plan = bind(query_from_parameters(parameters), dataset_id)
    headers = _headers(plan, publication.rows_updated_at, parameters, form, dataset_id)
    if request.headers.get("if-none-match") == headers["etag"]:
        return Response(status_code=304, headers=headers)
    write, content_type = _FORMATS[form]
    body = write(execute(plan, publication))
    headers["content-type"] = content_type
    accepted = request.headers.get("accept-encoding", "")
    if "gzip" in accepted and len(body) >= _SMALLEST_BODY_TO_GZIP:
        body = _gzipped(body)
        headers["content-encoding"] = "gzip"
    return Response(body, headers=headers)


def _gzipped(body: bytes) -> bytes:
    deflate = zlib.compressobj(_GZIP_LEVEL, zlib.DEFLATED, _GZIP_WINDOW_BITS)
    return deflate.compress(body) + deflate.flush()


def _headers(
    plan: Plan, updated: datetime, parameters: Mapping[str, str], form: str, dataset_id: str
) -> dict[str, str]:
    modified = format_datetime(updated.astimezone(UTC), usegmt=True)
    question = orjson.dumps([dataset_id, form, updated.isoformat(), sorted(parameters.items())])
    return {
        "access-control-allow-origin": "*",
        "etag": f'"{hashlib.sha256(question).hexdigest()[:40]}"',
        "x-soda2-fields": orjson.dumps([output.name for output in plan.outputs]).decode(),
        "x-soda2-types": orjson.dumps([output.type for output in plan.outputs]).decode(),
        "x-soda2-data-out-of-date": "false",
        "x-soda2-truth-last-modified": modified,
        "x-soda2-secondary-last-modified": modified,
        "last-modified": modified,
        "vary": "Accept-Encoding",
    }


def _day_parameter(request: Request, name: str) -> date:
    text = request.query_params.get(name, "")
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise HTTPException(
            400, f"{name}={text!r} is no date; give first and last as YYYY-MM-DD."
        ) from None


def _json(content: Any, status_code: int = 200) -> Response:
    return Response(
        orjson.dumps(content) + b"\n",
        status_code=status_code,
        headers={"content-type": "application/json;charset=utf-8"},
    )


def _refused_query(_: Request, error: Exception) -> Response:
    if not isinstance(error, SoqlError):
        raise error
    return _json(error.body(), 400)


def _missing_dataset(_: Request, error: Exception) -> Response:
    if not isinstance(error, UnknownDataset):
        raise error
    body = {
        "code": "dataset.missing",
        "error": True,
        "message": "Not found",
        "data": {"id": error.dataset_id},
    }
    return _json(body, 404)


def _http_error(_: Request, error: Exception) -> Response:
    if not isinstance(error, HTTPException):
        raise error
    return _json({"error": True, "message": error.detail}, error.status_code)
