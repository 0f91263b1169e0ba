from __future__ import annotations

from datetime import UTC, date, datetime
from pathlib import Path

import numpy as np
import pytest
from pyspark.sql import SparkSession

from nyc311_assets.pipeline.cities import NEW_YORK
from nyc311_assets.pipeline.contracts import DAYS
from nyc311_assets.pipeline.gold import aggregate
from nyc311_assets.pipeline.ml.issuing import issue_days, measure
from nyc311_assets.pipeline.ml.judging import judge_days
from nyc311_assets.pipeline.ml.known import Known, NothingKnown, read_known
from nyc311_assets.pipeline.ml.modelling import Modelling
from nyc311_assets.pipeline.ml.outcomes import WAITING
from nyc311_assets.pipeline.ml.registry import ModelRegistry, RegistryPlace
from nyc311_assets.pipeline.ml.studies import Studies
from nyc311_assets.pipeline.ml.training import Policy
from nyc311_assets.pipeline.silver import refine
from nyc311_assets.pipeline.tables import Lakehouse, Table
from nyc311_assets_tests.pipeline.ml.lake import counts, day, late_requests, write_gold
from nyc311_assets_tests.pipeline.rows import PulledRow, land

pytestmark = pytest.mark.spark
LEAF = ("Noise", "BRONX", "NYPD")
NAME = "type: Noise | borough: BRONX"


@pytest.fixture(scope="module")
def lakehouse(spark: SparkSession, tmp_path_factory: pytest.TempPathFactory) -> Lakehouse:
    folder: Path = tmp_path_factory.mktemp("known")
    found = Lakehouse(str(folder))
    write_gold(spark, found, counts(40), incomplete=[day(39)])
    late_requests(spark, found, LEAF, on=day(30), first_seen=day(33), number=3)
    return found


@pytest.fixture(scope="module")
def known(spark: SparkSession, lakehouse: Lakehouse) -> Known:
    return read_known(spark, lakehouse, NEW_YORK, [day(index) for index in range(28, 39)])


def value(known: Known, as_of: int, on: int) -> float:
    panel = known.until(day(as_of))
    return float(panel.values[panel.series.index(NAME), on])


def test_what_came_later_is_not_known_earlier(known: Known) -> None:
    now = value(known, 38, 30)
    assert value(known, 33, 30) == now
    assert value(known, 32, 30) == now - 3
    assert value(known, 30, 30) == now - 3
    assert known.until(day(30)).last_day == day(30)


def test_a_day_that_is_not_complete_is_not_known(known: Known) -> None:
    assert known.complete_days[-1] == day(38)
    with pytest.raises(NothingKnown, match="not complete"):
        known.until(day(39))


def test_features_are_those_that_were_known_then(known: Known) -> None:
    def lag(as_of: int) -> float:
        rows = known.features(day(as_of), days=3)
        mine = rows[
            (rows["request_date"] == day(31))
            & (rows["complaint_type"] == LEAF[0])
            & (rows["borough"] == LEAF[1])
        ]
        return float(mine["lag_1"].iloc[0])

    assert lag(33) - lag(32) == 3
    rows = known.features(day(32), days=3)
    assert rows["request_date"].max() == day(32)
    assert rows["request_date"].min() == day(30)


def test_a_day_was_known_when_silver_had_merged_it_not_when_bronze_had_it(
    spark: SparkSession, tmp_path: Path
) -> None:
    lakehouse = Lakehouse(str(tmp_path))
    of_day, next_day = (
        [
            PulledRow(f"{on}-{number}", f"{on}T10:00:00.000", datetime(2026, 1, 12, tzinfo=UTC))
            for number in range(4)
        ]
        for on in (day(5), day(6))
    )
    land(spark, lakehouse, "passed over", day(6), of_day[:3])
    land(spark, lakehouse, "merged", day(7), [*of_day, *next_day])

    def merge_and_count(ingestion_date: date) -> int:
        refined = refine(spark, lakehouse, NEW_YORK, ingestion_dates=[ingestion_date])
        aggregate(spark, lakehouse, NEW_YORK, request_dates=refined.request_dates)
        return counted_on_the_day()

    def counted_on_the_day() -> int:
        known = read_known(spark, lakehouse, NEW_YORK, [day(5), day(6)])
        return int(known.features(day(5), days=1)["requests"].sum())

    assert merge_and_count(day(7)) == 4
    assert merge_and_count(day(6)) == 3
    days = Table(spark, lakehouse, DAYS)
    assert [
        (row["batch_id"], row["first_whole"])
        for row in days.read().orderBy("request_date").collect()
    ] == [
        ("merged", day(6)),
        ("merged", day(7)),
    ]
    # As in a table of before this was kept.
    spark.sql(f"UPDATE {days.sql_name} SET first_whole = NULL")
    assert counted_on_the_day() == 3


def test_a_lag_never_holds_the_day_itself(known: Known) -> None:
    rows = known.features(day(38), days=20)
    is_mine = (rows["complaint_type"] == LEAF[0]) & (rows["borough"] == LEAF[1])
    mine = rows[is_mine].sort_values("request_date")
    assert np.array_equal(mine["lag_1"].iloc[1:], mine["requests"].iloc[:-1])
    assert np.allclose(
        mine["rolling_mean_7"].iloc[7:], mine["requests"].rolling(7).mean().shift(1).iloc[7:]
    )


def test_without_a_complete_day_nothing_is_known(spark: SparkSession, lakehouse: Lakehouse) -> None:
    known = read_known(spark, lakehouse, NEW_YORK, [day(-400)])
    assert known.complete_days == ()
    with pytest.raises(NothingKnown, match="materialize gold_daily_counts"):
        known.until(day(-400))


def test_before_the_first_complete_day_every_step_waits(
    spark: SparkSession, tmp_path: Path
) -> None:
    empty = Lakehouse(str(tmp_path))
    write_gold(spark, empty, counts(1), incomplete=[day(0)])
    modelling = Modelling(
        spark,
        empty,
        NEW_YORK,
        Policy(),
        ModelRegistry(RegistryPlace("sqlite:////proc/nowhere/mlflow.db", "m", "e")),
        Studies(tmp_path / "studies", print),
        print,
    )
    assert [each.action for each in modelling.run([day(0)])] == [WAITING]
    issuing = issue_days(spark, empty, NEW_YORK, [day(0)], tell=print)
    assert not issuing.days
    assert measure(spark, empty, issuing.known, [day(0)]).empty
    assert not judge_days(spark, empty, NEW_YORK, [day(0)], tell=print).days
