from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from nyc311_assets.jobs.session import NotStartedByDagster, open_job
from nyc311_assets_tests.jobs.test_protocol import CONFIG
from nyc311_assets_tests.resources.probe import Run, Step, execute, hardened, script_task

REPORT = """
from datetime import date
from nyc311_assets.jobs.session import open_job
from nyc311_assets.pipeline.checks import Verdict
from nyc311_assets.pipeline.checks.silver import UNIQUE_KEYS

with open_job() as job:
    assert job.lakehouse.root == "/lakehouse" and not job.lakehouse.is_catalog
    job.log(f"{len(job.partitions)} partitions of {job.city.name} in {job.volume}")
    assert job.spark.conf.get("spark.sql.session.timeZone") == "UTC"
    rows = job.spark.range(7).count()
    for partition in job.partitions:
        job.report_partition(partition, {"rows": rows})
        job.report_verdict(partition, Verdict(UNIQUE_KEYS, False, {"rows": rows}))
    job.report_materialized({"rows": rows})
"""


def run(
    home: Path, folder: Path, script: str, *, extras: dict[str, Any], on_new_cluster: bool = True
) -> tuple[Step, list[Any]]:
    client, task = hardened(home), script_task(folder, script)
    if not on_new_cluster:
        task.new_cluster, task.existing_cluster_id = None, "local"
    reported: list[Any] = []

    def step(context: Any) -> Any:
        invocation = client.run(context=context, task=task, extras=extras)
        reported.extend(invocation.get_custom_messages())
        return invocation

    submit: Run = step
    return execute(submit), reported


@pytest.mark.spark
@pytest.mark.parametrize("on_new_cluster", [True, False])
def test_a_job_gets_what_dagster_sends_on_every_kind_of_cluster_and_reports(
    workspace_home: Path, tmp_path: Path, on_new_cluster: bool
) -> None:
    extras = CONFIG.as_extras()
    step, reported = run(
        workspace_home, tmp_path, REPORT, extras=extras, on_new_cluster=on_new_cluster
    )
    assert step.succeeded, step.said
    assert step.metadata["rows"] == 7
    assert "2 partitions of New York" in step.logs
    assert "unique_keys failed for 2026-03-10: {'rows': 7}" in step.logs
    assert [(message["kind"], message["partition"]) for message in reported] == [
        ("partition", "2026-03-10"),
        ("check", "2026-03-10"),
        ("partition", "2026-03-11"),
        ("check", "2026-03-11"),
    ]


def test_a_job_of_another_version_fails_before_it_touches_anything(
    workspace_home: Path, tmp_path: Path
) -> None:
    extras = replace(CONFIG, batch_id="b2").as_extras() | {"horizon_days": 30}
    step, reported = run(workspace_home, tmp_path, REPORT, extras=extras)
    assert not step.succeeded
    assert not reported
    assert "not of one version (missing: nothing; unknown: horizon_days)" in step.said


def test_a_job_that_is_run_by_hand_says_who_runs_it() -> None:
    with pytest.raises(NotStartedByDagster, match="Materialize its asset instead"), open_job():
        pass
