from __future__ import annotations

import random
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nyc311_assets.automation.alerts.events import (
    MOST_SINGLE_MESSAGES,
    Present,
    decide,
)
from nyc311_assets.resources import episode_messages as messages
from nyc311_assets.resources.episode_messages import Links
from nyc311_assets.resources.ledger_episodes import Episodes, KnownEpisode
from nyc311_assets.resources.ledger_rows import Alert
from nyc311_assets_tests.automation.alerts.desks import NOON, TODAY, episode

LINKS = Links("http://dashboard", "http://dagster/")


class Book:
    """A ledger in memory: what `decide` returns is added once, each look a minute later."""

    def __init__(self) -> None:
        self.alerts: list[Alert] = []
        self.looks = 0

    def look(
        self, *episodes: KnownEpisode, days: int = 0, written_at: datetime | None = None
    ) -> list[tuple[str, str]]:
        self.looks += 1
        now = NOON + timedelta(days=days, minutes=self.looks)
        present = Present(now, TODAY + timedelta(days=days), 7, LINKS, "run-1")
        known = {each.alert_id for each in self.alerts}
        found = decide(Episodes(episodes, written_at or now), self.alerts, present)
        new = [each for each in found if each.alert_id not in known]
        assert len({each.alert_id for each in new}) == len(new)
        self.alerts += new
        return [(each.kind, each.outcome) for each in new]

    def say(self, **what: object) -> None:
        excess = 834.0
        self.alerts = [replace(each, noted_excess=excess, **what) for each in self.alerts]  # type: ignore[arg-type]


CONFIRMED = {"tier": "confirmed"}
CLOSED = {"state": "closed"}


def test_an_episode_is_told_when_it_opens_is_confirmed_and_closes_each_once() -> None:
    book = Book()
    assert book.look(episode()) == [("opened", "send")]
    assert book.look(episode()) == []
    assert book.look(episode(tier="confirmed")) == [("confirmed", "send")]
    assert book.look(episode(tier="confirmed")) == []
    # It closes a week later, when its end is older than the limit: who heard of it hears this.
    assert book.look(episode(tier="confirmed", state="closed"), days=9) == [("closed", "send")]
    assert book.look(episode(tier="confirmed", state="closed"), days=9) == []


def test_what_happened_between_two_looks_is_one_message() -> None:
    assert Book().look(episode(tier="confirmed")) == [("opened", "folded"), ("confirmed", "send")]


def test_an_episode_that_ended_long_ago_is_recorded_and_not_told() -> None:
    book = Book()
    end = TODAY - timedelta(days=8)
    old = episode(start=end, peak=end, end=end, tier="confirmed", state="closed")
    assert book.look(old) == [
        ("opened", "too_old"), ("confirmed", "too_old"), ("closed", "too_old"),
    ]  # fmt: skip
    assert book.look(old) == []
    assert Book().look(replace(old, end=TODAY - timedelta(days=7), state="open"))[0][1] != "too_old"


@pytest.mark.parametrize(
    "what",
    [
        {"acknowledged_at": NOON, "acknowledged_by": "me"},
        {"muted_until": TODAY},
        {"marked_false_at": NOON, "marked_false_by": "me"},
    ],
)
def test_who_was_answered_stays_quiet_until_it_worsens(what: dict[str, object]) -> None:
    book = Book()
    book.look(episode())
    book.say(**what)
    assert book.look(episode(excess=834.0 * 1.49)) == []
    assert book.look(episode(excess=834.0 * 1.5)) == [("worsened", "send")]
    assert book.look(episode(excess=834.0 * 1.5)) == []
    # The new alert was not answered, so the next event is told.
    assert book.look(episode(tier="confirmed", excess=1300.0)) == [("confirmed", "send")]


def test_a_tier_that_rises_is_told_although_it_was_acknowledged_and_its_end_is_not() -> None:
    book = Book()
    book.look(episode())
    book.say(acknowledged_at=NOON)
    assert book.look(episode(tier="confirmed")) == [("confirmed", "send")]
    book.say(acknowledged_at=NOON)
    assert book.look(episode(tier="confirmed", state="closed")) == [("closed", "quiet")]


def test_a_mute_ends_with_its_day() -> None:
    book = Book()
    book.look(episode())
    book.say(muted_until=TODAY)
    assert book.look(episode(state="closed"), days=1) == [("closed", "send")]


def test_a_drop_worsens_downward() -> None:
    book = Book()
    drop = episode(direction=-1, excess=-834.0)
    book.look(drop)
    book.alerts = [replace(each, acknowledged_at=NOON, noted_excess=-834.0) for each in book.alerts]
    assert book.look(episode(direction=-1, excess=-600.0)) == []
    assert book.look(episode(direction=-1, excess=-1300.0)) == [("worsened", "send")]


