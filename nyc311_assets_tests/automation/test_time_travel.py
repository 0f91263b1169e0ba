from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import dagster as dg
import pytest

from nyc311_assets.automation.time_travel import (
    restore_job_name,
    restore_op,
    time_travel_jobs,
    writers,
)
from nyc311_assets.pipeline.catalog import Layer, layers
from nyc311_assets.pipeline.cities import NEW_YORK

JOBS = {job.name: job for job in time_travel_jobs()}
SILVER = layers(NEW_YORK)[1]


@pytest.fixture
def instance() -> Iterator[dg.DagsterInstance]:
    with dg.DagsterInstance.ephemeral() as instance:
        yield instance


def run_step(instance: dg.DagsterInstance, name: str) -> tuple[datetime, str]:
    """Run one step; returns a time at which it was under way, and its run."""
    times: list[datetime] = []

    @dg.op(name=name)
    def step() -> None:
        time.sleep(0.02)
        times.append(datetime.now(UTC))
        time.sleep(0.02)

    @dg.job(name=f"job_of_{name}")
    def job() -> None:
        step()

    result = job.execute_in_process(instance=instance)
    return times[0], result.run_id


def test_a_version_was_written_by_the_run_whose_step_was_at_work_on_the_table(
    instance: dg.DagsterInstance,
) -> None:
    before = datetime.now(UTC)
    first, first_run = run_step(instance, "silver_requests")
    other, _ = run_step(instance, "gold_daily_counts")
    second, second_run = run_step(instance, "maintain_silver")
    found = writers(
        instance, {"silver_requests", "maintain_silver"}, [second, other, first, before]
    )
    assert found == {first: first_run, second: second_run}
    assert writers(instance, {"silver_requests"}, []) == {}


def test_only_the_jobs_that_write_take_a_pool_and_it_is_their_tables() -> None:
    pools = {
        node.name: node.pool
        for job in JOBS.values()
        for node in job.graph.node_defs
        if isinstance(node, dg.OpDefinition)
    }
    assert pools == {
        "read_history": None,
        "count_as_known": None,
        **{restore_op(layer): layer.pool for layer in layers(NEW_YORK)},
    }


class SilentRunner:
    def ask(self, _context: Any, entry: str, parameters: dict[str, Any]) -> dict[str, Any]:
        raise AssertionError(f"asked {entry} for {parameters}")


@pytest.mark.parametrize(
    ("layer", "config", "said"),
    [
        (SILVER, {"table": "silver.requests"}, "either to_version or to_time"),
        (
            SILVER,
            {"table": "silver.requests", "to_version": 1, "to_time": "2026-03-01T00:00:00Z"},
            "either to_version or to_time",
        ),
        (
            SILVER,
            {"table": "gold.daily_counts", "to_version": 1},
            "not a table that silver_requests",
        ),
    ],
)
def test_a_restore_that_is_not_meant_so_fails_before_anything_is_asked(
    layer: Layer, config: dict[str, Any], said: str
) -> None:
    with pytest.raises(dg.Failure, match=said):
        JOBS[restore_job_name(layer)].execute_in_process(
            run_config={"ops": {restore_op(layer): {"config": config}}},
            resources={"runner": SilentRunner()},
        )
