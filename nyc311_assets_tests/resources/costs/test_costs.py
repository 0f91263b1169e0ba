from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime

import pytest

from nyc311_assets.resources.compute import NODE_TYPE
from nyc311_assets.resources.costs.month import sum_month
from nyc311_assets.resources.costs.options import (
    Workload,
    around,
    compute_options,
    hosting_options,
)
from nyc311_assets.resources.costs.prices import price_list
from nyc311_assets.resources.costs.runs import Cluster, cluster_cost, price_run
from nyc311_assets.resources.run_rows import StepRun
from nyc311_assets.resources.run_times import RunSeconds
from nyc311_assets_tests.resources.test_recording import RUN

PRICES = price_list()


def test_an_hour_of_a_driver_and_a_spot_worker() -> None:
    """By hand: 2 * 0.69 * 0.15; 0.192 + 0.071; 2 * 180 * 0.08 / 730; 2 * 0.005."""
    parts = cluster_cost(Cluster("m5.xlarge", 1), 3600, PRICES)
    assert parts == pytest.approx(
        {"dbu": 0.207, "instances": 0.263, "disks": 0.0394520548, "addresses": 0.01}
    )


def test_the_researched_month_of_a_single_node_is_met() -> None:
    """Six steps of 8 minutes for 30 days are 24 hours: $2.20 on spot, $3.56 on demand."""
    spot = cluster_cost(Cluster("m5.large", 0, spot_driver=True), 24 * 3600, PRICES)
    sure = cluster_cost(Cluster("m5.large", 0), 24 * 3600, PRICES)
    assert spot["dbu"] + spot["instances"] == pytest.approx(2.196)
    assert sure["dbu"] + sure["instances"] == pytest.approx(3.564)


def test_each_compute_is_paid_for_what_it_bills() -> None:
    seconds = RunSeconds(queue=900, setup=240, execution=600)
    whole = sum(cluster_cost(Cluster(), 240 + 600 + 60, PRICES).values())
    assert price_run("job_cluster", seconds, is_embedded=False).total_usd == pytest.approx(whole)
    # Half an hour is one unit at two an hour: a sixth of an hour is a third of $0.35.
    serverless = price_run("serverless", seconds, is_embedded=False)
    assert serverless.total_usd == pytest.approx(0.35 / 3)
    shared = price_run("existing_cluster", seconds, is_embedded=False)
    # 2 * 0.69 * 0.55 an hour, for a sixth of one.
    assert shared.parts["dbu"] == pytest.approx(0.1265)


def test_a_run_of_the_embedded_workspace_would_have_had_to_start_its_cluster() -> None:
    local = price_run("job_cluster", RunSeconds(setup=2, execution=60), is_embedded=True)
    there = price_run("job_cluster", RunSeconds(setup=300, execution=60), is_embedded=False)
    assert local.total_usd == there.total_usd


def test_without_a_price_there_is_no_cost() -> None:
    cost = price_run(
        "job_cluster", RunSeconds(execution=60), is_embedded=False, cluster=Cluster("z9.huge")
    )
    assert cost.total_usd is None
    assert cost.parts == {}


def test_the_list_has_the_node_that_is_asked_for() -> None:
    assert NODE_TYPE in PRICES.nodes


def test_a_box_costs_its_hours_its_disk_and_its_address() -> None:
    """730 * 0.0168 + 30 * 0.08 + 730 * 0.005."""
    assert hosting_options(PRICES)[0].month_usd == pytest.approx(18.314)


def test_every_compute_on_the_box_is_under_a_hundred_dollars() -> None:
    work = Workload()
    base = around(work, PRICES).month_usd + hosting_options(PRICES)[0].month_usd
    assert all(each.month_usd + base < 100 for each in compute_options(work, PRICES))


def run(name: str, ended_at: datetime, usd: float | None, asset: str = "raw_311") -> StepRun:
    return replace(RUN, run_id=name, ended_at=ended_at, cost_usd=usd, asset=asset)


def test_a_month_is_summed_by_asset_and_goes_on_as_it_did() -> None:
    """After 15 of April's 30 days: 3 + half of 30; twice 3, and 30."""
    month = sum_month(
        [
            run("1", datetime(2026, 3, 31, 23, 59, tzinfo=UTC), 50.0),
            run("2", datetime(2026, 4, 1, tzinfo=UTC), 1.0),
            run("3", datetime(2026, 4, 9, tzinfo=UTC), 2.0, "forecasts"),
            run("4", datetime(2026, 4, 9, tzinfo=UTC), None),
            run("5", datetime(2026, 5, 1, tzinfo=UTC), 50.0),
        ],
        now=datetime(2026, 4, 16, tzinfo=UTC),
        fixed_month_usd=30.0,
        budget_usd=90.0,
    )
    assert month.name == "2026-04"
    assert month.by_asset == {"raw_311": 1.0, "forecasts": 2.0}
    assert (month.runs_usd, month.fixed_usd, month.to_date_usd) == (3.0, 15.0, 18.0)
    assert month.forecast_usd == pytest.approx(36.0)
    assert month.share == pytest.approx(0.2)
    assert month.unpriced_runs == 1


def test_one_run_in_the_first_minute_is_not_taken_for_a_month_of_them() -> None:
    first = datetime(2026, 4, 1, 0, 1, tzinfo=UTC)
    month = sum_month([run("1", first, 1.0)], now=first, fixed_month_usd=0.0, budget_usd=100.0)
    assert month.forecast_usd == pytest.approx(30.0)


def test_the_list_has_a_date_and_a_source_for_every_price() -> None:
    assert date(2026, 1, 1) <= PRICES.date
    assert all(each.source and each.per for each in PRICES.prices.values())
