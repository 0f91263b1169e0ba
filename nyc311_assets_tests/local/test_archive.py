from __future__ import annotations

import shutil
from pathlib import Path

import psutil
import pytest
from pyspark.sql import SparkSession

from nyc311_assets.local.archive import archive_path
from nyc311_assets.local.jars import jars_folder
from nyc311_assets.local.spark import SparkServer
from nyc311_assets.local.warm_archive import ensure_archive, use_delta
from nyc311_assets_tests.shared_spark import SharedSpark


def has_mapped(server: SparkServer, archive: Path) -> bool:
    assert server.pid is not None
    return str(archive) in Path(f"/proc/{server.pid}/maps").read_text()


def count(remote: str, folder: Path) -> None:
    del folder
    spark = SparkSession.builder.remote(remote).create()
    assert spark.range(3).count() == 3
    spark.stop()


@pytest.mark.spark
@pytest.mark.long
@pytest.mark.skipif(not psutil.LINUX, reason="tells by /proc whether Java uses the archive")
def test_spark_starts_from_its_archive_and_without_one_that_does_not_fit(tmp_path: Path) -> None:
    shutil.copytree(jars_folder(), jars_folder(tmp_path))
    said: list[str] = []
    archive = ensure_archive(said.append, tmp_path, count)
    assert said == ["Preparing Spark for quick starts"]
    assert ensure_archive(said.append, tmp_path) == archive
    assert len(said) == 1
    left = {path.name for path in archive.parent.iterdir()}
    assert left == {archive.name, archive.with_suffix(".lock").name, jars_folder(tmp_path).name}

    server = SparkServer(tmp_path / "home", driver_memory="1g", prefix=tmp_path)
    server.start(120)
    assert has_mapped(server, archive)
    server.stop()

    archive.chmod(0o644)
    archive.write_bytes(b"no archive")
    server.start(120)
    assert not has_mapped(server, archive)
    server.stop()


@pytest.mark.spark
def test_the_archive_is_made_from_what_the_jobs_do(
    spark_server: SharedSpark, tmp_path: Path
) -> None:
    use_delta(spark_server.remote, tmp_path)
    assert len(list((tmp_path / "table" / "_delta_log").glob("*.json"))) == 3


def test_other_jars_have_another_archive(tmp_path: Path) -> None:
    names = {archive_path(tmp_path / name / "delta").name for name in ("a", "b")}
    assert len(names) == 2
