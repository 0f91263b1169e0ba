"""The queries, against small Delta tables."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from nyc311_assets.dashboard.queries.episodes import read_changes, read_episode, read_queue
from nyc311_assets.dashboard.queries.freshness import read_freshness
from nyc311_assets.dashboard.queries.headlines import read_outlook, read_verdicts
from nyc311_assets.dashboard.queries.lakehouse import Lakehouse, TableMissing, TableUnreadable
from nyc311_assets.dashboard.queries.literals import bind, literal
from nyc311_assets.dashboard.queries.reader import Answers, Reader
from nyc311_assets.dashboard.queries.series import (
    Series,
    read_history,
    read_origins,
    read_sample,
    read_series,
)
from nyc311_assets.pipeline.contracts import EPISODES
from nyc311_assets.resources.episode_messages import Links
from nyc311_assets.resources.ledger import Ledger
from nyc311_assets.resources.standing import ChangedMeanwhile, Said, respond, said_of
from nyc311_assets_tests.dashboard.lakehouses import (
    CLOSED,
    CONFIRMED,
    LAST,
    NEWEST,
    NOISE,
    PUBLISHED,
    RODENT,
    UNKEPT,
    WATCH,
    episode,
    requests_of,
    write,
)

NOW = datetime(2026, 10, 30, 12, tzinfo=UTC)
LINKS = Links("http://127.0.0.1:8501", "http://127.0.0.1:3000")
COUNT = "SELECT count(*) AS n FROM e"
EPISODE_TABLE = {"e": "ml.episodes"}


@pytest.fixture
def small(small_home: Path) -> Lakehouse:
    return Lakehouse(str(small_home / "lakehouse"))


def named(small: Lakehouse, name: str) -> Series:
    return next(each for each in read_series(small) if each.name == name)


def test_freshness_names_days_that_are_incomplete_and_provisional(small: Lakehouse) -> None:
    found = read_freshness(small)
    assert found.published_at == PUBLISHED
    assert found.newest_complete == NEWEST
    assert found.incomplete == [LAST]
    assert found.provisional == [NEWEST - timedelta(days=each) for each in range(6, -1, -1)]
    assert found.days[1].requests == requests_of("city", NEWEST)


def test_the_queue_is_sorted_by_severity_with_ended_episodes_last(small: Lakehouse) -> None:
    queue = read_queue(small, since=NEWEST - timedelta(days=14))
    assert [each.episode.id for each in queue] == [CONFIRMED, WATCH, CLOSED]
    assert queue[0].ratio == pytest.approx((150 + 212) / 150)
    assert queue[0].contributors[0]["name"] == "Rat Sighting"
    assert [each.episode.id for each in read_queue(small, since=NEWEST)] == [CONFIRMED, WATCH]


def test_what_has_changed_goes_by_the_day_that_was_judged(small: Lakehouse) -> None:
    changes = read_changes(small, NEWEST)
    assert (changes.new, changes.escalated, changes.closed, changes.corrected) == (
        [WATCH], [CONFIRMED], [CLOSED], [],
    )  # fmt: skip


def test_an_episode_that_became_part_of_another_leads_to_it(own_home: Path) -> None:
    gone = episode("b1", NOISE, NEWEST, NEWEST, excess=1.0)
    write(own_home, EPISODES, [gone | {"state": "withdrawn", "merged_into": WATCH}])
    small = Lakehouse(str(own_home / "lakehouse"))
    found = read_episode(small, "b1")
    assert found is not None and found.episode.id == WATCH
    assert read_episode(small, "nothing' OR '1'='1") is None


def test_the_headlines(small: Lakehouse) -> None:
    verdicts = read_verdicts(small, NEWEST)
    assert (verdicts.actual, verdicts.expected, verdicts.hi95) == (
        requests_of("city", NEWEST), 150.0, 195.0,
    )  # fmt: skip
    assert (verdicts.checked, verdicts.not_scored) == (5, 0)
    assert verdicts.above == 3  # Rodent, Rodent in the Bronx, the city
    outlook = read_outlook(small)
    assert outlook is not None
    assert (outlook.as_of, outlook.expected, outlook.lo80) == (NEWEST, 7 * 150.0, 7 * 120.0)
    assert read_verdicts(small, date(2020, 1, 1)).checked == 0


def test_a_past_day_has_the_band_issued_before_it_and_the_days_to_come_that_of_as_of(
    small: Lakehouse,
) -> None:
    as_of = NEWEST - timedelta(days=5)
    series = named(small, RODENT)
    first = NEWEST - timedelta(days=20)
    days = {
        each.ds: each for each in read_history(small, series, first=first, last=LAST, as_of=as_of)
    }
    assert days[as_of].as_of == as_of - timedelta(days=1)
    assert days[NEWEST].as_of == as_of
    for kept in (as_of, UNKEPT):
        day = days[kept]
        assert day.yhat is not None
        assert (day.lo80, day.hi80) == (0.8 * day.yhat, 1.2 * day.yhat)
        assert day.model == "level_profile"
    assert days[as_of + timedelta(days=30)].actual is None
    assert as_of + timedelta(days=31) not in days
    assert days[NEWEST].actual == requests_of(RODENT, NEWEST)
    assert (days[NEWEST].flagged, days[NEWEST].tier, days[NEWEST].side) == (True, "confirmed", 1)
    assert (days[LAST].is_complete, days[NEWEST].is_final) == (False, False)
    assert days[date(2026, 10, 12)].holiday == "Columbus Day"


def test_forecasts_were_issued_from_these_days(small: Lakehouse) -> None:
    assert read_origins(small)[0] == NEWEST


def test_a_sample_is_short_current_and_without_addresses(small: Lakehouse) -> None:
    sample = read_sample(small, named(small, RODENT), NEWEST)
    assert sample is not None
    assert sample.num_rows == 50
    assert "incident_address" not in sample.column_names
    assert "000" not in sample.column("unique_key").to_pylist()  # no longer current
    empty = read_sample(small, named(small, NOISE), NEWEST)
    assert empty is not None and not empty.num_rows


def test_a_new_version_is_read_and_an_old_one_only_once(own_home: Path) -> None:
    lakehouse, answers = Lakehouse(str(own_home / "lakehouse")), Answers()
    first = Reader(lakehouse, answers).query(COUNT, EPISODE_TABLE)
    assert Reader(lakehouse, answers).query(COUNT, EPISODE_TABLE) is first
    write(own_home, EPISODES, [episode("c1", NOISE, NEWEST, NEWEST, excess=1.0)])
    assert Reader(lakehouse, answers).query(COUNT, EPISODE_TABLE).to_pylist() == [{"n": 4}]


def test_a_table_that_was_made_anew_is_another_one(own_home: Path) -> None:
    lakehouse, answers = Lakehouse(str(own_home / "lakehouse")), Answers()
    Reader(lakehouse, answers).query(COUNT, EPISODE_TABLE)
    folder = own_home / "lakehouse" / "ml" / "episodes"
    folder.rename(own_home / "old")
    assert not Reader(lakehouse, answers).exists("ml.episodes")
    write(own_home, EPISODES, [episode("c1", NOISE, NEWEST, NEWEST, excess=1.0)])
    assert lakehouse.version("ml.episodes").number == 0
    assert Reader(lakehouse, answers).query(COUNT, EPISODE_TABLE).to_pylist() == [{"n": 1}]


def test_files_that_are_gone_are_told_and_what_was_read_is_shown(own_home: Path) -> None:
    lakehouse, answers = Lakehouse(str(own_home / "lakehouse")), Answers()
    sql = "SELECT id FROM e ORDER BY id"
    before = Reader(lakehouse, answers).query(sql, EPISODE_TABLE)
    write(own_home, EPISODES, [episode("c1", NOISE, NEWEST, NEWEST, excess=1.0)])
    for file in (own_home / "lakehouse" / "ml" / "episodes").glob("*.parquet"):
        file.unlink()
    reader = Reader(lakehouse, answers)
    assert reader.query(sql, EPISODE_TABLE) is before
    assert reader.troubles["ml.episodes"].shown.number == 0
    with pytest.raises(TableUnreadable, match=r"ml\.episodes cannot be read now"):
        Reader(lakehouse, Answers()).query(sql, EPISODE_TABLE)


def test_a_table_that_is_not_there_says_what_makes_it(tmp_path: Path) -> None:
    with pytest.raises(TableMissing, match="make demo"):
        Lakehouse(str(tmp_path)).query(COUNT, EPISODE_TABLE)


def test_a_value_stays_a_value() -> None:
    assert bind("a = :x AND b IN :y", {"x": "it's :y", "y": [1, 2]}) == (
        "a = 'it''s :y' AND b IN (1, 2)"
    )
    assert bind("a::text = :x", {"x": None}) == "a::text = NULL"
    assert literal(NOW) == "TIMESTAMP '2026-10-30T12:00:00.000000Z'"
    with pytest.raises(TypeError, match="needs a zone"):
        literal(datetime(2026, 1, 1))
    with pytest.raises(TypeError, match="no SQL literal"):
        literal(float("nan"))


def test_an_answer_to_what_somebody_changed_meanwhile_overwrites_nothing(own_home: Path) -> None:
    url = str(own_home / "lakehouse")
    ledger, small = Ledger(url), Lakehouse(url)
    entry = read_queue(small, since=NEWEST)[0]
    arguments: dict[str, Any] = {"now": NOW, "seen": entry.said, "links": LINKS}
    respond(ledger, entry.episode, "acknowledge", by="Ann", **arguments)
    with pytest.raises(ChangedMeanwhile) as conflict:
        respond(ledger, entry.episode, "mark_false", by="Bob", **arguments)
    assert conflict.value.said.acknowledged_by == "Ann"
    [alert] = ledger.read()
    assert (alert.acknowledged_by, alert.marked_false_by) == ("Ann", None)
    again = read_queue(small, since=NEWEST)[0]
    assert again.is_acknowledged
    respond(ledger, again.episode, "mark_false", by="Bob", now=NOW, seen=again.said, links=LINKS)
    assert said_of(CONFIRMED, ledger.read()).marked_false_by == "Bob"
    assert said_of("another", ledger.read()) == Said()
