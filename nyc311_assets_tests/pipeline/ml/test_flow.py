"""Counts → models → forecasts → verdicts and episodes, on Spark, over a range of partitions."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from pyspark.sql import SparkSession

from nyc311_assets.pipeline.cities import NEW_YORK
from nyc311_assets.pipeline.contracts import ANOMALIES, EPISODES, FORECASTS, MODELS, ORIGINS
from nyc311_assets.pipeline.days import days_between
from nyc311_assets.pipeline.ml.due import LEAST_DAYS_BETWEEN
from nyc311_assets.pipeline.ml.explain import NoSuchEpisode, explain
from nyc311_assets.pipeline.ml.issuing import Issuing, NoModel, issue_days, measure
from nyc311_assets.pipeline.ml.judging import Judging, judge_days
from nyc311_assets.pipeline.ml.modelling import Modelling
from nyc311_assets.pipeline.ml.outcomes import CARRIED, TRAINED, WAITING, Served
from nyc311_assets.pipeline.ml.registry import ModelRegistry, RegistryPlace
from nyc311_assets.pipeline.ml.rollback import NoSuchVersion, model_versions, roll_back
from nyc311_assets.pipeline.ml.studies import Studies
from nyc311_assets.pipeline.ml.training import Policy
from nyc311_assets.pipeline.tables import Lakehouse
from nyc311_assets_tests.pipeline.ml.lake import counts, day, late_requests, write_gold

pytestmark = [pytest.mark.spark, pytest.mark.long]

DAYS = 112
FIRST, LAST = day(84), day(DAYS - 1)
SPIKE = day(104)
SPIKED = ("Noise", "BRONX", "NYPD")
NAME = "type: Noise | borough: BRONX"
NOW = datetime(2026, 6, 1, tzinfo=UTC)


def rows() -> pd.DataFrame:
    """Counts with a surge of three days in one leaf."""
    found = counts(DAYS)
    is_spiked = (
        (found["complaint_type"] == SPIKED[0])
        & (found["borough"] == SPIKED[1])
        & found["request_date"].between(SPIKE, day(106))
    )
    found.loc[is_spiked, "requests"] *= 4
    return found


@dataclass(frozen=True)
class Flow:
    spark: SparkSession
    lakehouse: Lakehouse
    folder: Path

    @property
    def registry(self) -> ModelRegistry:
        """One that is down: forecasts must not need it."""
        return ModelRegistry(RegistryPlace("sqlite:////proc/nowhere/mlflow.db", "m", "e"))

    def model(self, first: date, last: date, warnings: list[str] | None = None) -> list[Served]:
        modelling = Modelling(
            self.spark,
            self.lakehouse,
            NEW_YORK,
            Policy(trials=0),
            self.registry,
            Studies(self.folder / "studies", print),
            lambda _: None,
        )
        served = modelling.run(days_between(first, last))
        if warnings is not None:
            warnings += modelling.warnings
        return list(served)

    def issue(self, first: date, last: date) -> Issuing:
        return issue_days(
            self.spark, self.lakehouse, NEW_YORK, days_between(first, last), tell=lambda _: None
        )

    def judge(self, first: date, last: date) -> Judging:
        return judge_days(
            self.spark, self.lakehouse, NEW_YORK, days_between(first, last), tell=lambda _: None
        )

    def table(self, name: str, order: str) -> pd.DataFrame:
        frame = self.spark.table(self.lakehouse.sql_name(name)).orderBy(*order.split(","))
        return frame.toPandas()


@pytest.fixture(scope="module")
def flow(spark: SparkSession, tmp_path_factory: pytest.TempPathFactory) -> Flow:
    folder = tmp_path_factory.mktemp("flow")
    lakehouse = Lakehouse(str(folder / "lakehouse"))
    write_gold(spark, lakehouse, rows())
    return Flow(spark, lakehouse, folder)


@pytest.fixture(scope="module")
def warnings() -> list[str]:
    return []


@pytest.fixture(scope="module")
def served(flow: Flow, warnings: list[str]) -> list[Served]:
    return flow.model(FIRST, LAST, warnings)


@pytest.fixture(scope="module")
def issued(flow: Flow, served: list[Served]) -> Issuing:
    assert served
    return flow.issue(FIRST, LAST)


@pytest.fixture(scope="module")
def judged(flow: Flow, issued: Issuing) -> Judging:
    assert issued.days
    return flow.judge(FIRST, LAST)


def test_it_trains_when_90_days_are_there_and_then_weekly(served: list[Served]) -> None:
    actions = {each.partition: each.action for each in served}
    assert actions[day(88)] == WAITING
    assert actions[day(89)] == TRAINED
    trained = [each.partition for each in served if each.trained]
    assert trained[0] == day(89)
    days = {each.partition for each in served if each.trained}
    for monday in (day(91), day(98), day(105)):
        is_soon = any(0 < (monday - each).days < LEAST_DAYS_BETWEEN for each in days)
        assert (monday in days) != is_soon, monday
    reasons = {each.reason.split(";")[0] for each in served if each.trained}
    known = ("no model yet", "weekly training", "drifted")
    assert all(any(name in reason for name in known) for reason in reasons), reasons
    assert {each.action for each in served if each.partition > day(89)} == {TRAINED, CARRIED}
    assert all(each.as_of == each.partition for each in served)


def test_a_registry_that_is_down_is_told_and_stops_nothing(
    served: list[Served], warnings: list[str]
) -> None:
    assert served[-1].version is not None
    assert served[-1].version.name.startswith("unregistered")
    assert warnings
    assert "could not" in warnings[0]
    assert "MLFLOW_TRACKING_URI" in warnings[0]
    assert not any(each.registered for each in served if each.trained)


def test_models_hold_prophet_and_the_errors_of_the_folds(flow: Flow, served: list[Served]) -> None:
    assert served
    models = flow.table(MODELS.name, "trained_on,series")
    newest = models[models["trained_on"] == models["trained_on"].max()].set_index("series")
    assert "type: Rodent" not in newest.index
    row = newest.loc[NAME]
    assert json.loads(row["model"])["growth"] == "flat"
    assert row["folds"] == 8
    assert 0 < row["prophet_error"] < row["naive_error"]
    assert row["served_by"] in {"prophet", "level_profile"}


def test_every_series_has_30_days_with_ordered_bands(issued: Issuing, flow: Flow) -> None:
    frame = flow.table(FORECASTS.name, "as_of,series,ds")
    newest = frame[frame["as_of"] == LAST]
    assert set(newest.groupby("series").size()) == {30}
    numbers = newest[["lo95", "lo80", "yhat", "hi80", "hi95"]].to_numpy()
    assert (np.diff(numbers, axis=1) >= 0).all()
    assert not any(each.bad_rows or each.short_series for each in issued.days)
    mine = newest[newest["series"] == "borough: QUEENS"]
    assert mine["yhat"].mean() == pytest.approx(152, rel=0.1)


def test_running_again_in_any_order_changes_nothing(flow: Flow, issued: Issuing) -> None:
    assert issued
    order = {
        FORECASTS.name: "as_of,series,ds",
        ORIGINS.name: "origin,model,series",
        MODELS.name: "trained_on,series",
    }
    before = {name: flow.table(name, each) for name, each in order.items()}
    flow.model(day(100), day(103))
    flow.issue(day(100), day(103))
    flow.model(day(90), day(92))
    flow.issue(day(90), day(92))
    for name, each in order.items():
        pd.testing.assert_frame_equal(flow.table(name, each), before[name])


def test_what_comes_later_leaves_earlier_forecasts_untouched(
    flow: Flow, issued: Issuing, spark: SparkSession, tmp_path: Path
) -> None:
    assert issued
    other = Flow(spark, Lakehouse(str(tmp_path / "lakehouse")), tmp_path)
    changed = rows()
    later = changed["request_date"] > day(92)
    changed.loc[later, "requests"] = changed.loc[later, "requests"] * 37 + 500
    write_gold(spark, other.lakehouse, changed)
    other.model(FIRST, day(93))
    other.issue(day(92), day(93))
    columns = ["series", "ds", "yhat", "lo80", "hi80", "lo95", "hi95", "model"]

    def on_day_92(one: Flow) -> pd.DataFrame:
        frame = one.table(FORECASTS.name, "as_of,series,ds")
        return frame[frame["as_of"] == day(92)][columns].reset_index(drop=True)

    pd.testing.assert_frame_equal(on_day_92(other), on_day_92(flow))


def test_a_day_without_a_model_is_refused_by_name(spark: SparkSession, tmp_path: Path) -> None:
    lakehouse = Lakehouse(str(tmp_path / "lakehouse"))
    write_gold(spark, lakehouse, counts(30))
    with pytest.raises(NoModel, match="prophet_model has not run"):
        issue_days(spark, lakehouse, NEW_YORK, [day(29)], tell=lambda _: None)


def test_the_surge_is_on_watch_on_its_first_day_and_an_episode(flow: Flow, judged: Judging) -> None:
    frame = flow.table(ANOMALIES.name, "series,ds")
    mine = frame[frame["series"] == NAME]
    first = mine[mine["ds"] == SPIKE].iloc[0]
    third = mine[mine["ds"] == day(106)].iloc[0]
    assert first["watch"]
    assert first["is_anomaly"]
    assert first["as_of"] == day(103)
    assert third["confirmed"]
    assert third["run_length"] == 3
    episodes = flow.table(EPISODES.name, "series").set_index("series")
    episode = episodes.loc[NAME]
    assert episode["start"] == SPIKE
    assert episode["tier"] == "confirmed"
    assert episode["longest_run"] == 3
    assert episode["excess"] == pytest.approx(540, rel=0.3)
    assert not any(each.late_forecasts for each in judged.days)
    city = json.loads(str(episodes.loc["borough: BRONX", "contributors"]))
    assert city[0]["kind"] == "series"
    assert city[0]["name"] == NAME
    assert city[0]["share"] > 0.8


def test_a_verdict_keeps_the_forecast_that_it_is_judged_by(flow: Flow, judged: Judging) -> None:
    assert judged
    of_forecast = ["as_of", "yhat", "lo80", "hi80", "lo95", "hi95", "model", "model_version"]
    issued = flow.table(FORECASTS.name, "series,as_of,ds")
    issued = issued[issued["horizon"] == 1].set_index(["series", "ds"])
    verdicts = flow.table(ANOMALIES.name, "series,ds").set_index(["series", "ds"])
    kept = verdicts.loc[verdicts["yhat"].notna(), of_forecast]
    assert len(kept) > 100
    pd.testing.assert_frame_equal(kept, issued.loc[kept.index, of_forecast])


def test_an_episode_is_traced_to_the_same_figures(flow: Flow, judged: Judging) -> None:
    assert judged
    episodes = flow.table(EPISODES.name, "series").set_index("series")
    chosen = str(episodes.loc[NAME, "id"])
    counted = rows()
    for each in days_between(SPIKE, day(106)):
        mine = counted[(counted["request_date"] == each) & (counted["borough"] == SPIKED[1])]
        number = int(mine.loc[mine["complaint_type"] == SPIKED[0], "requests"].sum())
        late_requests(flow.spark, flow.lakehouse, SPIKED, each, each, number)
    found = explain(flow.spark, flow.lakehouse, NEW_YORK, chosen[:10])
    assert found["episode"]["id"] == chosen
    assert found["series"]["borough"] == "BRONX"
    assert found["days"][0]["verdict"]["ds"] == str(SPIKE)
    assert all(each["agrees"] for each in found["days"])
    first = found["days"][0]
    assert first["forecast"]["as_of"] == str(day(103))
    assert first["model"]["model_version"] == first["forecast"]["model_version"]
    assert first["bronze"][0]["batch_id"] == f"b{SPIKE}"
    late_requests(flow.spark, flow.lakehouse, (*SPIKED[:2], "DEP"), SPIKE, SPIKE, 1)
    assert not explain(flow.spark, flow.lakehouse, NEW_YORK, chosen)["days"][0]["agrees"]


@pytest.mark.parametrize(("episode", "said"), [("nothing", "no episode 'nothing'"), ("", "no epi")])
def test_an_unknown_episode_is_named(flow: Flow, judged: Judging, episode: str, said: str) -> None:
    assert judged
    with pytest.raises(NoSuchEpisode, match=said):
        explain(flow.spark, flow.lakehouse, NEW_YORK, episode)


def test_quiet_series_stay_quiet(flow: Flow, judged: Judging) -> None:
    assert judged
    frame = flow.table(ANOMALIES.name, "series,ds")
    quiet = frame[frame["series"].str.contains("Heating|Rodent") & frame["z"].notna()]
    assert len(quiet) > 100
    assert quiet["is_anomaly"].mean() < 0.05
    assert quiet["watch"].mean() < 0.01


def test_judging_again_neither_doubles_nor_loses_an_episode(flow: Flow, judged: Judging) -> None:
    assert judged
    before = flow.table(EPISODES.name, "id")
    verdicts = flow.table(ANOMALIES.name, "series,ds")
    for first, last in ((day(103), day(105)), (day(95), day(98)), (day(105), LAST)):
        flow.judge(first, last)
    pd.testing.assert_frame_equal(flow.table(EPISODES.name, "id"), before)
    pd.testing.assert_frame_equal(flow.table(ANOMALIES.name, "series,ds"), verdicts)


def test_past_forecasts_are_measured(flow: Flow, issued: Issuing) -> None:
    sums = measure(flow.spark, flow.lakehouse, issued.known, [LAST])
    total = sums[["forecasts", "inside", "error", "naive_error"]].sum()
    assert 0.9 < total["inside"] / total["forecasts"] < 1.0
    assert total["error"] < total["naive_error"]
    assert sums["as_of"].max() == day(DAYS - 8)


def test_a_model_that_is_rolled_back_no_longer_serves(flow: Flow, issued: Issuing) -> None:
    assert issued
    passed = [each for each in model_versions(flow.spark, flow.lakehouse) if each["promoted"]]
    newest, before = passed[0]["model_version"], passed[1]["model_version"]
    assert passed[0]["serves"]
    try:
        done = roll_back(flow.spark, flow.lakehouse, flow.registry, to=None, now=NOW)
        assert (done.version, done.taken_back) == (before, (newest,))
        assert "could not give version" in done.warning
        serving = flow.model(LAST, LAST)[0].version
        assert serving is not None
        assert serving.name == before
        states = {
            each["model_version"]: each for each in model_versions(flow.spark, flow.lakehouse)
        }
        assert states[before]["serves"]
        assert states[newest]["rolled_back_at"]
    finally:
        roll_back(flow.spark, flow.lakehouse, flow.registry, to=newest, now=NOW)
    assert model_versions(flow.spark, flow.lakehouse)[0]["serves"]


@pytest.mark.parametrize("to", ["7", "production"])
def test_a_version_that_is_not_there_cannot_serve(flow: Flow, issued: Issuing, to: str) -> None:
    assert issued
    with pytest.raises(NoSuchVersion, match="nyc311 models list"):
        roll_back(flow.spark, flow.lakehouse, flow.registry, to=to, now=NOW)
