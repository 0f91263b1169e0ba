"""The same queries through a SQL warehouse: real Spark behind Databricks' statement API."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import fields, is_dataclass
from datetime import UTC, date, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from databricks.sdk import WorkspaceClient
from deltalake import DeltaTable
from pyspark.sql import SparkSession
from pyspark.sql import functions as F
from typer.testing import CliRunner

from nyc311_assets.cli.app import app
from nyc311_assets.dashboard import reading
from nyc311_assets.dashboard.queries import (
    accuracy,
    alarms,
    episodes,
    freshness,
    headlines,
    outlook,
    places,
    runs,
    series,
    versions,
)
from nyc311_assets.dashboard.queries.lakehouse import Lakehouse, TableMissing, TableUnreadable
from nyc311_assets.dashboard.queries.literals import NAMED
from nyc311_assets.dashboard.queries.reader import Answers, Reader
from nyc311_assets.dashboard.queries.source import Source
from nyc311_assets.dashboard.queries.warehouse import LOOK_AGAIN_SECONDS, Warehouse
from nyc311_assets.pipeline.contracts import EPISODES
from nyc311_assets.resources.statements import StatementFailed, Value, run_statement
from nyc311_assets.settings import LakehouseUnknown, Settings
from nyc311_assets_tests.dashboard.lakehouses import CONFIRMED, NEWEST, RODENT, episode, write
from nyc311_assets_tests.shared_spark import SharedSpark
from nyc311_assets_tests.sql_warehouse import SqlWarehouse, Values, sql_warehouse

pytestmark = pytest.mark.spark

CATALOG = "spark_catalog"
NOW = datetime(2026, 10, 30, 12, tzinfo=UTC)
WEEKS = [NEWEST - timedelta(weeks=each) for each in range(5)]
COUNT = "SELECT count(*) AS n FROM e"
TRIAL = "trial.episodes"


def rodent(source: Source) -> series.Series:
    return next(each for each in series.read_series(source) if each.name == RODENT)


QUESTIONS: dict[str, Callable[[Source], Any]] = {
    "freshness": lambda source: freshness.read_freshness(source).days,
    "published": lambda source: freshness.read_freshness(source).published_at,
    "queue": lambda source: episodes.read_queue(source, since=NEWEST - timedelta(days=14)),
    "episode": lambda source: episodes.read_episode(source, CONFIRMED),
    "no episode": lambda source: episodes.read_episode(source, "it's\\' OR '1'='1"),
    "changes": lambda source: episodes.read_changes(source, NEWEST),
    "verdicts": lambda source: headlines.read_verdicts(source, NEWEST),
    "outlook": headlines.read_outlook,
    "series": series.read_series,
    "origins": series.read_origins,
    "history": lambda source: series.read_history(
        source, rodent(source), first=WEEKS[-1], last=NEWEST, as_of=WEEKS[1]
    ),
    "sample": lambda source: (
        sample := series.read_sample(source, rodent(source), NEWEST)
    ) and sample.to_pylist(),
    "last judged": accuracy.read_last_judged,
    "accuracy": lambda source: accuracy.read_accuracy(source, NEWEST, days=28),
    "city": lambda source: accuracy.read_city_error(source, NEWEST, days=28),
    "flags": lambda source: alarms.read_flags(source, NEWEST, days=28),
    "answers": lambda source: alarms.read_answers(source, NEWEST, days=28),
    "leads": lambda source: alarms.read_leads(source, NEWEST, days=28),
    "origin": outlook.read_newest_origin,
    "expected": lambda source: [
        outlook.read_expected(source, NEWEST, level=level, days=7) for level in outlook.LEVELS
    ],
    "agency forecasts": lambda source: outlook.read_agency_forecasts(source, WEEKS).to_dict(),
    "past origins": lambda source: outlook.read_past_origins(source, NEWEST, weeks=4),
    "complete days": lambda source: places.read_complete_days(source, most=14),
    "types and agencies": lambda source: places.read_types_and_agencies(source, NEWEST),
    "boroughs": lambda source: [
        places.read_boroughs(source, NEWEST, complaint_type=kind, agency=agency)
        for kind, agency in ((None, None), ("Rodent", "DOHMH"))
    ],
    "boards": lambda source: [
        places.read_boards(source, NEWEST, complaint_type=kind, agency=agency)
        for kind, agency in ((None, None), ("Heat", "DOHMH"))
    ],
    "completion": lambda source: runs.read_completion(source, NOW, days=9),
    "lags": lambda source: runs.read_lags(source, NOW, days=9),
    "checks": lambda source: runs.read_standing_failures(source, NEWEST, days=3),
    "trainings": versions.read_trainings,
    "serving": versions.read_serving,
}  # fmt: skip


@pytest.fixture(scope="module")
def files(wide_home: Path) -> Lakehouse:
    return Lakehouse(str(wide_home / "lakehouse"))


@pytest.fixture(scope="module")
def served(
    spark: SparkSession, spark_server: SharedSpark, wide_home: Path
) -> Iterator[SqlWarehouse]:
    """A warehouse over the wide lakehouse, whose tables are in the catalog."""
    logs = sorted((wide_home / "lakehouse").glob("*/*/_delta_log"))
    names = [_name(log.parent) for log in logs if log.parent.parent.name != "ops"]
    with spark_server.catalog_to_oneself():
        for name in names:
            _publish(spark, wide_home, name)
        with sql_warehouse(partial(_execute, spark)) as running:
            yield running
        for name in names:
            spark.sql(f"DROP TABLE {CATALOG}.{name}")


def _name(folder: Path) -> str:
    return f"{folder.parent.name}.{folder.name}"


def _publish(spark: SparkSession, home: Path, name: str, to: str | None = None) -> None:
    """Bring a table to the catalog as it is now; Spark refuses some of delta-rs' own."""
    to = to or name
    spark.sql(f"CREATE SCHEMA IF NOT EXISTS {CATALOG}.{to.split('.')[0]}")
    rows = DeltaTable(str(home / "lakehouse" / name.replace(".", "/"))).to_pyarrow_table()
    frame = spark.createDataFrame(rows)
    for column in rows.schema:
        if column.type == pa.timestamp("us"):
            wall_time = F.col(column.name).cast("timestamp_ntz")
            frame = frame.withColumn(column.name, wall_time)
    frame.write.format("delta").mode("overwrite").saveAsTable(f"{CATALOG}.{to}")


