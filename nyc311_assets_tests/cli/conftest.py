from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from nyc311_assets.local.lifecycle import stop_workspace
from nyc311_assets.local.spark import SparkServer


@pytest.fixture
def empty_home(
    tmp_path: Path, spark_server: SparkServer, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Path]:
    """A home whose workspace takes the tests' Spark, and is stopped afterwards."""
    monkeypatch.setenv("SPARK_REMOTE", spark_server.remote)
    yield tmp_path / "home"
    stop_workspace(tmp_path / "home")
