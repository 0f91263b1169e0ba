from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from threading import Thread

import dagster as dg
import pytest

from nyc311_assets.assets import gold_daily_counts, raw_311, silver_requests
from nyc311_assets.local.dagster_home import prepare_dagster_home
from nyc311_assets.partitions import daily_partitions
from nyc311_assets.settings import Settings
from nyc311_assets_tests.assets.test_results import ReportingRunner

PARTITIONS = daily_partitions(Settings(start_date=date(2026, 2, 1)))
POOL = "bronze_raw_311"
# What a step prints is no matter here, and following it takes four processes for each.
_WITHOUT_LOGS = """
compute_logs:
  module: dagster._core.storage.noop_compute_log_manager
  class: NoOpComputeLogManager
"""


@pytest.fixture
def instance(tmp_path: Path) -> Iterator[dg.DagsterInstance]:
    home = prepare_dagster_home(tmp_path)
    with (home / "dagster.yaml").open("a") as file:
        file.write(_WITHOUT_LOGS)
    with dg.DagsterInstance.from_config(str(home)) as instance:
        yield instance


def test_each_table_has_a_pool_of_its_own() -> None:
    assets = [raw_311(PARTITIONS), silver_requests(PARTITIONS), gold_daily_counts(PARTITIONS)]
    pools = [asset.op.pool for asset in assets]
    assert pools == [POOL, "silver_requests", "gold_daily_counts"]


def test_a_run_waits_while_another_writes_the_same_table(
    instance: dg.DagsterInstance,
) -> None:
    storage = instance.event_log_storage
    storage.initialize_concurrency_limit_to_default(POOL)
    claim = storage.claim_concurrency_slot(POOL, "another-run", "raw_311")
    assert claim.is_claimed
    results = []

    def run() -> None:
        definitions = dg.Definitions(
            assets=[raw_311(PARTITIONS)],
            resources={"runner": ReportingRunner()},
            executor=dg.in_process_executor,
        )
        job = definitions.resolve_implicit_global_asset_job_def()
        results.append(job.execute_in_process(instance=instance, partition_key="2026-03-01"))

    thread = Thread(target=run)
    thread.start()
    time.sleep(4)
    assert instance.get_latest_materialization_event(dg.AssetKey("raw_311")) is None
    storage.free_concurrency_slots_for_run("another-run")
    thread.join(timeout=60)
    assert [result.success for result in results] == [True]
