from __future__ import annotations

from datetime import date

import pandas as pd
import pytest

from nyc311_assets.cli.truth import TrueEvent, Truth, compare, read_events, told
from nyc311_assets.local.feed.server import running_feed
from nyc311_assets.local.feed.synthetic.source import SyntheticSource

LEAVES = [
    {"complaint_type": kind, "borough": borough, "agency": agency}
    for kind, agency in (("Noise", "NYPD"), ("Tree", "DPR"))
    for borough in ("BRONX", "QUEENS")
]
SERIES = pd.DataFrame(
    [
        ("city", "city", None, None, None),
        ("type: Noise", "type", "Noise", None, None),
        ("type: Tree", "type", "Tree", None, None),
        ("type: Tree | borough: BRONX", "type_borough", "Tree", "BRONX", None),
        ("type: Tree | borough: QUEENS", "type_borough", "Tree", "QUEENS", None),
    ],
    columns=["series", "level", "complaint_type", "borough", "agency"],
)
JUDGED = (date(2026, 3, 1), date(2026, 3, 28))


def storm(start: int = 10, end: int = 12, direction: int = 1) -> TrueEvent:
    days = (date(2026, 3, start), date(2026, 3, end))
    return TrueEvent("storm", *days, direction, frozenset({2}))


def alarm(series: str, day: int, direction: int = 1) -> tuple[str, int, date, float]:
    return (series, direction, date(2026, 3, day), 5.0)


def held(event: TrueEvent, *alarms: tuple[str, int, date, float]) -> Truth:
    episodes = pd.DataFrame(list(alarms), columns=["series", "direction", "start", "severity"])
    return compare([event], episodes, SERIES, LEAVES, JUDGED)


@pytest.mark.parametrize(
    ("series", "day", "delay"),
    [
        ("type: Tree | borough: BRONX", 10, 0),
        ("type: Tree", 11, 1),
        ("type: Tree", 14, 4),
        ("type: Tree", 15, None),
        ("type: Tree", 9, None),
        ("type: Tree | borough: QUEENS", 10, None),
        ("type: Noise", 10, None),
    ],
)
def test_an_event_is_found_by_an_alarm_about_it_in_time(
    series: str, day: int, delay: int | None
) -> None:
    assert held(storm(), alarm(series, day)).outcomes[0].delay_days == delay


def test_an_alarm_of_the_other_direction_finds_nothing() -> None:
    assert held(storm(), alarm("type: Tree", 10, -1)).outcomes[0].delay_days is None


def test_alarms_without_an_event_are_counted_and_named() -> None:
    truth = held(storm(), alarm("type: Tree", 10), alarm("type: Noise", 20), alarm("city", 13))
    assert truth.alarms == 3
    assert truth.unexplained == ("type: Noise (2026-03-20)",)
    assert truth.unexplained_a_week == pytest.approx(1 / 4 / 5 * 708)


def test_what_was_missed_is_said() -> None:
    lines = told(held(storm()))
    assert "Of 1 made-up events" in lines[0]
    assert "0 were found" in lines[0]
    assert "MISSED" in lines[1]
    assert lines[-1].startswith("0 of 0 alarms")


def test_the_feed_tells_its_events() -> None:
    with running_feed(SyntheticSource(seed=311)) as feed:
        found = read_events(feed.url, date(2026, 10, 12), date(2026, 11, 8), LEAVES)
    kinds = [event.kind for event in found]
    assert "storm" in kinds
    assert found[kinds.index("storm")].start == date(2026, 10, 16)


def test_events_before_the_judged_days_explain_but_are_not_scored() -> None:
    event = TrueEvent("storm", date(2026, 2, 27), date(2026, 2, 28), 1, frozenset({2}))
    truth = held(event, alarm("type: Tree", 2))
    assert not truth.outcomes
    assert not truth.unexplained
