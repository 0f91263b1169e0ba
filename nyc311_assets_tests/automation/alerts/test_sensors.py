from __future__ import annotations

import warnings
from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
from dagster._core.storage.tags import RETRY_NUMBER_TAG, ROOT_RUN_ID_TAG

from nyc311_assets.automation.alerts import ticks
from nyc311_assets.automation.alerts.late_data import Deadline
from nyc311_assets.automation.alerts.sensors import alert_sensors
from nyc311_assets.automation.alerts.ticks import AlertDesk
from nyc311_assets.definitions import build_definitions
from nyc311_assets.pipeline.cities import NEW_YORK
from nyc311_assets.settings import LakehouseUnknown, Settings
from nyc311_assets_tests.automation.alerts.desks import (
    NOON,
    TODAY,
    Box,
    Clock,
    desk,
    episode,
    refusal,
    write_episodes,
)


@pytest.fixture
def instance() -> Iterator[dg.DagsterInstance]:
    with dg.DagsterInstance.ephemeral() as ephemeral:
        yield ephemeral


@pytest.fixture
def box(monkeypatch: pytest.MonkeyPatch) -> Box:
    channel = Box()
    monkeypatch.setattr(ticks, "open_channels", lambda *_: [channel])
    return channel


def tick(
    name: str,
    instance: dg.DagsterInstance,
    alert_desk: AlertDesk,
    cursor: str | None = None,
    definitions: dg.Definitions | None = None,
) -> str | None:
    (sensor,) = (
        each for each in alert_sensors(dg.DefaultSensorStatus.STOPPED) if each.name == name
    )
    context = dg.build_sensor_context(
        instance=instance,
        cursor=cursor,
        resources={"alert_desk": alert_desk},
        definitions=definitions,
    )
    result = sensor(context)
    assert isinstance(result, dg.SensorResult)
    return result.cursor


def materialized(instance: dg.DagsterInstance, asset: str = "anomalies", **metadata: str) -> None:
    instance.report_runless_asset_event(dg.AssetMaterialization(asset, metadata=metadata))


@pytest.mark.parametrize(("in_production", "status"), [(True, "RUNNING"), (False, "STOPPED")])
def test_the_sensors_run_by_themselves_in_production_only(in_production: bool, status: str) -> None:
    definitions = build_definitions(Settings(), in_production=in_production)
    for name in ("streaks", "watch_digest", "failed_runs", "failed_checks", "late_data"):
        assert definitions.resolve_sensor_def(name).default_status.value == status


def test_streaks_tell_once_over_restarts_and_repeated_materializations(
    instance: dg.DagsterInstance, tmp_path: Path, box: Box
) -> None:
    clock = Clock()
    here = desk(tmp_path, clock)
    assert tick("streaks", instance, here) is None
    materialized(instance)
    write_episodes(here.settings.tables_url, [episode(tier="confirmed")])
    cursor = tick("streaks", instance, here)
    assert box.kinds == ["confirmed"]
    tick("streaks", instance, here, cursor)
    materialized(instance)
    tick("streaks", instance, here, cursor)
    tick("streaks", instance, here, None)  # the cursor was lost
    assert box.kinds == ["confirmed"]
    here.ledger.acknowledge("e1", by="Ada", now=clock.now)
    write_episodes(here.settings.tables_url, [episode(tier="confirmed", excess=1000.0)])
    tick("streaks", instance, here)
    assert box.kinds == ["confirmed"]
    clock.now += timedelta(minutes=1)
    write_episodes(here.settings.tables_url, [episode(tier="confirmed", excess=1300.0)])
    tick("streaks", instance, here)
    assert box.kinds == ["confirmed", "worsened"]


def test_an_alert_that_did_not_arrive_is_sent_at_the_next_tick_without_news(
    instance: dg.DagsterInstance, tmp_path: Path, box: Box
) -> None:
    here = desk(tmp_path, Clock())
    write_episodes(here.settings.tables_url, [episode()])
    materialized(instance)
    box.error = refusal()
    cursor = tick("streaks", instance, here)
    box.error = None
    tick("streaks", instance, here, cursor)
    assert box.kinds == ["opened"]


def test_a_table_that_cannot_be_read_leaves_the_cursor(
    instance: dg.DagsterInstance, tmp_path: Path, box: Box
) -> None:
    here = desk(tmp_path, Clock(), catalog="nyc")
    materialized(instance)
    with pytest.raises(LakehouseUnknown, match="NYC311_LAKEHOUSE_URL"):
        tick("streaks", instance, here)
    assert box.got == []


def test_the_digest_is_one_message_a_day_and_only_with_something_new(
    instance: dg.DagsterInstance, tmp_path: Path, box: Box
) -> None:
    clock = Clock(datetime(2026, 3, 11, 6, 59, tzinfo=NEW_YORK.time_zone).astimezone(UTC))
    here = desk(tmp_path, clock)
    many = [episode(f"e{n}", severity=float(n)) for n in range(12)]
    write_episodes(here.settings.tables_url, [*many, episode("c", tier="confirmed")])
    tick("watch_digest", instance, here)
    assert box.got == []
    clock.now += timedelta(minutes=1)
    tick("watch_digest", instance, here)
    (message,) = box.got
    lines = message.body.splitlines()
    assert message.title == "On watch 2026-03-11: 12 series"
    assert len(lines) == 11
    assert lines[0].startswith("1. new: Illegal Parking in BRONX: +834 requests")
    assert lines[-1].endswith("(2 more)")
    write_episodes(here.settings.tables_url, [*many, episode("later")])
    tick("watch_digest", instance, here)
    assert len(box.got) == 1
    clock.now += timedelta(days=1)
    tick("watch_digest", instance, here)
    assert "13 series" in box.got[1].title
    clock.now += timedelta(days=1)
    tick("watch_digest", instance, here)
    assert len(box.got) == 2