def test_a_storm_that_goes_on_without_a_worse_day_is_no_news() -> None:
    book = Book()
    book.look(episode())
    book.say(acknowledged_at=NOON)
    on_and_on = replace(episode(), excess=3 * 834.0, days=5)
    assert book.look(on_and_on) == []
    assert book.look(replace(on_and_on, peak_actual=400.0 + 1.5 * 834.0)) == [("worsened", "send")]


def test_few_requests_more_are_no_news() -> None:
    book = Book()
    small = episode(excess=12.0)
    book.look(small)
    book.alerts = [replace(each, acknowledged_at=NOON, noted_excess=12.0) for each in book.alerts]
    assert book.look(episode(excess=21.9)) == []
    assert book.look(episode(excess=22.0)) == [("worsened", "send")]


def test_a_withdrawn_episode_that_was_told_gets_one_correction_and_others_none() -> None:
    book = Book()
    gone = episode(state="withdrawn")
    assert book.look(gone) == []
    book.look(episode())
    assert book.look(gone) == [("corrected", "send")]
    assert book.look(gone) == []
    assert book.look(episode()) == [("reopened", "send")]
    assert book.look(gone) == [("corrected", "send")]
    old = Book()
    end = TODAY - timedelta(days=30)
    old.look(episode(start=end, end=end))
    assert old.look(episode(start=end, end=end, state="withdrawn")) == []


def test_an_acknowledged_one_is_corrected_and_a_muted_one_is_not() -> None:
    for what, outcome in (({"acknowledged_at": NOON}, "send"), ({"muted_until": TODAY}, "quiet")):
        book = Book()
        book.look(episode())
        book.say(**what)
        assert book.look(episode(state="withdrawn")) == [("corrected", outcome)]


def test_an_episode_that_merged_hands_on_what_was_told_and_acknowledged() -> None:
    book = Book()
    younger = episode("young", tier="confirmed")
    book.look(younger)
    book.say(acknowledged_at=NOON)
    merged = replace(younger, state="withdrawn", merged_into="old")
    elder = episode("old", tier="confirmed")
    assert book.look(merged, elder) == []
    assert book.look(merged, replace(elder, state="closed")) == [("closed", "quiet")]
    assert book.alerts[-1].subject == "old"
    # By way of a third, too.
    chained = replace(elder, state="withdrawn", merged_into="oldest")
    assert book.look(merged, chained, episode("oldest", **CONFIRMED, **CLOSED)) == []


def test_an_older_version_of_the_table_takes_nothing_back() -> None:
    book = Book()
    book.look(episode(state="closed"))
    assert book.look(episode(), written_at=NOON - timedelta(days=1)) == []


def test_many_at_once_are_one_message_with_the_most_severe() -> None:
    many = [episode(f"e{n}", severity=float(n)) for n in range(messages.MOST_LINES + 1)]
    book = Book()
    told = Counter(book.look(*many))
    assert told == {("opened", "folded"): len(many), ("wave", "send"): 1}
    assert book.look(*many) == []
    wave = book.alerts[-1]
    assert wave.title == "11 episodes opened at once"
    assert "[e10]" in wave.body.splitlines()[0]
    assert "[e0]" not in wave.body
    assert f"nyc311 alert ack {wave.alert_id} --by NAME" in wave.body
    assert {each.told_by for each in book.alerts[:-1]} == {wave.alert_id}
    few = Counter(Book().look(*many[:MOST_SINGLE_MESSAGES]))
    assert few == {("opened", "send"): MOST_SINGLE_MESSAGES}


STORM = {
    "whole": "type: Damaged Tree",
    "queens": "type: Damaged Tree | borough: QUEENS",
    "leaf": "type: Damaged Tree | borough: QUEENS | agency: DPR",
    "parks": "agency: DPR",
    "noise": "type: Noise | borough: QUEENS",
}


def test_a_type_and_its_parts_are_one_message_and_other_causes_are_their_own() -> None:
    storm = [
        episode(name, series=series, severity=30.0 if name == "queens" else 20.0)
        for name, series in STORM.items()
    ]
    book = Book()
    assert Counter(book.look(*storm)) == {("opened", "send"): 3, ("opened", "folded"): 2}
    alerts = {each.subject: each for each in book.alerts}
    teller = alerts["whole"]
    assert {each.told_by for each in book.alerts if each.outcome == "folded"} == {teller.alert_id}
    assert (
        "Also: Damaged Tree in QUEENS (+834), Damaged Tree in QUEENS (DPR) (+834)." in teller.body
    )
    assert "Acknowledge (these as well): nyc311 alert ack whole --by NAME" in teller.body
    assert "Also" not in alerts["parks"].body
    assert book.look(*storm) == []
    # It goes on in one part alone: that is news.
    assert book.look(*(replace(each, tier="confirmed") for each in storm[1:2])) == [
        ("confirmed", "send")
    ]


