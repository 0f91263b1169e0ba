from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import boto3
import dagster as dg
import pytest
from moto.server import ThreadedMotoServer

from nyc311_assets.automation.alerts import ticks
from nyc311_assets.automation.alerts.spend import spend_check, spend_sensor
from nyc311_assets.resources.run_log import RunLog
from nyc311_assets.resources.spend_metric import DIMENSION, METRIC, NAMESPACE
from nyc311_assets_tests.automation.alerts.desks import NOON, Box, Clock, desk
from nyc311_assets_tests.infrastructure.servers import free_port
from nyc311_assets_tests.resources.test_recording import RUN


@pytest.fixture
def box(monkeypatch: pytest.MonkeyPatch) -> Box:
    box = Box()
    monkeypatch.setattr(ticks, "open_channels", lambda *_: [box])
    return box


def spend(home: Path, name: str, usd: float, at: datetime = NOON) -> None:
    run = replace(RUN, run_id=name, cost_usd=usd, ended_at=at - timedelta(hours=1))
    RunLog(str(home / "lakehouse")).write(run, [])


def tick(home: Path, clock: Clock, **settings: object) -> None:
    """One tick of a sensor that has just been started: without a cursor, with a new desk."""
    sensor = spend_sensor(dg.DefaultSensorStatus.STOPPED)
    with dg.DagsterInstance.ephemeral() as instance:
        context = dg.build_sensor_context(
            instance, resources={"alert_desk": desk(home, clock, **settings)}
        )
        sensor(context)


def test_each_threshold_is_told_once_a_month_over_restarts(tmp_path: Path, box: Box) -> None:
    clock = Clock()
    spend(tmp_path, "1", 79.9)
    tick(tmp_path, clock)
    assert box.got == []
    spend(tmp_path, "2", 0.1)
    for _ in range(3):
        tick(tmp_path, clock)
    assert [each.title for each in box.got] == ["80 % of the budget of 2026-03 is spent"]
    spend(tmp_path, "3", 20.0)
    for _ in range(2):
        tick(tmp_path, clock)
    assert [(each.severity, each.attributes["threshold"]) for each in box.got] == [
        ("warning", "80"),
        ("critical", "100"),
    ]
    clock.now = datetime(2026, 4, 20, tzinfo=UTC)
    tick(tmp_path, clock)
    assert len(box.got) == 2
    spend(tmp_path, "4", 85.0, clock.now)
    tick(tmp_path, clock)
    assert box.got[-1].attributes["month"] == "2026-04"


def test_both_thresholds_at_once_are_one_message(tmp_path: Path, box: Box) -> None:
    spend(tmp_path, "1", 500.0)
    tick(tmp_path, Clock())
    assert [each.attributes["threshold"] for each in box.got] == ["100"]
    outcomes = {
        each.attributes["threshold"]: each.outcome for each in desk(tmp_path, Clock()).ledger.read()
    }
    assert outcomes == {"80": "folded", "100": "send"}


def test_the_budget_is_a_setting(tmp_path: Path, box: Box) -> None:
    spend(tmp_path, "1", 9.0)
    tick(tmp_path, Clock(), budget_usd=10.0)
    assert [each.attributes["threshold"] for each in box.got] == ["80"]


@pytest.fixture
def aws(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    port = free_port()
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=port, verbose=False)
    server.start()
    for name, value in {
        "AWS_ENDPOINT_URL": f"http://127.0.0.1:{port}",
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
    }.items():
        monkeypatch.setenv(name, value)
    yield f"http://127.0.0.1:{port}"
    server.stop()


@pytest.mark.usefixtures("aws", "box")
def test_the_spend_is_a_metric_of_its_environment(tmp_path: Path) -> None:
    spend(tmp_path, "1", 12.5)
    tick(tmp_path, Clock(), cloudwatch_region="us-east-1", environment="qa")
    (found,) = boto3.client("cloudwatch", region_name="us-east-1").get_metric_data(
        MetricDataQueries=[
            {
                "Id": "spend",
                "MetricStat": {
                    "Metric": {
                        "Namespace": NAMESPACE,
                        "MetricName": METRIC,
                        "Dimensions": [{"Name": DIMENSION, "Value": "qa"}],
                    },
                    "Period": 60,
                    "Stat": "Maximum",
                },
            }
        ],
        StartTime=NOON - timedelta(hours=1),
        EndTime=NOON + timedelta(hours=1),
    )["MetricDataResults"]
    assert found["Values"] == [12.5]


def test_alerts_go_out_although_cloudwatch_does_not_answer(
    tmp_path: Path, box: Box, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "test")
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    spend(tmp_path, "1", 90.0)
    tick(tmp_path, Clock(), cloudwatch_region="us-east-1")
    assert len(box.got) == 1


@pytest.mark.parametrize(("usd", "passed"), [(99.0, True), (101.0, False)])
def test_the_check_passes_under_the_budget(tmp_path: Path, usd: float, passed: bool) -> None:
    spend(tmp_path, "1", usd)
    result = spend_check()(desk(tmp_path, Clock()))
    assert isinstance(result, dg.AssetCheckResult)
    assert (result.passed, result.severity) == (passed, dg.AssetCheckSeverity.WARN)


def test_spend_that_is_not_known_is_a_failed_check_not_a_failed_run(tmp_path: Path) -> None:
    result = spend_check()(desk(tmp_path, Clock(), catalog="prod"))
    assert isinstance(result, dg.AssetCheckResult)
    assert not result.passed
    assert "NYC311_LAKEHOUSE_URL" in (result.description or "")
