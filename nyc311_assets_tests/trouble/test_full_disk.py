"""A disk that is full: the step fails and says so, and once there is room it can run again."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, timedelta
from pathlib import Path

import dagster as dg
import pytest
from pyspark.sql import SparkSession

from nyc311_assets.definitions import build_definitions
from nyc311_assets.local.dagster_home import prepare_dagster_home
from nyc311_assets.local.lifecycle import stop_workspace
from nyc311_assets.pipeline.catalog import layers
from nyc311_assets.pipeline.cities import NEW_YORK
from nyc311_assets.pipeline.tables import Lakehouse, Table
from nyc311_assets.settings import Settings
from nyc311_assets_tests.pipeline.road import request, serving, write_rows
from nyc311_assets_tests.shared_spark import SharedSpark

pytestmark = [pytest.mark.spark, pytest.mark.long]

DAY = date(2026, 3, 10)
DAYS = [DAY - timedelta(days=age) for age in range(9)]
DISK_MEGABYTES = 8
ASSETS = ("raw_311", "silver_requests", "gold_daily_counts")
# A time of the run, or a name that it drew.
OF_THE_RUN = frozenset({"batch_id", "ingested_at", "run"})


@contextmanager
def small_disk(folder: Path) -> Iterator[None]:
    """A file system of a few megabytes at a folder."""
    folder.mkdir(parents=True)
    options = f"size={DISK_MEGABYTES}m"
    mount, unmount = shutil.which("mount"), shutil.which("umount")
    if mount is None or unmount is None:
        pytest.skip("this system has no mount command")
    mounted = subprocess.run(
        [mount, "-t", "tmpfs", "-o", options, "tmpfs", str(folder)],
        capture_output=True,
        text=True,
        check=False,
    )
    if mounted.returncode:
        pytest.skip(f"no small file system can be mounted here: {mounted.stderr.strip()}")
    try:
        yield
    finally:
        subprocess.run([unmount, "--lazy", str(folder)], check=True)


@contextmanager
def filled(folder: Path) -> Iterator[None]:
    """The file system of a folder without a byte to spare."""
    ballast = folder / "ballast"
    with ballast.open("wb", buffering=0) as file, pytest.raises(OSError, match="No space left"):
        while True:
            file.write(bytes(4096))
    yield
    ballast.unlink()


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    rows = [
        request(10 * index + number, f"{day}T10:00:0{number}.000")
        for index, day in enumerate(DAYS)
        for number in range(3 + index % 2)
    ]
    with serving(write_rows(tmp_path_factory.mktemp("rows") / "rows.csv", rows)) as url:
        yield url


def run(settings: Settings, *assets: str) -> tuple[bool, str]:
    """Run some assets' steps; returns whether they succeeded, and what a failure said."""
    definitions = build_definitions(settings, in_production=False)
    home = prepare_dagster_home(settings.dagster_home)
    with dg.DagsterInstance.from_config(str(home)) as instance:
        result = definitions.resolve_job_def("daily").execute_in_process(
            instance=instance,
            partition_key=DAY.isoformat(),
            asset_selection=[dg.AssetKey(asset) for asset in assets],
            raise_on_error=False,
        )
        failures = [
            event.step_failure_data.error.to_string()
            for event in result.all_events
            if event.is_step_failure and event.step_failure_data.error
        ]
    return result.success, "\n".join(failures)


def tables(spark: SparkSession, settings: Settings) -> dict[str, list[str]]:
    found = {}
    for layer in (each for each in layers(NEW_YORK) if each.asset in ASSETS):
        for contract in layer.contracts:
            table = Table(spark, Lakehouse(str(settings.home / "lakehouse")), contract)
            columns = [name for name in contract.column_names if name not in OF_THE_RUN]
            found[contract.name] = sorted(map(repr, table.read().select(*columns).collect()))
    return found


def test_each_layers_step_names_the_full_disk_and_ends_well_once_there_is_room(
    spark: SparkSession,
    spark_server: SharedSpark,
    source: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("SPARK_REMOTE", spark_server.remote)
    monkeypatch.delenv("DATABRICKS_HOST", raising=False)
    undisturbed, disturbed = (
        Settings(home=tmp_path / name, soda_url=source, start_date=DAYS[-1])
        for name in ("undisturbed", "disturbed")
    )
    lakehouse = disturbed.home / "lakehouse"
    try:
        with small_disk(lakehouse):
            succeeded, said = run(undisturbed, *ASSETS)
            assert succeeded, said
            for asset in ASSETS:
                with filled(lakehouse):
                    succeeded, said = run(disturbed, asset)
                assert not succeeded
                assert "disk is full" in said
                assert str(lakehouse) in said
                assert "run the step again" in said
                succeeded, said = run(disturbed, asset)
                assert succeeded, said
            assert tables(spark, disturbed) == tables(spark, undisturbed)
    finally:
        for settings in (undisturbed, disturbed):
            stop_workspace(settings.home)
