from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any

import dagster as dg
import pytest

from nyc311_assets.assets import gold_daily_counts, raw_311, silver_requests
from nyc311_assets.jobs.protocol import check_message, partition_message
from nyc311_assets.partitions import daily_partitions
from nyc311_assets.pipeline.checks import (
    GOLD_CHECKS,
    RAW_CHECKS,
    SILVER_CHECKS,
    CheckSpec,
    Verdict,
)
from nyc311_assets.pipeline.checks.raw import RECONCILED
from nyc311_assets.pipeline.checks.repeats import NOT_FLAT_LINED
from nyc311_assets.pipeline.checks.silver import UNIQUE_KEYS
from nyc311_assets.settings import Settings

KEYS = ["2026-03-01", "2026-03-02", "2026-03-03"]
CHECKS = {"raw_311": RAW_CHECKS, "silver_requests": SILVER_CHECKS, "gold_daily_counts": GOLD_CHECKS}
PARTITIONS = daily_partitions(Settings(start_date=date(2026, 2, 1)))


@dataclass
class Report:
    """What a job's Pipes session would hold after it: one materialization, many messages."""

    asset: str
    messages: list[Mapping[str, Any]]

    def get_materialize_result(
        self, *, implicit_materialization: bool
    ) -> dg.MaterializeResult[Any]:
        assert not implicit_materialization
        return dg.MaterializeResult(asset_key=self.asset, metadata={"rows": 30})

    def get_custom_messages(self) -> list[Mapping[str, Any]]:
        return self.messages


@dataclass
class ReportingRunner:
    """Stands where the cluster is: reports the verdicts that it is given, all others passed."""

    failures: Mapping[tuple[str, str], bool] = field(default_factory=dict)
    settings: Settings = field(default_factory=Settings)

    def run(self, context: dg.AssetExecutionContext, entry: str) -> Report:
        messages: list[Mapping[str, Any]] = []
        for key in context.partition_keys:
            day = date.fromisoformat(key)
            messages.append(partition_message(day, {"rows_expected": day.day}))
            messages += [self._verdict(day, spec) for spec in CHECKS[entry]]
        return Report(entry, messages)

    def _verdict(self, day: date, spec: CheckSpec) -> Mapping[str, Any]:
        failure = self.failures.get((spec.name, day.isoformat()))
        verdict = Verdict(spec, failure is None, {"rows": 1}, blocks_run=bool(failure))
        return check_message(
            day,
            name=spec.name,
            passed=verdict.passed,
            severity=spec.severity,
            blocks_run=verdict.blocks_run,
            figures=verdict.figures,
        )


@pytest.fixture
def instance() -> Iterator[dg.DagsterInstance]:
    with dg.DagsterInstance.ephemeral() as ephemeral:
        yield ephemeral


def run(
    instance: dg.DagsterInstance,
    runner: ReportingRunner,
    keys: list[str],
    *,
    as_range: bool = False,
) -> dg.ExecuteInProcessResult:
    definitions = dg.Definitions(
        assets=[raw_311(PARTITIONS), silver_requests(PARTITIONS), gold_daily_counts(PARTITIONS)],
        resources={"runner": runner},
    )
    tags = {
        "dagster/asset_partition_range_start": keys[0],
        "dagster/asset_partition_range_end": keys[-1],
    }
    is_range = as_range or len(keys) > 1
    return definitions.resolve_implicit_global_asset_job_def().execute_in_process(
        instance=instance,
        raise_on_error=False,
        partition_key=None if is_range else keys[0],
        tags=tags if is_range else None,
    )


def materialized(result: dg.ExecuteInProcessResult) -> set[str]:
    return {
        event.asset_key.to_user_string()
        for event in result.get_asset_materialization_events()
        if event.asset_key
    }


def evaluations(result: dg.ExecuteInProcessResult, name: str) -> dict[str | None, tuple[bool, str]]:
    return {
        evaluation.partition: (evaluation.passed, evaluation.severity.value)
        for evaluation in result.get_asset_check_evaluations()
        if evaluation.check_name == name
    }


