from __future__ import annotations

import re
from datetime import UTC, date, datetime
from pathlib import Path

import dagster as dg
import pytest
from pyspark.sql import SparkSession
from typer.testing import CliRunner

from nyc311_assets.cli import app
from nyc311_assets.cli.errors import WrongUse
from nyc311_assets.cli.formats import local_time, parse_time
from nyc311_assets.pipeline.cities import NEW_YORK
from nyc311_assets.pipeline.silver import refine
from nyc311_assets.pipeline.tables import Lakehouse
from nyc311_assets_tests.pipeline.rows import PulledRow, land

DAY = date(2026, 3, 1)


@pytest.fixture(autouse=True)
def environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A home of its own; whatever the command exports is taken back."""
    monkeypatch.setenv("NYC311_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path / "another instance"))
    monkeypatch.setenv("COLUMNS", "120")
    monkeypatch.delenv("DATABRICKS_HOST", raising=False)


def invoke(*arguments: str, answer: str | None = None) -> tuple[int, str]:
    result = CliRunner().invoke(app, list(arguments), input=answer)
    return result.exit_code, re.sub(r"\s+", " ", result.output)


@pytest.mark.parametrize("command", ["tables", "history", "restore", "counts", "maintain"])
def test_every_command_explains_itself(command: str) -> None:
    code, output = invoke(command, "--help")
    assert code == 0
    assert "Usage:" in output


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("history", "silver"), "choose one of bronze.raw_311, bronze.batches, silver.requests"),
        (("restore", "gold.counts", "--to-version", "1"), "There is no table gold.counts"),
        (("restore", "silver.requests"), "Give either --to-version or --to-time"),
        (
            ("restore", "silver.requests", "--to-version", "1", "--to-time", "2026-03-01"),
            "Give either --to-version or --to-time",
        ),
        (("restore", "silver.requests", "--to-time", "yesterday"), "'yesterday' is not a time"),
        (("counts", "--known-on", "March"), "does not match"),
        (("history", "silver.requests", "--limit", "0"), "greater than or equal to 1"),
    ],
)
def test_wrong_use_exits_with_2_and_names_the_choices_without_starting_anything(
    arguments: tuple[str, ...], said: str, tmp_path: Path
) -> None:
    code, output = invoke(*arguments)
    assert code == 2
    assert said in output
    assert not (tmp_path / "home").exists()


def test_without_tables_the_page_says_how_to_make_some() -> None:
    code, output = invoke("tables")
    assert code == 0
    assert "yet: `nyc311 demo` makes some" in output


def test_tables_of_a_catalog_are_shown_by_another_command(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NYC311_CATALOG", "city")
    code, output = invoke("tables")
    assert code == 2
    assert "`nyc311 maintain --dry-run` shows the same" in output


def test_a_time_without_a_zone_is_new_yorks() -> None:
    assert parse_time("2026-07-01T05:30").astimezone(UTC) == datetime(2026, 7, 1, 9, 30, tzinfo=UTC)
    assert parse_time("2026-07-01T05:30+00:00") == datetime(2026, 7, 1, 5, 30, tzinfo=UTC)
    assert local_time("2026-01-01T04:59:30+00:00") == "2025-12-31 23:59:30"
    with pytest.raises(WrongUse, match=r"Write it as 2026-03-01T05:30"):
        parse_time("soon")


@pytest.fixture
def home(empty_home: Path, spark: SparkSession) -> Path:
    """A home whose silver.requests holds three requests; its workspace takes the tests' Spark."""
    lakehouse = Lakehouse(str(empty_home / "lakehouse"))
    rows = [
        PulledRow(f"{number}", f"{DAY}T10:00:00.000", datetime(2026, 3, 2, tzinfo=UTC))
        for number in range(3)
    ]
    land(spark, lakehouse, "b1", DAY, rows)
    refine(spark, lakehouse, NEW_YORK, ingestion_dates=[DAY])
    return empty_home


@pytest.mark.spark
@pytest.mark.long
def test_a_table_is_looked_at_taken_back_and_maintained_in_runs_of_dagster(home: Path) -> None:
    code, output = invoke("tables")
    assert code == 0
    assert re.search(r"silver\.requests 3 \d [\d.]+ kB \d+ 20", output)

    code, output = invoke("counts", "--known-on", str(DAY), "--borough", "bronx", "--day", str(DAY))
    assert code == 0, output
    assert f"{DAY} Noise - Residential BRONX NYPD 3" in output
    assert "3 requests in 1 series, as known by the partitions up to 2026-03-01." in output
    code, output = invoke("counts", "--known-on", str(DAY), "--exact")
    assert code == 2
    assert "At 2026-03-02 00:00:00-05:00 the table was not there" in output

    code, output = invoke("restore", "silver.requests", "--to-version", "99", "--yes")
    assert code == 2
    assert "There is no version 99 in the log. Choose a version from 0" in output
    code, output = invoke("restore", "silver.requests", "--to-version", "0", answer="n\n")
    assert code == 1
    assert "from 3 rows to 0 (-3)" in output
    assert "Nothing was changed" in output
    code, output = invoke("restore", "silver.requests", "--to-version", "0", "--yes")
    assert code == 0, output
    assert "went from version" in output
    assert "To undo this, restore to version" in output

    code, output = invoke("history", "silver.requests")
    assert code == 0, output
    with dg.DagsterInstance.from_config(str(home / "dagster")) as instance:
        runs = {run.run_id[:8]: run for run in instance.get_runs()}
        restoring = next(run for run in runs.values() if run.job_name == "restore_silver_requests")
        refused = instance.get_runs(dg.RunsFilter(statuses=[dg.DagsterRunStatus.FAILURE]))
    (written_by,) = re.findall(r"RESTORE - - - (\w{8})", output)
    assert written_by == restoring.run_id[:8]
    assert {run.job_name for run in refused} == {"known_counts", "restore_silver_requests"}
    assert re.search(r"1 \S+ \S+ WRITE 3 ", output)
    assert "All versions from 0 on can be read and restored." in output

    code, output = invoke("maintain", "--dry-run")
    assert code == 0, output
    assert re.search(r"silver\.requests 0 0 0 bytes 0 \d", output)
    assert "A dry run: nothing was changed" in output
    assert "gold.daily_counts" not in output