@pytest.mark.parametrize(
    "other",
    [
        {"direction": -1, "excess": -100.0},
        {"start": TODAY - timedelta(days=5), "peak": TODAY - timedelta(days=5),
         "end": TODAY - timedelta(days=5)},
        {"series": "type: Dead Tree | borough: QUEENS"},
        {"series": "type: Damaged Tree"},
    ],
)  # fmt: skip
def test_what_went_the_other_way_at_another_time_or_elsewhere_is_told_by_itself(
    other: dict[str, object],
) -> None:
    whole = episode("whole", series=STORM["whole"])
    part = episode("part", **{"series": STORM["queens"], **other})
    assert Book().look(whole, part) == [("opened", "send"), ("opened", "send")]


def test_no_part_is_hidden_behind_one_that_is_told_by_another() -> None:
    first, second, third = (TODAY - timedelta(days=age) for age in (6, 4, 1))
    whole = episode("whole", series=STORM["whole"], start=first, peak=first, end=second)
    between = episode("between", series=STORM["queens"], start=second, peak=second, end=third)
    leaf = episode("leaf", series=STORM["leaf"], start=third, peak=third, end=third)
    book = Book()
    book.look(whole, between, leaf)
    outcomes = {each.subject: each.outcome for each in book.alerts}
    assert outcomes == {"whole": "send", "between": "folded", "leaf": "send"}


def test_a_part_whose_whole_is_quiet_speaks_for_itself() -> None:
    book = Book()
    whole, part = (episode(name, series=STORM[name]) for name in ("whole", "queens"))
    book.look(whole)
    book.say(acknowledged_at=NOON)
    assert book.look(replace(whole, state="closed"), part) == [
        ("opened", "send"), ("closed", "quiet"),
    ]  # fmt: skip


STAGES: tuple[dict[str, str], ...] = ({}, CONFIRMED, {**CONFIRMED, **CLOSED})


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 10_000), looks=st.integers(1, 25))
def test_any_order_and_repetition_of_news_tells_each_event_exactly_once(
    seed: int, looks: int
) -> None:
    """Episodes go through their stages each at its own pace; a look sees all, or repeats one."""
    random_ = random.Random(seed)
    names = [f"e{n}" for n in range(6)]
    stage = dict.fromkeys(names, -1)
    book = Book()

    def seen() -> Sequence[KnownEpisode]:
        known = [episode(name, **STAGES[at]) for name, at in stage.items() if at >= 0]
        random_.shuffle(known)
        return known

    for _ in range(looks):
        for name in random_.sample(names, random_.randint(0, 3)):
            stage[name] = min(stage[name] + random_.randint(0, 2), 2)
        book.look(*seen())
    stage = dict.fromkeys(names, 2)
    book.look(*seen())
    book.look(*seen())
    events = Counter((each.subject, each.kind) for each in book.alerts if each.kind != "wave")
    assert events == {(n, kind): 1 for n in names for kind in ("opened", "confirmed", "closed")}
    by_id = {each.alert_id: each for each in book.alerts}
    for each in book.alerts:
        teller = each
        while teller.outcome == "folded":
            teller = by_id[teller.told_by or ""]
        assert teller.outcome == "send"


def test_a_message_says_what_where_since_when_how_much_how_sure_why_and_where_to_look() -> None:
    text = messages.body("confirmed", episode(), LINKS, "run-1")
    assert text.splitlines() == [
        "Illegal Parking in BRONX: still abnormally high (confirmed)",
        "",
        "Days: since Mon 2026-03-09, so far to Tue 2026-03-10, 2 days in all, most on Mon 2026-03-09.",
        "How much: 1,234 requests where 400 were expected, 834 more, 3.1 times.",
        "How sure: very sure: of all findings like this, at most 0.04% are chance; "
        "6.2 standard deviations on the peak.",
        "Mostly: Noise (+300, 36%).",
        "",
        "Look: http://dashboard/series?series=type%3A+Illegal+Parking+%7C+borough%3A+BRONX&episode=e1",
        "Run: http://dagster/runs/run-1",
        "Acknowledge: nyc311 alert ack e1 --by NAME",
    ]
    assert messages.attributes("confirmed", episode())["borough"] == "BRONX"


def test_figures_that_are_missing_are_left_out() -> None:
    bare = episode(excess=None, expected=None, peak_z=None, peak_q_value=None, contributors=None)
    text = messages.body("opened", bare, LINKS, None)
    assert "no figures" in text
    assert "How sure" not in text
    assert "None" not in text


@pytest.mark.parametrize(
    ("series", "words"),
    [
        ("city", "All requests"),
        ("borough: QUEENS", "All requests in QUEENS"),
        ("agency: NYPD", "All requests (NYPD)"),
        ("type: Noise | borough: BRONX | agency: NYPD", "Noise in BRONX (NYPD)"),
    ],
)
def test_a_series_is_told_in_words(series: str, words: str) -> None:
    assert messages.in_words(series) == words


def test_times_of_the_ledger_are_utc() -> None:
    book = Book()
    book.look(episode())
    assert book.alerts[0].created_at.tzinfo is UTC