@pytest.mark.parametrize("day", [date(2026, 3, 8), date(2026, 11, 1)])
def test_a_day_on_which_the_clocks_change_has_one_digest(
    instance: dg.DagsterInstance, tmp_path: Path, box: Box, day: date
) -> None:
    midnight = datetime(day.year, day.month, day.day, tzinfo=NEW_YORK.time_zone).astimezone(UTC)
    clock = Clock(midnight)
    here = desk(tmp_path, clock)
    last = day - timedelta(days=1)
    write_episodes(here.settings.tables_url, [episode(start=last, peak=last, end=last)])
    for quarter in range(92):
        clock.now = midnight + timedelta(minutes=15 * quarter)
        tick("watch_digest", instance, here)
    assert box.kinds == ["watch_digest"]
    assert here.ledger.read()[0].created_at.astimezone(NEW_YORK.time_zone).hour == 7


@dg.op
def breaks() -> None:
    raise dg.Failure(
        "Databricks run 5 ended as FAILED",
        metadata={"remote_traceback": "Traceback …\nZeroDivisionError: on the cluster"},
    )


@dg.job
def breaking() -> None:
    breaks()


def test_a_failed_run_is_told_once_with_its_remote_traceback_and_its_retry_is_not(
    instance: dg.DagsterInstance, tmp_path: Path, box: Box
) -> None:
    here = desk(tmp_path, ticks.utc_now)  # type: ignore[arg-type]
    first = breaking.execute_in_process(instance=instance, raise_on_error=False)
    cursor = tick("failed_runs", instance, here)
    (message,) = box.got
    assert "ZeroDivisionError: on the cluster" in message.body
    assert "ended as FAILED" in message.body
    assert f"/runs/{first.run_id}" in message.body
    breaking.execute_in_process(
        instance=instance,
        raise_on_error=False,
        tags={ROOT_RUN_ID_TAG: first.run_id, RETRY_NUMBER_TAG: "1"},
    )
    tick("failed_runs", instance, here, cursor)
    tick("failed_runs", instance, here, None)
    assert len(box.got) == 1
    breaking.execute_in_process(instance=instance, raise_on_error=False)
    tick("failed_runs", instance, here, cursor)
    assert len(box.got) == 2


def _checked() -> dg.AssetsDefinition:
    def spec(name: str) -> dg.AssetCheckSpec:
        about = {"owner": "source steward", "runbook": f"docs/runbook.md#{name}"}
        return dg.AssetCheckSpec(name, asset="checked", metadata=about)

    @dg.asset(check_specs=[spec("good"), spec("bad"), spec("worse")])
    def checked() -> Iterator[Any]:
        yield dg.MaterializeResult(
            check_results=[
                dg.AssetCheckResult(check_name="good", passed=True),
                dg.AssetCheckResult(
                    check_name="bad", passed=False, severity=dg.AssetCheckSeverity.WARN
                ),
                dg.AssetCheckResult(check_name="worse", passed=False),
            ]
        )

    return checked


def test_a_run_s_failed_checks_are_one_message(
    instance: dg.DagsterInstance, tmp_path: Path, box: Box
) -> None:
    here = desk(tmp_path, ticks.utc_now)  # type: ignore[arg-type]
    checked = _checked()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        dg.materialize([checked], instance=instance, tags={"dagster/partition": "2026-03-01"})
    definitions = dg.Definitions(assets=[checked])
    cursor = tick("failed_checks", instance, here, definitions=definitions)
    tick("failed_checks", instance, here, cursor, definitions)
    tick("failed_checks", instance, here, None, definitions)
    (message,) = box.got
    assert (message.title, message.severity) == ("2 checks failed: bad, worse", "critical")
    assert message.body.splitlines()[:2] == [
        "- ERROR checked.worse, 2026-03-01. Owner: source steward. Runbook: docs/runbook.md#worse",
        "- WARN checked.bad, 2026-03-01. Owner: source steward. Runbook: docs/runbook.md#bad",
    ]


def test_late_data_is_told_once_and_once_that_it_is_over(
    instance: dg.DagsterInstance, tmp_path: Path, box: Box
) -> None:
    clock = Clock(NOON)
    here = desk(tmp_path, clock)

    def looks(last: date) -> Sequence[str]:
        materialized(instance, "gold_daily_counts", last_complete_day=last.isoformat())
        tick("late_data", instance, here)
        tick("late_data", instance, here)
        return box.kinds

    tick("late_data", instance, here)
    assert looks(TODAY - timedelta(days=2)) == []
    clock.now += timedelta(days=1)
    assert looks(TODAY - timedelta(days=2)) == ["data_late"]
    clock.now += timedelta(days=3)
    assert looks(TODAY) == ["data_late"]
    assert looks(TODAY + timedelta(days=2)) == ["data_late", "data_late_over"]
    clock.now += timedelta(days=5)
    assert looks(TODAY + timedelta(days=2))[2:] == ["data_late"]


@pytest.mark.parametrize(
    ("now", "is_missed"),
    [
        (datetime(2026, 3, 9, 5, 59), False),
        (datetime(2026, 3, 9, 6, 0), True),
        (datetime(2026, 3, 8, 23, 59), False),
        (datetime(2026, 3, 10, 0, 0), True),
    ],
)
def test_lateness_counts_calendar_days_also_over_the_day_of_23_hours(
    now: datetime, is_missed: bool
) -> None:
    local = now.replace(tzinfo=NEW_YORK.time_zone)
    assert Deadline(2, 6).is_missed(date(2026, 3, 6), local) is is_missed
