"""A small SODA portal on a real socket that answers rightly, or wrongly where a test says so."""

from __future__ import annotations

import gzip
import json
import operator
import re
import socket
import struct
import threading
from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import date, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Literal
from urllib.parse import parse_qsl, urlsplit

JSON = "application/json;charset=utf-8"
PUBLISHED_AT = 1_766_600_348
DATA_TYPE_NAMES = {"created_date": "calendar_date", "location": "location"}
COLUMNS = ("unique_key", "created_date", "agency", "descriptor", "location")

_BOUND = re.compile(r"created_date (>=|<=|>|<) '([^']+)'")
_HOLDS = {">=": operator.ge, "<=": operator.le, ">": operator.gt, "<": operator.lt}
_AFTER = re.compile(r"created_date = '([^']+)' AND :id > '([^']+)'")


@dataclass(frozen=True)
class Reply:
    """One answer, and how it is sent."""

    body: bytes = b"[]\n"
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    sent: Literal["whole", "cut off", "reset", "never"] = "whole"


@dataclass(frozen=True)
class Request:
    """What a client asked."""

    path: str
    parameters: dict[str, str]
    headers: dict[str, str]

    @property
    def is_page(self) -> bool:
        return self.parameters.get("$order") == "created_date,:id"


@dataclass
class Dataset:
    """Rows in the source's own order of `:id`, which their text does not show."""

    rows: list[dict[str, Any]] = field(default_factory=list)
    published_at: int = PUBLISHED_AT
    columns: tuple[str, ...] = COLUMNS
    data_type_names: Mapping[str, str] = field(default_factory=lambda: dict(DATA_TYPE_NAMES))


class Portal:
    """The server. `datasets` may be changed while it runs."""

    def __init__(self) -> None:
        self.datasets: dict[str, Dataset] = {"erm2-nwe9": Dataset()}
        self.requests: list[Request] = []
        self.compresses = False
        self._replies: dict[str, deque[Reply]] = {"page": deque(), "other": deque()}
        self._lock = threading.Lock()
        self._closing = threading.Event()
        self._server = _Server(self)
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    def misbehave(self, *replies: Reply, requests: Literal["page", "other"] = "page") -> None:
        """Give these replies to the next requests of that kind, then answer rightly again."""
        self._replies[requests].extend(replies)

    @property
    def page_requests(self) -> list[Request]:
        return [request for request in self.requests if request.is_page]

    def reply(self, request: Request) -> Reply:
        with self._lock:
            self.requests.append(request)
            replies = self._replies["page" if request.is_page else "other"]
            if replies:
                return replies.popleft()
        return self.rightly(request)

    def rightly(self, request: Request) -> Reply:
        """The right answer."""
        dataset_id = request.path.rsplit("/", 1)[-1].removesuffix(".json")
        dataset = self.datasets.get(dataset_id)
        if dataset is None:
            body = b'{"code":"dataset.missing","error":true,"message":"Not found"}'
            return Reply(body, 404, {"content-type": JSON})
        if request.path.startswith("/api/views/"):
            return Reply(_json(_metadata(dataset_id, dataset)), 200, {"content-type": JSON})
        rows = _matching(dataset, request.parameters)
        if request.is_page:
            fields = request.parameters["$select"].split(",")
            rows = rows[: int(request.parameters["$limit"])]
            body = page_body({name: row[name] for name in fields if name in row} for row in rows)
        elif "$group" in request.parameters:
            days: dict[str, int] = {}
            for row in rows:
                day = f"{row['created_date'][:10]}T00:00:00.000"
                days[day] = days.get(day, 0) + 1
            counts = [{"day": day, "row_count": str(n)} for day, n in sorted(days.items())]
            body = page_body(counts)
        elif request.parameters["$select"].startswith("count(*)"):
            body = page_body([{"row_count": str(len(rows))}])
        else:
            body = page_body([{"reach": max(r["created_date"] for r in rows)} if rows else {}])
        return Reply(body, 200, {"content-type": JSON})

    def close(self) -> None:
        self._closing.set()
        self._server.shutdown()
        self._server.server_close()

    def wait_for_close(self) -> None:
        self._closing.wait(30)

    def start(self) -> None:
        threading.Thread(target=self._server.serve_forever, args=(0.02,)).start()


@contextmanager
def running_portal() -> Iterator[Portal]:
    portal = Portal()
    portal.start()
    try:
        yield portal
    finally:
        portal.close()


