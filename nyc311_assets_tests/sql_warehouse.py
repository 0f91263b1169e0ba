"""The Statement Execution API on a real socket, in Databricks' shape, over an engine of the test's."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, date, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pyarrow as pa

Values = Mapping[str, Any]
Execute = Callable[[str, Values], pa.Table]
_PATH = "/api/2.0/sql/statements"
_READ: Mapping[str, Callable[[str], Any]] = {
    "DATE": date.fromisoformat,
    "TIMESTAMP": datetime.fromisoformat,
    "BIGINT": int,
    "DOUBLE": float,
    "BOOLEAN": lambda text: text == "true",
    "STRING": str,
}


class SqlWarehouse:
    """Answers statements by running them in an engine.

    Attributes:
        host: Its address.
        asked: The bodies of all statements.
        cancelled: Ids of the statements that were cancelled.
        failure: What it says of every statement instead of answering.
        looks: How often a statement has to be looked at before it is done.
        chunk_rows: Rows of an answer that come at once.
    """

    def __init__(self, execute: Execute) -> None:
        self.asked: list[dict[str, Any]] = []
        self.cancelled: list[str] = []
        self.failure: str | None = None
        self.looks = 0
        self.chunk_rows = 1000
        self._execute = execute
        self._answers: dict[str, tuple[int, dict[str, Any], list[list[str | None]]]] = {}
        warehouse = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                length = int(self.headers.get("Content-Length") or 0)
                body = json.loads(self.rfile.read(length) or b"{}")
                self._reply(warehouse._posted(self.path, body))

            def do_GET(self) -> None:
                self._reply(warehouse._got(self.path))

            def _reply(self, answer: dict[str, Any]) -> None:
                content = json.dumps(answer).encode()
                self.send_response(200)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            def log_message(self, *_: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.host = f"http://127.0.0.1:{self.server.server_port}"

    def _posted(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        if path.endswith("/cancel"):
            self.cancelled.append(path.split("/")[-2])
            return {}
        assert path.rstrip("/") == _PATH, path
        self.asked.append(body)
        name = f"s{len(self.asked)}"
        done, rows = self._run(body)
        self._answers[name] = (self.looks, done, rows)
        return self._state(name)

    def _got(self, path: str) -> dict[str, Any]:
        parts = path.removeprefix(f"{_PATH}/").split("/")
        if len(parts) > 1:
            return self._chunk(parts[0], int(parts[-1]))
        return self._state(parts[0])

    def _state(self, name: str) -> dict[str, Any]:
        left, done, _ = self._answers[name]
        if left:
            self._answers[name] = (left - 1, *self._answers[name][1:])
            return {"statement_id": name, "status": {"state": "PENDING"}}
        result = {"result": self._chunk(name, 0)} if "manifest" in done else {}
        return {"statement_id": name, **done, **result}

    def _chunk(self, name: str, number: int) -> dict[str, Any]:
        rows = self._answers[name][2]
        first = number * self.chunk_rows
        chunk = {"chunk_index": number, "data_array": rows[first : first + self.chunk_rows]}
        if first + self.chunk_rows < len(rows):
            chunk["next_chunk_index"] = number + 1
        return chunk

    def _run(self, body: dict[str, Any]) -> tuple[dict[str, Any], list[list[str | None]]]:
        values = {
            each["name"]: None if (text := each.get("value")) is None else _READ[each["type"]](text)
            for each in body.get("parameters", [])
        }
        if self.failure:
            return _failed(self.failure), []
        try:
            found = self._execute(body["statement"], values)
        except Exception as error:  # noqa: BLE001 # whatever the engine says is the answer
            return _failed(str(error)), []
        columns = [{"name": each.name, "type_text": _type_text(each.type)} for each in found.schema]
        rows = [[_text(value) for value in row.values()] for row in found.to_pylist()]
        return {
            "status": {"state": "SUCCEEDED"},
            "manifest": {"format": "JSON_ARRAY", "schema": {"columns": columns}},
        }, rows


@contextmanager
def sql_warehouse(execute: Execute) -> Iterator[SqlWarehouse]:
    """A warehouse that runs until the block ends."""
    running = SqlWarehouse(execute)
    thread = threading.Thread(target=running.server.serve_forever)
    thread.start()
    try:
        yield running
    finally:
        running.server.shutdown()
        running.server.server_close()
        thread.join()


def _failed(message: str) -> dict[str, Any]:
    error = {"error_code": "BAD_REQUEST", "message": message}
    return {"status": {"state": "FAILED", "error": error}}


def _type_text(kind: pa.DataType) -> str:
    if pa.types.is_timestamp(kind):
        return "TIMESTAMP" if kind.tz else "TIMESTAMP_NTZ"
    if pa.types.is_decimal(kind):
        return f"DECIMAL({kind.precision},{kind.scale})"
    if pa.types.is_list(kind):
        return "ARRAY<STRING>"
    names = {
        pa.bool_(): "BOOLEAN", pa.int8(): "TINYINT", pa.int16(): "SMALLINT", pa.int32(): "INT",
        pa.int64(): "BIGINT", pa.float32(): "FLOAT", pa.float64(): "DOUBLE", pa.date32(): "DATE",
    }  # fmt: skip
    return names.get(kind, "STRING")


def _text(value: object) -> str | None:
    if value is None:
        return None
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, datetime):
        if value.tzinfo:
            return value.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
        return value.isoformat(timespec="milliseconds")
    if isinstance(value, date):
        return value.isoformat()
    return json.dumps(value) if isinstance(value, list | dict) else str(value)
