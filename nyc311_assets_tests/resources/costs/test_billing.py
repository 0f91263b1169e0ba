from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from datetime import UTC, date, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import duckdb
import pytest
from databricks.sdk import WorkspaceClient

from nyc311_assets.resources.costs.billing import BillingUnreadable, read_billed

TODAY = datetime.now(UTC).date()
TABLES = """
CREATE SCHEMA billing;
CREATE TABLE billing.usage (cloud VARCHAR, sku_name VARCHAR, usage_unit VARCHAR, usage_date DATE,
    usage_start_time TIMESTAMP, usage_quantity DECIMAL(18, 4), custom_tags MAP(VARCHAR, VARCHAR),
    identity_metadata STRUCT(run_as VARCHAR));
CREATE TABLE billing.list_prices (cloud VARCHAR, sku_name VARCHAR, usage_unit VARCHAR,
    price_start_time TIMESTAMP, price_end_time TIMESTAMP,
    pricing STRUCT(effective_list STRUCT("default" DECIMAL(18, 4))));
INSERT INTO billing.list_prices VALUES
    ('AWS', 'JOBS', 'DBU', '2025-01-01', '2026-03-10', {'effective_list': {'default': 0.10}}),
    ('AWS', 'JOBS', 'DBU', '2026-03-10', NULL, {'effective_list': {'default': 0.20}}),
    ('AWS', 'SERVERLESS', 'DBU', '2025-01-01', NULL, {'effective_list': {'default': 0.35}});
"""


class Warehouse:
    """Answers statements in Databricks' shape, by running them in DuckDB."""

    def __init__(self) -> None:
        self.database = duckdb.connect()
        self.database.execute(TABLES)
        self.asked: list[dict[str, Any]] = []
        self.failure: str | None = None
        warehouse = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                content = json.dumps(warehouse.answer(asked)).encode()
                self.send_response(200)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            def log_message(self, *_: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.host = f"http://127.0.0.1:{self.server.server_port}"

    def answer(self, asked: dict[str, Any]) -> dict[str, Any]:
        self.asked.append(asked)
        if self.failure:
            error = {"error_code": "BAD_REQUEST", "message": self.failure}
            return {"statement_id": "s", "status": {"state": "FAILED", "error": error}}
        statement = asked["statement"].replace("system.billing.", "billing.")
        statement = statement.replace("current_user()", "'the-pipeline'")
        for parameter in asked["parameters"]:
            statement = statement.replace(f":{parameter['name']}", f"DATE '{parameter['value']}'")
        rows = self.database.execute(statement).fetchall()
        data = [[str(value) for value in row] for row in rows]
        return {
            "statement_id": "s",
            "status": {"state": "SUCCEEDED"},
            "result": {"data_array": data, "row_count": len(data)},
        }

    def use(self, day: date, sku: str, units: float, tags: dict[str, str], who: str = "x") -> None:
        started = datetime(day.year, day.month, day.day, 8)
        keys, values = list(tags), list(tags.values())
        self.database.execute(
            "INSERT INTO billing.usage VALUES ('AWS', ?, 'DBU', ?, ?, ?, MAP(?, ?), {'run_as': ?})",
            [sku, day, started, units, keys, values, who],
        )


@pytest.fixture
def warehouse() -> Iterator[Warehouse]:
    running = Warehouse()
    thread = threading.Thread(target=running.server.serve_forever)
    thread.start()
    yield running
    running.server.shutdown()
    running.server.server_close()
    thread.join()
    running.database.close()


def _client(warehouse: Warehouse) -> WorkspaceClient:
    return WorkspaceClient(host=warehouse.host, token="t", auth_type="pat")


def test_usage_is_priced_as_it_was_then_and_only_ours_counts(warehouse: Warehouse) -> None:
    ours = {"project": "nyc311_assets", "asset": "silver_requests"}
    warehouse.use(date(2026, 3, 9), "JOBS", 10, ours)
    warehouse.use(date(2026, 3, 11), "JOBS", 10, ours)
    warehouse.use(date(2026, 3, 11), "SERVERLESS", 2, {}, who="the-pipeline")
    warehouse.use(date(2026, 3, 11), "JOBS", 1000, {"project": "another"})
    warehouse.use(date(2026, 2, 28), "JOBS", 1000, ours)
    jobs, serverless = read_billed(
        _client(warehouse), "w1", first=date(2026, 3, 1), last=date(2026, 3, 31)
    )
    assert (jobs.asset, jobs.sku, jobs.newest) == ("silver_requests", "JOBS", date(2026, 3, 11))
    assert jobs.units == 20.0
    assert jobs.usd == pytest.approx(10 * 0.1 + 10 * 0.2)
    assert serverless.asset == "untagged"
    assert serverless.usd == pytest.approx(0.7)
    [asked] = warehouse.asked
    assert asked["warehouse_id"] == "w1"
    assert asked["on_wait_timeout"] == "CANCEL"


def test_without_the_grant_it_says_which(warehouse: Warehouse) -> None:
    warehouse.failure = "INSUFFICIENT_PERMISSIONS on system.billing.usage"
    with pytest.raises(
        BillingUnreadable, match=r"FAILED, INSUFFICIENT_PERMISSIONS.*SELECT on system\.billing"
    ):
        read_billed(_client(warehouse), "w1", first=TODAY, last=TODAY)


def _cost(warehouse: Warehouse, home: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    environment = {
        **os.environ,
        "DATABRICKS_HOST": warehouse.host,
        "DATABRICKS_TOKEN": "t",
        "NYC311_HOME": str(home),
        "NYC311_WAREHOUSE_ID": "w1",
    }
    command = [str(Path(sys.executable).parent / "nyc311"), "cost", *arguments]
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False)


def test_the_command_shows_it_beside_the_estimate(warehouse: Warehouse, tmp_path: Path) -> None:
    warehouse.use(TODAY, "JOBS", 10, {"project": "nyc311_assets", "asset": "forecasts"})
    shown = _cost(warehouse, tmp_path)
    assert shown.returncode == 0, shown.stderr
    assert f"Billed through {TODAY}, units alone at list prices: $2.00" in shown.stdout
    assert "forecasts" in shown.stdout
    figures = json.loads(_cost(warehouse, tmp_path, "--json").stdout)
    assert figures["billed"][0]["usd"] == 2.0
    warehouse.failure = "no"
    failed = _cost(warehouse, tmp_path)
    assert (failed.returncode, "NYC311_WAREHOUSE_ID" in failed.stderr) == (1, True)
