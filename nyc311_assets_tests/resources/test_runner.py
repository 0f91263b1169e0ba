from __future__ import annotations

import dagster as dg
import pytest

from nyc311_assets.resources.runner import JobRunner, batch_id
from nyc311_assets.settings import Settings


def run(run_id: str, **tags: str) -> dg.DagsterRun:
    named = {name.replace("__", "/"): value for name, value in tags.items()}
    return dg.DagsterRun(job_name="daily", run_id=run_id, tags=named)


def test_a_run_makes_a_batch_of_its_own() -> None:
    assert batch_id(run("first")) == "first"


def test_an_automatic_retry_continues_the_batch_of_the_run_it_repeats() -> None:
    retry = run("second", dagster__retry_number="1", dagster__root_run_id="first")
    assert batch_id(retry) == "first"


def test_a_run_that_a_person_starts_again_wants_fresh_rows() -> None:
    assert batch_id(run("second", dagster__root_run_id="first")) == "second"


def test_making_the_resource_connects_to_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABRICKS_HOST", "https://nowhere.invalid")
    assert JobRunner(Settings()).settings.compute == "job_cluster"