def test_a_range_reports_metadata_and_checks_for_each_partition(
    instance: dg.DagsterInstance,
) -> None:
    result = run(instance, ReportingRunner(), KEYS)
    assert result.success
    events = [
        event.step_materialization_data.materialization
        for event in result.get_asset_materialization_events()
        if event.asset_key == dg.AssetKey("raw_311")
    ]
    assert {event.partition: event.metadata["rows_expected"].value for event in events} == {
        "2026-03-01": 1,
        "2026-03-02": 2,
        "2026-03-03": 3,
    }
    found = evaluations(result, RECONCILED.name)
    assert found.keys() == {None, *KEYS}
    assert all(passed for passed, _ in found.values())


@pytest.mark.parametrize("passed", [True, False])
def test_a_backfill_of_one_day_has_the_checks_of_that_day(
    instance: dg.DagsterInstance, passed: bool
) -> None:
    failures = {} if passed else {(RECONCILED.name, KEYS[0]): False}
    result = run(instance, ReportingRunner(failures), KEYS[:1], as_range=True)
    assert materialized(result) == (set(CHECKS) if passed else {"raw_311"})
    assert evaluations(result, RECONCILED.name) == {
        KEYS[0]: (passed, "ERROR"),
        None: (passed, "ERROR"),
    }
    rows = result.get_asset_materialization_events()[0].step_materialization_data.materialization
    assert (rows.partition, rows.metadata["rows_expected"].value) == (KEYS[0], 1)


def test_one_bad_day_of_a_range_is_marked_and_the_others_go_on(
    instance: dg.DagsterInstance,
) -> None:
    result = run(instance, ReportingRunner({(RECONCILED.name, KEYS[1]): False}), KEYS)
    assert result.success
    assert materialized(result) == {"raw_311", "silver_requests", "gold_daily_counts"}
    assert evaluations(result, RECONCILED.name) == {
        KEYS[0]: (True, "ERROR"),
        KEYS[1]: (False, "ERROR"),
        KEYS[2]: (True, "ERROR"),
        None: (False, "WARN"),
    }


def test_a_failure_that_makes_other_days_wrong_stops_the_range(
    instance: dg.DagsterInstance,
) -> None:
    result = run(instance, ReportingRunner({(UNIQUE_KEYS.name, KEYS[1]): True}), KEYS)
    assert not result.success
    assert materialized(result) == {"raw_311", "silver_requests"}


def test_a_range_of_only_bad_days_stops(instance: dg.DagsterInstance) -> None:
    failures = {(RECONCILED.name, key): False for key in KEYS}
    result = run(instance, ReportingRunner(failures), KEYS)
    assert not result.success
    assert materialized(result) == {"raw_311"}


def test_a_failed_blocking_check_of_a_single_day_stops_what_is_downstream(
    instance: dg.DagsterInstance,
) -> None:
    result = run(instance, ReportingRunner({(RECONCILED.name, KEYS[0]): False}), KEYS[:1])
    assert not result.success
    assert materialized(result) == {"raw_311"}
    assert evaluations(result, RECONCILED.name) == {KEYS[0]: (False, "ERROR")}


@pytest.mark.parametrize("keys", [KEYS[:1], KEYS])
def test_a_check_that_holds_days_back_fails_as_an_error_and_stops_nothing(
    instance: dg.DagsterInstance, keys: list[str]
) -> None:
    failures = {(NOT_FLAT_LINED.name, key): False for key in keys}
    result = run(instance, ReportingRunner(failures), keys)
    assert result.success
    assert len(materialized(result)) == 3
    found = evaluations(result, NOT_FLAT_LINED.name)
    assert found.keys() >= set(keys)
    assert set(found.values()) == {(False, "ERROR")}


def test_a_failed_warning_stops_nothing(instance: dg.DagsterInstance) -> None:
    result = run(instance, ReportingRunner({("no_empty_days", KEYS[0]): False}), KEYS[:1])
    assert result.success
    assert len(materialized(result)) == 3


def test_the_assets_show_the_schema_of_their_tables() -> None:
    for asset in (raw_311(PARTITIONS), silver_requests(PARTITIONS), gold_daily_counts(PARTITIONS)):
        metadata = asset.metadata_by_key[asset.key]
        schema = metadata["dagster/column_schema"]
        assert isinstance(schema, dg.TableSchema)
        assert len(schema.columns) >= 9
        assert all(column.description for column in schema.columns)
