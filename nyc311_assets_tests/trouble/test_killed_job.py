"""A job killed at points of the three layers, and run again: as if nothing had been."""

from __future__ import annotations

from pathlib import Path

import pytest
from pyspark.sql import SparkSession

from nyc311_assets.pipeline.contracts import CLASSIFICATIONS
from nyc311_assets.pipeline.tables import Lakehouse, Table
from nyc311_assets_tests.shared_spark import SharedSpark
from nyc311_assets_tests.trouble.kill_campaign import changing_sources, run_campaign

pytestmark = [pytest.mark.spark, pytest.mark.long, pytest.mark.timeout(900)]

SEED = 311


def test_tables_after_kills_and_a_last_run_are_those_of_an_undisturbed_run(
    spark: SparkSession, spark_server: SharedSpark, tmp_path: Path
) -> None:
    with changing_sources(tmp_path) as sources:
        kills = run_campaign(spark, spark_server.remote, sources, tmp_path, SEED)
    assert kills == 20
    # Each table had something to lose.
    recorded = Table(spark, Lakehouse(str(tmp_path / "disturbed")), CLASSIFICATIONS)
    assert recorded.read().count() > 0