def _execute(spark: SparkSession, statement: str, values: Values) -> pa.Table:
    # Delta's parser (4.4) loses the arguments that spark.sql takes, so they are put in here.
    bound = NAMED.sub(lambda place: _spark_literal(values[place.group(1)]), statement)
    return spark.sql(bound).toArrow()


def _spark_literal(value: object) -> str:
    if isinstance(value, str):
        quoted = value.replace("\\", "\\\\").replace("'", "\\'")
        return f"'{quoted}'"
    if isinstance(value, datetime):
        return f"TIMESTAMP'{value.isoformat()}'"
    return f"DATE'{value}'" if isinstance(value, date) else "NULL" if value is None else str(value)


@pytest.fixture
def through(served: SqlWarehouse, files: Lakehouse) -> Warehouse:
    return Warehouse(_run(served), CATALOG, files)


def _run(served: SqlWarehouse) -> Callable[[str, Values], pa.Table]:
    return partial(run_statement, _client(served), "w1")


def _client(served: SqlWarehouse) -> WorkspaceClient:
    return WorkspaceClient(host=served.host, token="t", auth_type="pat")


@pytest.mark.parametrize("question", QUESTIONS)
def test_both_ways_to_the_tables_give_the_same_answer(
    question: str, through: Warehouse, files: Lakehouse
) -> None:
    ask = QUESTIONS[question]
    expected = ask(files)
    assert expected is not None or question == "no episode"
    assert _rounded(ask(through)) == _rounded(expected)


def _rounded(answer: Any) -> Any:
    """An answer whose fractions two engines may have added up in another order."""
    if isinstance(answer, float):
        return round(answer, 12)
    if is_dataclass(answer) and not isinstance(answer, type):
        return type(answer), _rounded([getattr(answer, each.name) for each in fields(answer)])
    if isinstance(answer, dict):
        return {key: _rounded(value) for key, value in answer.items()}
    return [_rounded(each) for each in answer] if isinstance(answer, list | tuple) else answer


def test_a_version_is_looked_for_again_after_a_while_and_read_as_it_was(
    own_home: Path, spark: SparkSession
) -> None:
    _publish(spark, own_home, "ml.episodes", TRIAL)
    now = [0.0]
    with sql_warehouse(partial(_execute, spark)) as served:
        own = Lakehouse(str(own_home / "lakehouse"))
        through = Warehouse(_run(served), CATALOG, own, clock=lambda: now[0])
        answers = Answers()
        before = Reader(through, answers).query(COUNT, {"e": TRIAL})
        write(own_home, EPISODES, [episode("n1", RODENT, NEWEST, NEWEST, excess=1.0)])
        _publish(spark, own_home, "ml.episodes", TRIAL)
        assert Reader(through, answers).query(COUNT, {"e": TRIAL}) is before
        now[0] = LOOK_AGAIN_SECONDS
        late = Reader(through, answers)
        after = late.query(COUNT, {"e": TRIAL})
        assert after.column("n")[0].as_py() == before.column("n")[0].as_py() + 1
        asked = len(served.asked)
        served.failure = "[DELTA_LOG_FILE_NOT_FOUND] gone"
        now[0] *= 2
        troubled = Reader(through, answers)
        assert troubled.query(COUNT, {"e": TRIAL}) is after
        assert "gone" in troubled.troubles[TRIAL].reason
        assert len(served.asked) == asked + 1
    spark.sql(f"DROP TABLE {CATALOG}.{TRIAL}")


