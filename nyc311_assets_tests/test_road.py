"""The whole road: Dagster, Pipes, the embedded workspace, Spark and Delta."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import date, timedelta
from pathlib import Path

import dagster as dg
import pyarrow as pa
import pytest
from deltalake import DeltaTable, QueryBuilder

from nyc311_assets.automation.alerts.spend import CHECK as SPEND_CHECK
from nyc311_assets.cli.demo import ASSETS
from nyc311_assets.cli.reconciliation import day_lines
from nyc311_assets.definitions import build_definitions
from nyc311_assets.local.dagster_home import prepare_dagster_home
from nyc311_assets.local.lifecycle import stop_workspace
from nyc311_assets.pipeline.checks import GOLD_CHECKS, RAW_CHECKS, SILVER_CHECKS
from nyc311_assets.pipeline.checks.anomalies import ANOMALY_CHECKS
from nyc311_assets.pipeline.checks.forecasts import FORECAST_CHECKS
from nyc311_assets.pipeline.checks.models import MODEL_CHECKS
from nyc311_assets.settings import Compute, Settings
from nyc311_assets_tests.pipeline.road import request, serving, write_rows
from nyc311_assets_tests.shared_spark import SharedSpark

pytestmark = [pytest.mark.spark, pytest.mark.long]

DAYS = [date(2026, 3, 1) + timedelta(days=index) for index in range(14)]
FIRST, LAST = DAYS[9], DAYS[11]
# Not the same number day after day: that would be a feed that stands still.
COUNTS = {day: 3 + index % 2 for index, day in enumerate(DAYS)}
CHECKS = (
    *RAW_CHECKS,
    *SILVER_CHECKS,
    *GOLD_CHECKS,
    *MODEL_CHECKS,
    *FORECAST_CHECKS,
    *ANOMALY_CHECKS,
)


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    folder = tmp_path_factory.mktemp("road")
    yield folder
    stop_workspace(folder)


@pytest.fixture(scope="module")
def instance(home: Path) -> Iterator[dg.DagsterInstance]:
    with dg.DagsterInstance.from_config(str(prepare_dagster_home(home / "dagster"))) as instance:
        yield instance


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    rows = [
        request(10 * index + number, f"{day}T10:00:0{number}.000")
        for index, day in enumerate(DAYS)
        for number in range(COUNTS[day])
    ]
    with serving(write_rows(tmp_path_factory.mktemp("rows") / "rows.csv", rows)) as url:
        yield url


@pytest.fixture(autouse=True)
def shared_spark(spark_server: SharedSpark, monkeypatch: pytest.MonkeyPatch) -> None:
    """The embedded workspace takes this Spark instead of starting its own."""
    monkeypatch.setenv("SPARK_REMOTE", spark_server.remote)
    monkeypatch.delenv("DATABRICKS_HOST", raising=False)


def run(
    home: Path,
    instance: dg.DagsterInstance,
    source: str,
    days: tuple[date, date],
    compute: Compute = "job_cluster",
    assets: Sequence[str] | None = None,
) -> dg.ExecuteInProcessResult:
    settings = Settings(
        home=home,
        soda_url=source,
        start_date=DAYS[0],
        compute=compute,
        cluster_id="local" if compute == "existing_cluster" else None,
    )
    tags = {
        "dagster/asset_partition_range_start": days[0].isoformat(),
        "dagster/asset_partition_range_end": days[1].isoformat(),
    }
    one_day = days[0] == days[1]
    return (
        build_definitions(settings, in_production=False)
        .resolve_job_def("daily")
        .execute_in_process(
            instance=instance,
            partition_key=days[0].isoformat() if one_day else None,
            tags=None if one_day else tags,
            asset_selection=None if assets is None else [dg.AssetKey(each) for each in assets],
        )
    )


def materializations(
    result: dg.ExecuteInProcessResult,
) -> dict[tuple[str, str | None], dg.AssetMaterialization]:
    found = (
        event.step_materialization_data.materialization
        for event in result.get_asset_materialization_events()
    )
    return {(each.asset_key.to_user_string(), each.partition): each for each in found}


def table(home: Path, name: str) -> DeltaTable:
    return DeltaTable(str(home / "lakehouse" / name))


def test_a_range_is_one_run_that_tells_where_and_how_long_it_ran(
    home: Path, instance: dg.DagsterInstance, source: str
) -> None:
    result = run(home, instance, source, (FIRST, LAST))
    assert result.success
    assert instance.get_runs_count() == 1
    found = materializations(result)
    keys = [day.isoformat() for day in DAYS[9:12]]
    assert found.keys() == {(asset, key) for asset in ASSETS for key in keys}
    for materialization in found.values():
        metadata = {name: value.value for name, value in materialization.metadata.items()}
        assert str(metadata["databricks_run_url"]).startswith("http://127.0.0.1:")
        assert metadata["compute"] == "job_cluster"
        assert metadata["databricks_run_id"]
        for name in ("queue_seconds", "setup_seconds", "execution_seconds", "work_seconds"):
            assert float(str(metadata[name])) >= 0
    rows = {
        key: found["raw_311", key].metadata["dagster/partition_row_count"].value for key in keys
    }
    assert rows == {
        keys[0]: sum(COUNTS[day] for day in DAYS[2:10]),
        keys[1]: COUNTS[DAYS[10]],
        keys[2]: COUNTS[DAYS[11]],
    }
    assert found["raw_311", keys[0]].metadata["source"].value == "files"
    evaluations = result.get_asset_check_evaluations()
    names = {check.name for check in CHECKS}
    told = Counter((each.check_name, each.partition) for each in evaluations)
    # The month's spend is no matter of a partition.
    assert told == Counter(
        [(name, partition) for name in names for partition in (None, *keys)] + [(SPEND_CHECK, None)]
    )
    assert all(evaluation.passed for evaluation in evaluations)
    silver = QueryBuilder().register("silver", table(home, "silver/requests"))
    counted = pa.table(silver.execute("SELECT count(*) AS rows FROM silver").read_all())
    assert counted.to_pylist() == [{"rows": sum(COUNTS[day] for day in DAYS[2:12])}]


@pytest.mark.parametrize("compute", ["serverless", "existing_cluster"])
def test_the_other_computes_take_a_step_as_well(
    home: Path, instance: dg.DagsterInstance, source: str, compute: Compute
) -> None:
    result = run(home, instance, source, (LAST, LAST), compute, ["raw_311"])
    assert result.success
    metadata = materializations(result)["raw_311", LAST.isoformat()].metadata
    assert metadata["compute"].value == compute
    assert metadata["dagster/partition_row_count"].value == sum(COUNTS[day] for day in DAYS[4:12])


def test_another_run_of_a_partition_gives_the_same_tables_again(
    home: Path, instance: dg.DagsterInstance, source: str
) -> None:
    if not (home / "lakehouse").exists():
        run(home, instance, source, (FIRST, LAST))
    before = {
        name: table(home, name).version() for name in ("silver/requests", "gold/daily_counts")
    }
    assert run(home, instance, source, (LAST, LAST)).success
    assert {name: table(home, name).version() for name in before} == before


def test_every_row_of_the_source_is_in_exactly_one_place(
    home: Path, instance: dg.DagsterInstance, source: str
) -> None:
    if not (home / "lakehouse").exists():
        run(home, instance, source, (FIRST, LAST))
    lines = day_lines(home / "lakehouse")
    assert [line.request_date for line in lines] == DAYS[2:12]
    assert all(line.adds_up and line.source == COUNTS[line.request_date] for line in lines)
    assert str(lines[0]) == (
        "2026-03-03  source 3 = bronze 3 = silver 3 + rejects 0 + duplicates 0"
    )
