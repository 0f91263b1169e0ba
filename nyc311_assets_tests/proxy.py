"""A proxy on a real socket in front of a real server, which answers wrongly where a test says so."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qsl, urlsplit

import httpx

_NOT_FORWARDED = {"host", "connection", "accept-encoding", "content-length", "transfer-encoding"}
_NOT_RETURNED = {"connection", "content-encoding", "content-length", "transfer-encoding"}


@dataclass(frozen=True)
class Call:
    """A request."""

    method: str
    target: str

    @property
    def path(self) -> str:
        return urlsplit(self.target).path

    @property
    def query(self) -> dict[str, str]:
        return dict(parse_qsl(urlsplit(self.target).query))


@dataclass(frozen=True)
class Answer:
    """An answer."""

    status: int
    body: bytes
    headers: tuple[tuple[str, str], ...] = ()

    def with_json(self, value: object) -> Answer:
        return replace(self, body=json.dumps(value).encode())


Ask = Callable[[], Answer]
Tamper = Callable[[Call, Ask], Answer]


class Proxy:
    """Forwards to a server.

    Attributes:
        tamper: Makes the answer to a call; `ask()` is what the server says.
        calls: What has been asked.
    """

    def __init__(self, upstream: str) -> None:
        self.tamper: Tamper = lambda _, ask: ask()
        self.calls: list[Call] = []
        self._upstream = httpx.Client(base_url=upstream, timeout=60, trust_env=False)
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    def answer(self, call: Call, headers: dict[str, str], body: bytes) -> Answer:
        self.calls.append(call)
        return self.tamper(call, lambda: self._ask(call, headers, body))

    def _ask(self, call: Call, headers: dict[str, str], body: bytes) -> Answer:
        kept = {name: value for name, value in headers.items() if name not in _NOT_FORWARDED}
        response = self._upstream.request(call.method, call.target, headers=kept, content=body)
        returned = [item for item in response.headers.items() if item[0] not in _NOT_RETURNED]
        return Answer(response.status_code, response.content, tuple(returned))

    @contextmanager
    def serving(self) -> Iterator[Proxy]:
        thread = threading.Thread(target=self._server.serve_forever, args=(0.02,))
        thread.start()
        try:
            yield self
        finally:
            self._server.shutdown()
            thread.join()
            self._server.server_close()
            self._upstream.close()


def refusal(status: int, error_code: str, message: str, **headers: str) -> Answer:
    """Return an error as Databricks puts it."""
    body = json.dumps({"error_code": error_code, "message": message}).encode()
    named = [(name.replace("_", "-"), value) for name, value in headers.items()]
    return Answer(status, body, (("content-type", "application/json"), *named))


def _handler(proxy: Proxy) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def _serve(self) -> None:
            body = self._body()
            headers = {name.lower(): value for name, value in self.headers.items()}
            answer = proxy.answer(Call(self.command, self.path), headers, body)
            self.send_response(answer.status)
            for name, value in answer.headers:
                self.send_header(name, value)
            if answer.status != httpx.codes.NO_CONTENT:
                self.send_header("content-length", str(len(answer.body)))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(answer.body)

        do_GET = do_HEAD = do_POST = do_PUT = do_DELETE = _serve  # noqa: N815 - http.server's names

        def _body(self) -> bytes:
            if self.headers.get("transfer-encoding") != "chunked":
                return self.rfile.read(int(self.headers.get("content-length", 0)))
            body = b""
            while size := int(self.rfile.readline(), 16):
                body += self.rfile.read(size)
                self.rfile.readline()
            self.rfile.readline()
            return body

        def log_request(self, code: object = "-", size: object = "-") -> None:
            """Say nothing: pytest shows what fails."""

    return Handler
