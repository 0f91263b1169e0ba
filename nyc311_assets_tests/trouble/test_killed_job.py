"""A job killed at twenty points of the three layers, and run again: as if nothing had been."""

from __future__ import annotations

import random
import shutil
import signal
import subprocess
import sys
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import date, timedelta
from pathlib import Path

import pytest
from pyspark.sql import SparkSession

from nyc311_assets.local.sessions import end_session
from nyc311_assets.local.spark import USER_ID, SparkServer
from nyc311_assets.local.spark_remote import session_remote
from nyc311_assets.pipeline.cities import NEW_YORK
from nyc311_assets.pipeline.contracts import (
    BATCHES,
    DAILY_COUNTS,
    DAYS,
    RAW_311,
    REJECTS,
    silver_requests,
)
from nyc311_assets.pipeline.tables import Lakehouse, Table
from nyc311_assets_tests.pipeline.road import request, serving, write_rows
from nyc311_assets_tests.trouble.killed_steps import Step

pytestmark = [pytest.mark.spark, pytest.mark.long, pytest.mark.timeout(900)]

FIRST = date(2026, 3, 9)
# The first partition fills empty tables, the second one merges into them.
PARTITIONS = (FIRST, FIRST + timedelta(days=1))
# Kills per layer, for each of the partitions.
KILLS = {"bronze": 2, "silver": 5, "gold": 3}
# So many commands a step sends, about; a number too high is a kill after the last one.
COMMANDS = {"bronze": 6, "silver": 16, "gold": 8}
# A command takes so long that some kills strike before its commit and some after it.
LONGEST_SECONDS = 1.5
TABLES = {
    "bronze": (RAW_311, BATCHES),
    "silver": (silver_requests(NEW_YORK), REJECTS, DAYS),
    "gold": (DAILY_COUNTS,),
}
SEED = 311
BEFORE = 0.4


@pytest.fixture(scope="module")
def sources(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[date, str]]:
    """Per partition its source: on the second day requests are closed, gone, moved and broken."""
    folder = tmp_path_factory.mktemp("sources")
    days = [FIRST - timedelta(days=7 - number) for number in range(10)]
    first = [
        request(100 * index + number, f"{day}T1{number}:00:00.000")
        for index, day in enumerate(days[:9])
        for number in range(4)
    ]
    second = [dict(row) for row in first if not row["unique_key"].endswith("3")]
    for row in second[::4]:
        row["status"] = "Closed"
    second[7]["created_date"] = f"{days[6]}T23:00:00.000"
    second[9]["borough"] = "ATLANTIS"
    second += [request(5000 + n, f"{days[8]}T20:00:0{n}.000") for n in range(5)]
    with (
        serving(write_rows(folder / "first.csv", first)) as first_url,
        serving(write_rows(folder / "second.csv", second)) as second_url,
    ):
        yield dict(zip(PARTITIONS, (first_url, second_url), strict=True))


@dataclass(frozen=True)
class Campaign:
    """Kills one step after the other."""

    spark: SparkSession
    remote: str
    chance: random.Random

    def killed(self, step: Step, command: int) -> None:
        """Run a step in a process that dies at a command, before it or somewhere within."""
        is_before = self.chance.random() < BEFORE
        moment = "before" if is_before else str(self.chance.uniform(0, LONGEST_SECONDS))
        remote = session_remote(self.remote, str(uuid.uuid4()), USER_ID)
        arguments = [step.to_json(), remote, str(command), moment]
        process = subprocess.run(
            [sys.executable, "-m", "nyc311_assets_tests.trouble.killed_steps", *arguments],
            capture_output=True,
            text=True,
            timeout=240,
            check=False,
        )
        assert process.returncode == -signal.SIGKILL, process.stderr
        # As the workspace does when a task has ended in whatever way.
        end_session(remote, 60)

    def rows(self, lakehouse: str, layer: str) -> dict[str, list[str]]:
        """All rows of a layer's tables, without the time at which a pull began."""
        found = {}
        for contract in TABLES[layer]:
            table = Table(self.spark, Lakehouse(lakehouse), contract)
            columns = [name for name in contract.column_names if name != "ingested_at"]
            found[contract.name] = sorted(map(repr, table.read().select(*columns).collect()))
        return found


def test_tables_after_kills_and_a_last_run_are_those_of_an_undisturbed_run(
    spark: SparkSession, spark_server: SparkServer, sources: dict[date, str], tmp_path: Path
) -> None:
    campaign = Campaign(spark, spark_server.remote, random.Random(SEED))
    disturbed = str(tmp_path / "disturbed")
    kills = 0
    for partition, url in sources.items():
        for layer, times in KILLS.items():
            volume = tmp_path / f"volume {partition} {layer}"
            volume.mkdir()
            step = Step(layer, disturbed, str(volume), url, partition)
            undisturbed = str(tmp_path / f"undisturbed {partition} {layer}")
            if Path(disturbed).exists():
                shutil.copytree(disturbed, undisturbed)
            replace(step, lakehouse=undisturbed).run(spark)
            expected = campaign.rows(undisturbed, layer)
            commands = sorted(campaign.chance.sample(range(COMMANDS[layer]), times))
            for command in commands:
                campaign.killed(step, command)
                kills += 1
            step.run(spark)
            found = campaign.rows(disturbed, layer)
            assert found == expected, f"seed {SEED}: {partition}, {layer}, killed at {commands}"
    assert kills == 20
