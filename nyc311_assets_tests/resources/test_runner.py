from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import dagster as dg
import pytest
from databricks.sdk import WorkspaceClient

from nyc311_assets.jobs.protocol import JobConfig
from nyc311_assets.pipeline.tables import Lakehouse
from nyc311_assets.resources import runner
from nyc311_assets.resources.redaction import Redactor
from nyc311_assets.resources.runner import JobRunner, batch_id
from nyc311_assets.resources.workspace import Site
from nyc311_assets.settings import Settings


def run(run_id: str, **tags: str) -> dg.DagsterRun:
    named = {name.replace("__", "/"): value for name, value in tags.items()}
    return dg.DagsterRun(job_name="daily", run_id=run_id, tags=named)


SITE = Site(
    client=WorkspaceClient(host="http://nowhere.invalid", token="t"),
    volume_path="/v",
    entries_path="/e",
    wheel=None,
    lakehouse=Lakehouse("/l"),
    soda_url="http://s",
    poll_interval_seconds=1,
    grace_seconds=1,
)


class _Sent(Exception):
    """The submission is what the test is about."""


def test_a_run_makes_a_batch_of_its_own() -> None:
    assert batch_id(run("first")) == "first"


def test_an_automatic_retry_continues_the_batch_of_the_run_it_repeats() -> None:
    retry = run("second", dagster__retry_number="1", dagster__root_run_id="first")
    assert batch_id(retry) == "first"


def test_a_run_that_a_person_starts_again_wants_fresh_rows() -> None:
    assert batch_id(run("second", dagster__root_run_id="first")) == "second"


def sent_for(partitions: list[str], monkeypatch: pytest.MonkeyPatch, home: Path) -> JobConfig:
    """What a job on these partitions is told."""
    sent: dict[str, Any] = {}

    class Client:
        latest_run = None

        def __init__(self, *_: Any, **__: Any) -> None:
            self.redact = Redactor([])

        def run(self, *, extras: dict[str, Any], **_: Any) -> None:
            sent.update(extras)
            raise _Sent

    monkeypatch.setattr(runner, "open_site", lambda _: SITE)
    monkeypatch.setattr(runner, "HardenedPipesDatabricksClient", Client)

    @dataclass
    class Context:
        partition_keys: list[str]
        run: dg.DagsterRun
        run_id: str = "first"
        op_handle: str = "raw_311"
        retry_number: int = 0

    context = cast("dg.AssetExecutionContext", Context(partitions, run("first")))
    with pytest.raises(_Sent):
        JobRunner(Settings(home=home)).run(context, "raw_311")
    return JobConfig.from_extras(sent)


@pytest.mark.parametrize("hold_back", [True, False])
def test_a_job_is_told_whether_to_hold_days_back(
    monkeypatch: pytest.MonkeyPatch, hold_back: bool, tmp_path: Path
) -> None:
    monkeypatch.setenv("NYC311_HOLD_BACK", str(hold_back).lower())
    assert sent_for(["2026-03-01"], monkeypatch, tmp_path).hold_back is hold_back


def test_making_the_resource_connects_to_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABRICKS_HOST", "https://nowhere.invalid")
    assert JobRunner(Settings()).settings.compute == "job_cluster"