class _Server(ThreadingHTTPServer):
    daemon_threads = False
    block_on_close = True

    def __init__(self, portal: Portal) -> None:
        self.portal = portal
        super().__init__(("127.0.0.1", 0), _Handler)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that hangs up is part of these tests."""


class _Handler(BaseHTTPRequestHandler):
    server: _Server
    protocol_version = "HTTP/1.1"
    timeout = 5
    # Head and body in one piece: sent apart, each answer waits 40 ms for an acknowledgement.
    wbufsize = 1 << 20

    def do_GET(self) -> None:
        url = urlsplit(self.path)
        headers = {name.lower(): value for name, value in self.headers.items()}
        portal = self.server.portal
        reply = portal.reply(Request(url.path, dict(parse_qsl(url.query)), headers))
        if reply.sent == "never":
            portal.wait_for_close()
            self.close_connection = True
            return
        if reply.sent == "reset":
            # Closing with a linger time of zero sends RST instead of FIN.
            linger = struct.pack("ii", 1, 0)
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
            self.connection.close()
            self.close_connection = True
            return
        body, more = reply.body, dict(reply.headers)
        if portal.compresses and "gzip" in headers.get("accept-encoding", ""):
            body, more = gzip.compress(body), more | {"content-encoding": "gzip"}
        self.send_response(reply.status)
        for name, value in (more | {"content-length": str(len(body))}).items():
            self.send_header(name, value)
        self.end_headers()
        with suppress(BrokenPipeError, ConnectionResetError):
            self.wfile.write(body[: len(body) // 2] if reply.sent == "cut off" else body)
            self.wfile.flush()
        if reply.sent == "cut off":
            self.close_connection = True

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002  (the base class's name)
        """Say nothing."""


def requests_of(day: date, times: Iterable[str], *, first_key: int = 1) -> list[dict[str, Any]]:
    """Rows created at these times of a day, in the source's order of `:id`."""
    return [
        {
            # Descending text for ascending order.
            ":id": f"row-{999_999 - key:06d}~zz",
            ":updated_at": "2026-02-19T02:39:36.123Z",
            "unique_key": str(key),
            "created_date": f"{day.isoformat()}T{time}",
            "agency": "DOT",
            "descriptor": "Señal dañada: «Ñandú» 信号",
            "location": {"type": "Point", "coordinates": [-73.825455857029, 40.712001388288]},
        }
        for key, time in enumerate(times, first_key)
    ]


def page_body(rows: Iterable[dict[str, Any]]) -> bytes:
    """Rows as Socrata writes them."""
    return b"[" + b"\n,".join(_json(row) for row in rows) + b"]\n"


def _json(value: Any) -> bytes:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()


def _metadata(dataset_id: str, dataset: Dataset) -> dict[str, Any]:
    names = [*dataset.columns, ":@computed_region_f5dn_yrer"]
    return {
        "id": dataset_id,
        "name": "311 Service Requests",
        "provenance": "official",
        "rowsUpdatedAt": dataset.published_at,
        "columns": [
            {"fieldName": name, "dataTypeName": dataset.data_type_names.get(name, "text")}
            for name in names
        ],
    }


def _matching(dataset: Dataset, parameters: dict[str, str]) -> list[dict[str, Any]]:
    where, _, seek = parameters["$where"].partition(" AND (")
    if where == "created_date IS NULL":
        return [row for row in dataset.rows if row.get("created_date") is None]
    bounds = _BOUND.findall(where)
    assert where == " AND ".join(f"created_date {sign} '{moment}'" for sign, moment in bounds)
    order = {row[":id"]: place for place, row in enumerate(dataset.rows)}

    def key(row: dict[str, Any]) -> tuple[datetime, int]:
        return datetime.fromisoformat(row["created_date"]), order[row[":id"]]

    def holds(row: dict[str, Any]) -> bool:
        # As in SQL, a comparison with null holds for no row.
        created = row.get("created_date")
        return created is not None and all(
            _HOLDS[sign](datetime.fromisoformat(created), datetime.fromisoformat(moment))
            for sign, moment in bounds
        )

    rows = sorted(filter(holds, dataset.rows), key=key)
    if after := _AFTER.search(seek):
        last = datetime.fromisoformat(after[1]), order[after[2]]
        rows = [row for row in rows if key(row) > last]
    return rows
