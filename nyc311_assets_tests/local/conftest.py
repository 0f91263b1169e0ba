from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from nyc311_assets.local.external_spark import ExternalSpark
from nyc311_assets.local.spark import SparkServer
from nyc311_assets_tests.local.workspaces import RunningWorkspace, running_workspace


@pytest.fixture(scope="session")
def shared_spark(spark_server: SparkServer) -> Callable[[], ExternalSpark]:
    """Attaches a workspace to the Spark server of the test session, as SPARK_REMOTE would."""
    return lambda: ExternalSpark(spark_server.remote)


@pytest.fixture(scope="session")
def workspace(
    tmp_path_factory: pytest.TempPathFactory, shared_spark: Callable[[], ExternalSpark]
) -> Iterator[RunningWorkspace]:
    """One workspace for all tests that leave it as it was."""
    with running_workspace(tmp_path_factory.mktemp("home"), shared_spark) as workspace:
        yield workspace


@pytest.fixture
def submission() -> dict[str, Any]:
    """A small submission that is right, for tests that make it wrong."""
    return {
        "run_name": "a run",
        "tasks": [
            {
                "task_key": "main",
                "spark_python_task": {"python_file": "/volumes/job.py"},
                "new_cluster": {"spark_version": "17.3.x-scala2.13", "num_workers": 1},
            }
        ],
    }
