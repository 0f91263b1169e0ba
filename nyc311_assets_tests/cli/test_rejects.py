from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import dagster as dg
import pyarrow as pa
import pytest
from deltalake import DeltaTable, QueryBuilder
from pyspark.sql import SparkSession
from rich.console import Console
from typer.testing import CliRunner

from nyc311_assets.cli import app, rejects
from nyc311_assets.cli.demo import ASSETS
from nyc311_assets.cli.events import RunView
from nyc311_assets.cli.formats import printable
from nyc311_assets.cli.materializing import Materialization, NotMaterialized, materialize
from nyc311_assets.cli.operations import open_instance
from nyc311_assets.pipeline.cities import NEW_YORK
from nyc311_assets.pipeline.contracts import silver
from nyc311_assets.pipeline.contracts.rules import Rule
from nyc311_assets.pipeline.days import unbroken
from nyc311_assets.pipeline.silver import refine
from nyc311_assets.pipeline.tables import Lakehouse
from nyc311_assets.settings import Settings
from nyc311_assets_tests.pipeline.rows import PulledRow, land

DAY = date(2026, 3, 1)
UPDATED = datetime(2026, 3, 2, tzinfo=UTC)
SOUND = 120
STREET = "SECRET STREET"
SALT = "a long and secret salt"


@pytest.fixture(autouse=True)
def environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NYC311_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path / "another instance"))
    monkeypatch.delenv("NYC311_START_DATE", raising=False)
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.delenv("DATABRICKS_HOST", raising=False)


def invoke(*arguments: str) -> tuple[int, str]:
    result = CliRunner().invoke(app, ["rejects", *arguments])
    return result.exit_code, re.sub(r"\s+", " ", result.output)


@pytest.mark.parametrize("command", ["list", "replay"])
def test_every_command_explains_itself(command: str) -> None:
    code, output = invoke(command, "--help")
    assert code == 0
    assert "Usage:" in output


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("list", "--partition", "March"), "'March' is neither a partition, 2026-03-01, nor"),
        (("replay", "--partition", "2026-03-01...x"), "nor a range of them"),
        (("replay", "--partition", "2026-03-02...2026-03-01"), "ends before it begins"),
        (("list", "--day", "today"), "does not match"),
        (("list", "--limit", "-1"), "greater than or equal to 0"),
    ],
)
def test_wrong_use_exits_with_2_without_starting_anything(
    arguments: tuple[str, ...], said: str, tmp_path: Path
) -> None:
    code, output = invoke(*arguments)
    assert code == 2
    assert said in output
    assert not (tmp_path / "home").exists()


def test_each_unbroken_range_of_partitions_is_one_run() -> None:
    days = [date(2026, 3, day) for day in (5, 1, 2, 3, 9)]
    assert unbroken(days) == [
        (date(2026, 3, 1), date(2026, 3, 3)),
        (date(2026, 3, 5), date(2026, 3, 5)),
        (date(2026, 3, 9), date(2026, 3, 9)),
    ]


def test_a_value_of_the_source_cannot_move_the_cursor() -> None:
    assert printable("Québec\x1b[2J\r\n") == r"Québec\x1b[2J\r\n"


@dataclass
class Cluster:
    """Stands in for Dagster: rejects stand in two ranges, and gold fails in the second."""

    runs: list[tuple[Materialization, str]] = field(default_factory=list)

    def ask(self, _settings: Settings, config: Mapping[str, Any]) -> dict[str, Any]:
        assert config["limit"] == 0
        if "remember" in config:
            days = {"2023-12-30": 1, "2023-12-31": 4, "2024-01-05": 5}
            return {"rejects": 10, "reasons": {"borough is unknown": 10}, "partitions": days}
        return {
            "rejects": 3,
            "reasons": {"borough is unknown": 3},
            "partitions": {"2024-01-05": 3},
            "solved": 7,
        }

    def materialize(
        self,
        _console: Console,
        instance: dg.DagsterInstance,
        wanted: Materialization,
        *,
        environment: Mapping[str, str],
        log_path: Path,
    ) -> RunView:
        assert log_path.parent.is_dir()
        self.runs.append((wanted, environment["NYC311_START_DATE"]))
        view = RunView(instance, "run", wanted.steps)
        for step in view.steps.values():
            step.state = "done"
        if len(self.runs) == 2:
            view.steps["gold_daily_counts"].state = "failed"
            view.steps["gold_daily_counts"].message = "the disk is full"
        return view


