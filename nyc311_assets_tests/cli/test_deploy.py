"""`nyc311 deploy`, against the embedded workspace's Files API."""

from __future__ import annotations

import re
import zipfile
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from nyc311_assets.cli.app import app
from nyc311_assets.local.lifecycle import ensure_workspace
from nyc311_assets.resources.artifacts import entries_path, wheel_path

SOURCE = Path(__file__).parents[2]


@pytest.fixture
def volume(workspace_home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A Volume of the embedded workspace, which the command takes for a Databricks one."""
    workspace = ensure_workspace(workspace_home)
    monkeypatch.setenv("DATABRICKS_HOST", workspace.host)
    monkeypatch.setenv("DATABRICKS_TOKEN", workspace.token)
    path = workspace_home / "volumes" / tmp_path.name
    path.mkdir()
    monkeypatch.setenv("NYC311_VOLUME_PATH", str(path))
    return path


def deploy(*arguments: str) -> Result:
    return CliRunner().invoke(
        app, ["deploy", "--target", "dev", "--source", str(SOURCE), *arguments]
    )


def test_the_wheel_and_the_entries_are_uploaded_once(volume: Path) -> None:
    first = deploy()
    assert first.exit_code == 0, first.output
    wheel = Path(wheel_path(str(volume)))
    with zipfile.ZipFile(wheel) as opened:
        names = opened.namelist()
        [about] = [name for name in names if name.endswith("/METADATA")]
        needs = opened.read(about).decode()
    assert "nyc311_assets/pipeline/silver.py" in names
    # What Dagster and the dashboard need are extras: the cluster does not get it.
    installed = {
        re.split(r"[^\w.-]", line.removeprefix("Requires-Dist: "))[0]
        for line in needs.splitlines()
        if line.startswith("Requires-Dist: ") and "extra ==" not in line
    }
    assert "prophet" in installed
    assert not installed & {"dagster", "streamlit", "pyspark", "delta-spark"}
    entries = {path.name for path in Path(entries_path(str(volume))).iterdir()}
    assert {"raw_311.py", "anomalies.py", "maintain.py", "upkeep.py"} <= entries
    assert "session.py" not in entries
    written = {path: path.stat().st_mtime_ns for path in volume.rglob("*") if path.is_file()}
    second = deploy()
    assert second.exit_code == 0, second.output
    assert f"dev: 0 uploaded, {len(written)} as they were" in second.output
    assert {path: path.stat().st_mtime_ns for path in written} == written


def test_a_deployment_that_was_cut_off_is_completed(volume: Path) -> None:
    deploy()
    entry = Path(entries_path(str(volume))) / "raw_311.py"
    whole = entry.read_bytes()
    entry.write_bytes(whole[:40])
    again = deploy()
    assert f"uploaded   {entry}" in again.output
    assert "dev: 1 uploaded" in again.output
    assert entry.read_bytes() == whole


def test_a_volume_that_is_not_there_is_named(volume: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NYC311_VOLUME_PATH", f"{volume}/none")
    result = deploy()
    assert result.exit_code == 1
    assert f"has no Volume {volume}/none" in result.output
    assert "databricks bundle deploy" in result.output


@pytest.mark.usefixtures("volume")
def test_a_wrong_token_is_told_with_the_setting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABRICKS_TOKEN", "dapi-wrong")
    result = deploy()
    assert result.exit_code == 1
    assert "DATABRICKS_TOKEN" in result.output
    assert "dapi-wrong" not in result.output


@pytest.mark.usefixtures("volume")
def test_wrong_use_is_refused_with_what_to_do(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    wrong = CliRunner().invoke(app, ["deploy", "--target", "qa"])
    assert (wrong.exit_code, "choose dev or prod" in wrong.output) == (2, True)
    elsewhere = CliRunner().invoke(app, ["deploy", "--target", "dev", "--source", str(tmp_path)])
    assert (elsewhere.exit_code, "--source" in elsewhere.output) == (2, True)
    monkeypatch.setenv("NYC311_VOLUME_PATH", "/Volumes/nyc311_prod/ops/files")
    other = deploy()
    assert (other.exit_code, "is of target prod and not of dev" in other.output) == (2, True)
    monkeypatch.delenv("DATABRICKS_HOST")
    assert "DATABRICKS_HOST is not set" in deploy().output


def test_the_same_source_makes_the_same_wheel(volume: Path) -> None:
    deploy()
    wheel = Path(wheel_path(str(volume)))
    first = wheel.read_bytes()
    wheel.unlink()
    deploy()
    assert wheel.read_bytes() == first
