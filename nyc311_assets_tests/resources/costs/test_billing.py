from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, date, datetime
from pathlib import Path

import duckdb
import pyarrow as pa
import pytest
from databricks.sdk import WorkspaceClient

from nyc311_assets.resources.costs.billing import BillingUnreadable, read_billed
from nyc311_assets_tests.sql_warehouse import SqlWarehouse, Values, sql_warehouse

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


class Billing:
    """Databricks' system tables, and a warehouse over them."""

    def __init__(self, database: duckdb.DuckDBPyConnection) -> None:
        self.database = database
        self.database.execute(TABLES)
        self.warehouse: SqlWarehouse

    def execute(self, statement: str, values: Values) -> pa.Table:
        statement = statement.replace("system.billing.", "billing.")
        statement = statement.replace("current_user()", "'the-pipeline'")
        for name in values:
            statement = statement.replace(f":{name}", f"${name}")
        return self.database.sql(statement, params=dict(values)).to_arrow_table()

    def use(self, day: date, sku: str, units: float, tags: dict[str, str], who: str = "x") -> None:
        started = datetime(day.year, day.month, day.day, 8)
        keys, values = list(tags), list(tags.values())
        self.database.execute(
            "INSERT INTO billing.usage VALUES ('AWS', ?, 'DBU', ?, ?, ?, MAP(?, ?), {'run_as': ?})",
            [sku, day, started, units, keys, values, who],
        )


@pytest.fixture
def billing() -> Iterator[Billing]:
    with duckdb.connect() as database:
        there = Billing(database)
        with sql_warehouse(there.execute) as there.warehouse:
            yield there


def _client(billing: Billing) -> WorkspaceClient:
    return WorkspaceClient(host=billing.warehouse.host, token="t", auth_type="pat")


def test_usage_is_priced_as_it_was_then_and_only_ours_counts(billing: Billing) -> None:
    ours = {"project": "nyc311_assets", "asset": "silver_requests"}
    billing.use(date(2026, 3, 9), "JOBS", 10, ours)
    billing.use(date(2026, 3, 11), "JOBS", 10, ours)
    billing.use(date(2026, 3, 11), "SERVERLESS", 2, {}, who="the-pipeline")
    billing.use(date(2026, 3, 11), "JOBS", 1000, {"project": "another"})
    billing.use(date(2026, 2, 28), "JOBS", 1000, ours)
    jobs, serverless = read_billed(
        _client(billing), "w1", first=date(2026, 3, 1), last=date(2026, 3, 31)
    )
    assert (jobs.asset, jobs.sku, jobs.newest) == ("silver_requests", "JOBS", date(2026, 3, 11))
    assert jobs.units == 20.0
    assert jobs.usd == pytest.approx(10 * 0.1 + 10 * 0.2)
    assert serverless.asset == "untagged"
    assert serverless.usd == pytest.approx(0.7)
    [asked] = billing.warehouse.asked
    assert asked["warehouse_id"] == "w1"


def test_without_the_grant_it_says_which(billing: Billing) -> None:
    billing.warehouse.failure = "INSUFFICIENT_PERMISSIONS on system.billing.usage"
    with pytest.raises(
        BillingUnreadable, match=r"FAILED, INSUFFICIENT_PERMISSIONS.*SELECT on system\.billing"
    ):
        read_billed(_client(billing), "w1", first=TODAY, last=TODAY)


def _cost(billing: Billing, home: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    environment = {
        **os.environ,
        "DATABRICKS_HOST": billing.warehouse.host,
        "DATABRICKS_TOKEN": "t",
        "NYC311_HOME": str(home),
        "NYC311_WAREHOUSE_ID": "w1",
    }
    command = [str(Path(sys.executable).parent / "nyc311"), "cost", *arguments]
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False)


def test_the_command_shows_it_beside_the_estimate(billing: Billing, tmp_path: Path) -> None:
    billing.use(TODAY, "JOBS", 10, {"project": "nyc311_assets", "asset": "forecasts"})
    shown = _cost(billing, tmp_path)
    assert shown.returncode == 0, shown.stderr
    assert f"Billed through {TODAY}, units alone at list prices: $2.00" in shown.stdout
    assert "forecasts" in shown.stdout
    figures = json.loads(_cost(billing, tmp_path, "--json").stdout)
    assert figures["billed"][0]["usd"] == 2.0
    billing.warehouse.failure = "no"
    failed = _cost(billing, tmp_path)
    assert (failed.returncode, "NYC311_WAREHOUSE_ID" in failed.stderr) == (1, True)
