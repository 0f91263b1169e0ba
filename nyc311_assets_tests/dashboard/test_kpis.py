"""Targets and where they stand, against small Delta tables."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Literal

import pytest
from typer.testing import CliRunner

from nyc311_assets.cli.app import app
from nyc311_assets.dashboard.operations.view import kpi_table, sentence
from nyc311_assets.dashboard.queries.accuracy import (
    ALL_TIERS,
    read_accuracy,
    read_city_error,
    read_last_judged,
)
from nyc311_assets.dashboard.queries.alarms import read_answers, read_flags, read_leads
from nyc311_assets.dashboard.queries.episodes import read_episode
from nyc311_assets.dashboard.queries.kpis import Kpi, Spend, read_kpis
from nyc311_assets.dashboard.queries.lakehouse import Lakehouse
from nyc311_assets.dashboard.queries.runs import (
    STEPS,
    due_through,
    read_check_counts,
    read_completion,
    read_lags,
    read_standing_failures,
    read_step_times,
)
from nyc311_assets.dashboard.queries.versions import read_drift, read_serving, read_trainings
from nyc311_assets.pipeline.contracts import ANOMALIES, BATCHES, EPISODES, FORECASTS, RUNS, SERIES
from nyc311_assets.pipeline.forecasting.volume import HORIZON_GROUPS
from nyc311_assets.resources.episode_messages import Links
from nyc311_assets.resources.ledger import Ledger
from nyc311_assets.resources.standing import Said, respond
from nyc311_assets_tests.dashboard.lakehouses import (
    BROKEN,
    CLOSED,
    CONFIRMED,
    NEWEST,
    RODENT,
    episode,
    requests_of,
    run,
    write,
)

# 08:00 in New York, two days after the newest complete day.
NOW = datetime(2026, 10, 30, 12, tzinfo=UTC)
SPEND = Spend("2026-10", 20.0, 40.0, 100.0)


@pytest.fixture
def small(small_home: Path) -> Lakehouse:
    return Lakehouse(str(small_home / "lakehouse"))


@pytest.fixture
def own(own_home: Path) -> Lakehouse:
    return Lakehouse(str(own_home / "lakehouse"))


def named(kpis: list[Kpi], start: str) -> Kpi:
    return next(each for each in kpis if each.name.startswith(start))


def test_a_day_is_due_at_six_of_the_next_one_in_new_york() -> None:
    assert due_through(datetime(2026, 10, 30, 9, 59, tzinfo=UTC)) == date(2026, 10, 28)
    assert due_through(datetime(2026, 10, 30, 10, 0, tzinfo=UTC)) == date(2026, 10, 29)


def test_a_day_is_complete_when_each_step_has_succeeded_for_it(
    own: Lakehouse, own_home: Path
) -> None:
    found = read_completion(own, NOW, days=90)
    assert found is not None
    # The lakehouse's runs are of nine days, and of the newest one there is none.
    assert found.due == 10
    assert found.missing == (BROKEN, NEWEST + timedelta(days=1))
    assert found.share == pytest.approx(0.8)
    write(own_home, RUNS, [run("anomalies", BROKEN, NOW)])
    mended = read_completion(own, NOW, days=90)
    assert mended is not None
    assert mended.missing == (NEWEST + timedelta(days=1),)


def test_one_run_of_a_range_completes_all_its_days(own: Lakehouse, own_home: Path) -> None:
    whole = {"first_partition": BROKEN, "last_partition": NEWEST + timedelta(days=1)}
    write(own_home, RUNS, [run(step, BROKEN, NOW, **whole, partitions=6) for step in STEPS])
    found = read_completion(own, NOW, days=90)
    assert found is not None
    assert (found.missing, found.share) == ((), 1.0)


def test_a_window_without_days_that_are_due_has_no_share(small: Lakehouse) -> None:
    found = read_completion(small, datetime(2027, 10, 30, 12, tzinfo=UTC), days=30)
    assert found is not None
    assert (found.due, found.share) == (0, None)


def test_lags_are_of_days_that_ran_on_their_own(own: Lakehouse, own_home: Path) -> None:
    days = [NEWEST - timedelta(days=each) for each in range(3)]
    published = [datetime(2026, 10, day.day + 1, 5, 40, tzinfo=UTC) for day in days]
    write(own_home, BATCHES, [
        {"batch_id": f"of {day}", "ingestion_date": day, "request_date": day, "dataset_version": at}
        for day, at in zip(days, published, strict=True)
    ])  # fmt: skip
    # Gold ends at 07:12; a range run of the same days, ten minutes after publication, is none.
    early = {"last_partition": NEWEST, "partitions": 3}
    write(own_home, RUNS, [
        run("gold_daily_counts", days[-1], published[-1] + timedelta(minutes=10), **early)
    ])  # fmt: skip
    found = read_lags(own, NOW, days=90)
    assert found is not None
    assert (found.days, found.median, found.within_target) == (3, timedelta(minutes=92), 3)


def test_step_times_are_in_the_order_of_the_pipeline(small: Lakehouse) -> None:
    found = read_step_times(small, NOW - timedelta(days=30))
    assert [each.asset for each in found] == list(STEPS)
    anomalies = found[-1]
    assert (anomalies.attempts, anomalies.failed, anomalies.median_seconds) == (9, 1, 60.0)
    assert anomalies.newest_state == "SUCCESS"
    assert read_step_times(small, NOW) == []


def test_a_check_counts_by_its_newest_evaluation(small: Lakehouse) -> None:
    counts = {each.asset: each for each in read_check_counts(small, NEWEST, days=7)}
    raw, gold = counts["raw_311"], counts["gold_daily_counts"]
    assert (raw.passed, raw.warned, raw.failed) == (1, 1, 0)
    assert (gold.passed, gold.warned, gold.failed) == (0, 0, 1)
    standing = read_standing_failures(small, NEWEST, days=7)
    assert {each.check for each in standing} == {
        "volume_as_usual", "adds_up", "errors_not_drifting",
    }  # fmt: skip
    assert read_check_counts(small, NEWEST - timedelta(days=1), days=7) == []


def test_errors_are_those_of_an_independent_count(small: Lakehouse) -> None:
    last = read_last_judged(small)
    assert last == NEWEST
    days = [NEWEST - timedelta(days=each) for each in range(14)]
    noise = [requests_of("type: Noise - Residential", day) for day in days]
    rodent = [requests_of("type: Rodent", day) for day in days]
    wape = [
        sum(abs(count - level) for count in counts) / sum(counts)
        for counts, level in ((noise, 100), (rodent, 40), ([sum(b) for b in zip(noise, rodent, strict=True)], 150))
    ]  # fmt: skip
    [week, *_] = read_accuracy(small, NEWEST, days=14, horizons=((1, 7),))
    # Each of the two types is there twice: in the city, and in its only borough.
    assert week.series == 5
    assert week.forecasts == 5 * 14 * 7
    assert week.wape == pytest.approx((2 * wape[0] + 2 * wape[1] + wape[2]) / 5)
    assert week.mape is None
    inside = [
        sum(0.7 * level <= count <= 1.3 * level for count in counts) / 14
        for counts, level in ((noise, 100), (rodent, 40))
    ]
    city = sum(0.7 * 150 <= a + b <= 1.3 * 150 for a, b in zip(noise, rodent, strict=True)) / 14
    assert week.coverage95 == pytest.approx((2 * inside[0] + 2 * inside[1] + city) / 5)
    assert week.coverage80 < week.coverage95


def test_mape_is_given_for_the_largest_tier_alone(own: Lakehouse, own_home: Path) -> None:
    large = "type: Noise - Residential | borough: BRONX"
    write(own_home, SERIES, [{"series": large, "level": "type_borough", "tier": "100+",
                              "first_day": NEWEST, "last_day": NEWEST}])  # fmt: skip
    write(own_home, FORECASTS, [
        {"as_of": NEWEST - timedelta(days=1), "series": large, "ds": NEWEST, "horizon": 1,
         "yhat": 80.0, "lo80": 0.0, "hi80": 1.0, "lo95": 0.0, "hi95": 500.0}
    ])  # fmt: skip
    write(own_home, ANOMALIES, [{"series": large, "ds": NEWEST, "actual": 100.0}])
    scores = {each.tier: each for each in read_accuracy(own, NEWEST, days=7, horizons=((1, 7),))}
    assert scores["100+"].mape == pytest.approx(0.2)
    assert (scores["100+"].coverage80, scores["100+"].coverage95) == (0.0, 1.0)
    assert scores["30-100"].mape is None
    assert scores[ALL_TIERS].mape is None
    assert scores[ALL_TIERS].series == 6


def test_horizons_are_scored_apart(small: Lakehouse) -> None:
    scores = read_accuracy(small, NEWEST, days=7)
    assert {each.horizon for each in scores} == set(HORIZON_GROUPS)
    by_group = {each.horizon: each.forecasts for each in scores if each.tier == ALL_TIERS}
    assert by_group[1, 1] == 5 * 7
    assert by_group[2, 3] == 5 * 7 * 2


def test_the_city_s_error_is_over_seven_days_ahead(small: Lakehouse) -> None:
    days = [NEWEST - timedelta(days=each) for each in range(7)]
    expected = [abs(requests_of("city", day) - 150) / requests_of("city", day) for day in days]
    found = read_city_error(small, NEWEST, days=7)
    assert found.mape == pytest.approx(sum(expected) / 7)
    assert found.forecasts == 49


def test_flags_count_days_of_series(small: Lakehouse) -> None:
    found = read_flags(small, NEWEST, days=7)
    assert (found.judged, found.flagged) == (5 * 7, 4)
    assert found.above >= 4


def test_what_people_said_is_counted_by_episode(own: Lakehouse, own_home: Path) -> None:
    assert read_answers(own, NEWEST, days=28).answered == 0
    ledger = Ledger(str(own_home / "lakehouse"))
    answers: dict[str, Literal["acknowledge", "mark_false"]] = {
        CONFIRMED: "acknowledge", CLOSED: "mark_false",
    }  # fmt: skip
    for name, answer in answers.items():
        entry = read_episode(own, name)
        assert entry is not None
        respond(ledger, entry.episode, answer, by="Ann", now=NOW, seen=Said(), links=Links("", ""))
    found = read_answers(own, NEWEST, days=28)
    assert (found.answered, found.false) == (2, 1)
    # The closed one began nine days before.
    assert read_answers(own, NEWEST, days=7).false == 0


def test_leads_are_of_surges_that_last(own: Lakehouse, own_home: Path) -> None:
    found = read_leads(own, NEWEST, days=28)
    # Of four and of three days, each with its peak on its last one.
    assert (found.episodes, found.median_days, found.early) == (2, 2.5, 2)
    early = episode("a7f3c00000000009", RODENT, NEWEST - timedelta(days=6), NEWEST, excess=9.0)
    write(own_home, EPISODES, [
        early | {"id": "1", "direction": -1},
        early | {"id": "2", "state": "withdrawn"},
        early | {"id": "3", "peak": early["start"]},
    ])  # fmt: skip
    more = read_leads(own, NEWEST, days=28)
    assert (more.episodes, more.median_days, more.early) == (3, 2.0, 2)


def test_models_their_gate_and_drift_are_told(small: Lakehouse) -> None:
    newest, before = read_trainings(small)
    assert (newest.version, newest.promoted, before.version, before.failed) == ("8", False, "7", 1)
    serving, drift = read_serving(small), read_drift(small)
    assert serving is not None
    assert serving.partition == NEWEST + timedelta(days=1)
    assert drift is not None
    assert (drift.passed, drift.figures) == (False, {"ratio": 1.7})


def test_each_target_says_where_it_stands(small: Lakehouse) -> None:
    kpis = read_kpis(small, SPEND, NOW)
    completion, spend = named(kpis, "Daily completion"), named(kpis, "Spend")
    assert (completion.now, completion.met) == ("80.0%", False)
    assert str(BROKEN) in completion.how
    assert (spend.now, spend.met) == ("$40.00 forecast, $20.00 so far", True)
    assert named(kpis, "MAPE of series").now is None
    assert named(kpis, "Coverage").met is not None
    assert named(kpis, "Lasting surges").met is True
    assert named(kpis, "False alarms").now is None
    told = sentence(kpis)
    assert "missed: Daily completion" in told
    assert "cannot be told yet" in told
    assert kpi_table(kpis).num_rows == len(kpis)


def test_targets_of_a_lakehouse_with_counts_alone_cannot_be_told(tmp_path: Path) -> None:
    kpis = read_kpis(Lakehouse(str(tmp_path)), SPEND, NOW)
    assert [each.name for each in kpis if each.met is not None] == ["Spend this month"]
    assert all(each.how for each in kpis)


def test_the_command_shows_the_same(small_home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NYC311_HOME", str(small_home))
    shown = CliRunner().invoke(app, ["kpis"])
    assert shown.exit_code == 0
    assert "Daily completion" in shown.output
    told = CliRunner().invoke(app, ["kpis", "--json"])
    names = [each["name"] for each in json.loads(told.output)]
    assert names == [each.name for each in read_kpis(Lakehouse(str(small_home / "lakehouse")), SPEND, NOW)]  # fmt: skip


def test_the_command_says_what_to_do_without_tables(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NYC311_HOME", str(tmp_path))
    shown = CliRunner().invoke(app, ["kpis"])
    assert shown.exit_code == 1
    assert "make demo" in shown.output