def test_a_replay_runs_each_range_and_tells_what_came_of_it_also_if_a_run_failed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    cluster = Cluster()
    monkeypatch.setattr(rejects, "_ask", cluster.ask)
    monkeypatch.setattr(rejects, "materialize", cluster.materialize)
    code, output = invoke("replay")
    assert code == 1
    steps = ASSETS[1:]
    assert cluster.runs == [
        # A partition before the first is there for this run.
        (
            Materialization("silver_requests*", steps, date(2023, 12, 30), date(2023, 12, 31)),
            "2023-12-30",
        ),
        (
            Materialization("silver_requests*", steps, date(2024, 1, 5), date(2024, 1, 5)),
            "2024-01-01",
        ),
    ]
    assert "gold_daily_counts failed: the disk is full" in output
    assert "7 of 10 rejected rows found their way back." in output
    assert "3 rejected rows stand in 1 partition: borough is unknown (3)." in output
    assert "Not materialized: 2024-01-05...2024-01-05: gold_daily_counts." in output


def test_a_run_that_dagster_does_not_start_is_told_with_what_it_said(tmp_path: Path) -> None:
    settings = Settings()
    with (
        open_instance(settings) as instance,
        pytest.raises(NotMaterialized, match=r"(?s)did not start a run:.*no_such_asset"),
    ):
        materialize(
            Console(quiet=True),
            instance,
            Materialization("no_such_asset", (), DAY, DAY),
            environment={"DAGSTER_HOME": str(settings.dagster_home)},
            log_path=tmp_path / "log",
        )


@pytest.fixture
def home(empty_home: Path, spark: SparkSession, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home in which a rule that is too strict has rejected every row, one for good reason, too."""
    lakehouse = Lakehouse(str(empty_home / "lakehouse"))
    created = f"{DAY}T10:00:00.000"
    where = {"street_name": STREET}
    rows = [PulledRow(f"{number}", created, UPDATED, where) for number in range(SOUND)]
    rows.append(PulledRow("sunken", created, UPDATED, {"borough": "[ATLANTIS]"}))
    land(spark, lakehouse, "b1", DAY, rows)
    with monkeypatch.context() as strict:
        too_long = Rule("longer than 10 characters", "length(payload) > 10")
        strict.setattr(silver, "payload_rule", lambda: too_long)
        refine(spark, lakehouse, NEW_YORK, ingestion_dates=[DAY])
    return empty_home


def read(home: Path, table: str, what: str) -> set[object]:
    rows = DeltaTable(str(home / "lakehouse" / table))
    answer = QueryBuilder().register("t", rows).execute(f"SELECT {what} FROM t")
    return set(pa.table(answer.read_all()).column(0).to_pylist())


def tells(path: Path, secret: str) -> bool:
    return secret.encode() in path.read_bytes()


@pytest.mark.spark
@pytest.mark.long
def test_after_a_rule_was_mended_a_replay_brings_the_rows_back_to_gold(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The masks go the way of every step: through Dagster's process to the job.
    monkeypatch.setenv("NYC311_MASKED_COLUMNS", "street_name=hash")
    monkeypatch.setenv("NYC311_MASK_SALT", SALT)
    code, output = invoke("list", "--limit", "0")
    assert code == 0, output
    assert "121 rejected rows stand in 1 partition: longer than 10 characters (121), " in output
    assert "borough is unknown (1)." in output

    code, output = invoke("replay", "--partition", f"{DAY}...2026-03-03")
    assert code == 0, output
    assert f"--select silver_requests* --partition-range {DAY}...{DAY}" in output
    assert "120 of 121 rejected rows found their way back." in output
    assert "1 rejected row stands in 1 partition: borough is unknown (1)." in output
    assert read(home, "gold/daily_counts", "sum(requests)") == {SOUND}
    hashed = hashlib.sha256(f"{SALT}{STREET}".encode()).hexdigest()
    assert read(home, "silver/requests", "street_name") == {hashed}
    assert not [path for path in home.rglob("*") if path.is_file() and tells(path, SALT)]
    assert not list((home / "volumes" / "rejects").iterdir())

    code, output = invoke("list", "--reason", "BOROUGH", "--payload")
    assert code == 0, output
    assert f"{DAY} {DAY} row-sunken sunken borough is unknown" in output
    # The payload is wrapped to the width of the terminal.
    assert '"borough":"[ATLANTIS]"' in output.replace(" ", "")
    code, output = invoke("list", "--day", "2026-03-02")
    assert (code, output) == (0, "No rejected row stands. ")
    with dg.DagsterInstance.from_config(str(home / "dagster")) as instance:
        jobs = {run.job_name for run in instance.get_runs()}
    assert jobs == {"standing_rejects", "__ASSET_JOB"}


@pytest.mark.spark
@pytest.mark.long
@pytest.mark.usefixtures("empty_home")
def test_without_rejects_the_command_says_what_to_do() -> None:
    code, output = invoke("replay")
    assert code == 2
    assert "There is no silver.rejects yet: materialize silver_requests first." in output
