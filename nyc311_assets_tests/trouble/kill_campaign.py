"""The seeded campaign: steps killed at some of their commands, run again, and compared."""

from __future__ import annotations

import random
import shutil
import signal
import subprocess
import sys
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import date, timedelta
from pathlib import Path

from pyspark.sql import SparkSession

from nyc311_assets.local.sessions import end_session
from nyc311_assets.local.spark import USER_ID
from nyc311_assets.local.spark_remote import session_remote
from nyc311_assets.pipeline.cities import NEW_YORK
from nyc311_assets.pipeline.contracts import (
    BATCHES,
    CLASSIFICATIONS,
    DAILY_COUNTS,
    DAYS,
    RAW_311,
    REJECTS,
    silver_requests,
)
from nyc311_assets.pipeline.tables import Lakehouse, Table
from nyc311_assets_tests.pipeline.road import request, serving, write_rows
from nyc311_assets_tests.trouble.killed_steps import Step

FIRST = date(2026, 3, 9)
# The first partition fills empty tables, the second one merges into them.
PARTITIONS = (FIRST, FIRST + timedelta(days=1))
# Kills per layer, for each of the partitions.
KILLS = {"bronze": 2, "silver": 5, "gold": 3}
# So many commands a step sends, about; a number too high is a kill after the last one.
COMMANDS = {"bronze": 6, "silver": 19, "gold": 8}
# A command takes so long that some kills strike before its commit and some after it.
LONGEST_SECONDS = 1.5
TABLES = {
    "bronze": (RAW_311, BATCHES),
    "silver": (silver_requests(NEW_YORK), REJECTS, DAYS, CLASSIFICATIONS),
    "gold": (DAILY_COUNTS,),
}
BEFORE = 0.4


class TablesDiffer(AssertionError):
    """A step that was killed and run again left other rows than an undisturbed one."""


@contextmanager
def changing_sources(folder: Path) -> Iterator[dict[date, str]]:
    """Per partition its source: on the second day requests are closed, gone, moved and broken.

    Some are filed under another complaint type, too.
    """
    days = [FIRST - timedelta(days=7 - number) for number in range(10)]
    first = [
        request(100 * index + number, f"{day}T1{number}:00:00.000")
        for index, day in enumerate(days[:9])
        for number in range(4)
    ]
    second = [dict(row) for row in first if not row["unique_key"].endswith("3")]
    for row in second[::4]:
        row["status"] = "Closed"
    for row in second[1::5]:
        row["complaint_type"] = "Street Light Condition"
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
        if process.returncode != -signal.SIGKILL:
            raise RuntimeError(f"The step ended before it was killed: {process.stderr}")
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


def run_campaign(
    spark: SparkSession,
    remote: str,
    sources: Mapping[date, str],
    folder: Path,
    seed: int,
    kills_per_layer: Mapping[str, int] = KILLS,
) -> int:
    """Kill each layer's step of each partition some times, and run it once more.

    Args:
        spark: For undisturbed runs, and to read the tables.
        remote: Address of the same Spark, for the processes that are killed.
        sources: Per partition its source's address.
        folder: For tables and volumes.
        seed: Decides at which commands, and when in their midst.
        kills_per_layer: Kills of each layer's step, for each partition.

    Returns:
        How many processes were killed.

    Raises:
        TablesDiffer: A table has other rows than an undisturbed run has left.
    """
    campaign = Campaign(spark, remote, random.Random(seed))
    disturbed = str(folder / "disturbed")
    kills = 0
    for partition, url in sources.items():
        for layer, times in kills_per_layer.items():
            volume = folder / f"volume {partition} {layer}"
            volume.mkdir()
            step = Step(layer, disturbed, str(volume), url, partition)
            undisturbed = str(folder / f"undisturbed {partition} {layer}")
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
            for table, rows in expected.items():
                if found[table] != rows:
                    only = [
                        sorted({*a} - {*b}) for a, b in ((found[table], rows), (rows, found[table]))
                    ]
                    raise TablesDiffer(
                        f"seed {seed}: {table} of {partition}, killed at {commands}: has {only[0]}, "
                        f"lacks {only[1]}"
                    )
    return kills