def test_a_table_that_is_not_there_is_missing(through: Warehouse) -> None:
    assert not through.exists("gold.nothing")
    with pytest.raises(TableMissing):
        through.query("SELECT * FROM t", {"t": "gold.nothing"})


def test_the_orchestrators_own_tables_are_in_no_catalog(
    through: Warehouse, served: SqlWarehouse
) -> None:
    asked = len(served.asked)
    assert through.query("SELECT count(*) AS n FROM r", {"r": "ops.runs"}).column("n")[0].as_py()
    assert len(served.asked) == asked
    with pytest.raises(ValueError, match=r"ops\.runs"):
        through.query(
            "SELECT 1 AS n FROM r JOIN e ON r.x = e.x", {"r": "ops.runs", "e": "ml.episodes"}
        )


def test_a_refusal_is_told_with_what_the_warehouse_said() -> None:
    def run(*_: object) -> pa.Table:
        raise StatementFailed("w1", "FAILED, [INSUFFICIENT_PERMISSIONS] no SELECT on gold")

    through = Warehouse(run, CATALOG, Lakehouse("/nowhere"))
    with pytest.raises(TableUnreadable, match=r"warehouse w1.*INSUFFICIENT_PERMISSIONS"):
        through.version("gold.series")


def test_an_answer_comes_in_chunks_after_a_while(served: SqlWarehouse) -> None:
    served.looks, served.chunk_rows = 2, 7
    try:
        found = run_statement(_client(served), "w1", "SELECT id FROM range(20) ORDER BY id")
    finally:
        served.looks, served.chunk_rows = 0, 1000
    assert found.column("id").to_pylist() == list(range(20))


def test_a_statement_that_takes_too_long_is_cancelled(served: SqlWarehouse) -> None:
    served.looks = 10
    seconds = iter([0.0, 1.0, 6.0])
    try:
        with pytest.raises(StatementFailed, match=r"longer than 5 s and was cancelled"):
            run_statement(
                _client(served), "w1", "SELECT 1", timeout_seconds=5, clock=lambda: next(seconds)
            )
    finally:
        served.looks = 0
    assert served.cancelled == [f"s{len(served.asked)}"]


def test_values_come_back_as_they_went(served: SqlWarehouse) -> None:
    moment = datetime(2026, 3, 8, 6, 59, 59, 123456, tzinfo=UTC)
    values: dict[str, Value] = {
        "t": "it's \\ ü",
        "b": True,
        "i": 2**40,
        "d": date(2024, 2, 29),
        "m": moment,
        "n": None,
    }
    [row] = run_statement(
        _client(served),
        "w1",
        "SELECT :t AS t, :b AS b, :i AS i, :d AS d, :m AS m, :n AS n, 1.5 AS x, array('a') AS l, "
        "double('NaN') AS nan",
        values,
    ).to_pylist()
    assert row.pop("nan") != row
    assert row == {**values, "x": 1.5, "l": ["a"]}


def test_one_setting_sends_the_dashboard_through_the_warehouse(
    served: SqlWarehouse, wide_home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = Settings(home=wide_home, catalog=CATALOG, dashboard_warehouse_id="w1")
    monkeypatch.delenv("DATABRICKS_HOST", raising=False)
    with pytest.raises(LakehouseUnknown, match="DATABRICKS_HOST"):
        reading.open_tables(settings)
    monkeypatch.setenv("DATABRICKS_HOST", served.host)
    with pytest.raises(LakehouseUnknown, match="DATABRICKS_TOKEN"):
        reading.open_tables(settings)
    monkeypatch.setenv("DATABRICKS_TOKEN", "t")
    assert isinstance(reading.open_tables(settings), Warehouse)
    for name, value in (
        ("HOME", str(wide_home)), ("CATALOG", CATALOG), ("DASHBOARD_WAREHOUSE_ID", "w1"),
    ):  # fmt: skip
        monkeypatch.setenv(f"NYC311_{name}", value)
    asked = len(served.asked)
    shown = CliRunner().invoke(app, ["kpis"])
    assert shown.exit_code == 0, shown.output
    assert "Coverage of the 95 % bands" in shown.output
    assert len(served.asked) > asked
    monkeypatch.setattr(served, "failure", "[INSUFFICIENT_PERMISSIONS] no USE CATALOG")
    refused = CliRunner().invoke(app, ["kpis"])
    assert (refused.exit_code, "no USE CATALOG" in refused.output) == (1, True)
