from __future__ import annotations

import numpy as np
import pytest

from nyc311_assets.pipeline.anomalies.benchmark.contenders import weekday_z
from nyc311_assets.pipeline.anomalies.benchmark.events import (
    DROP_FACTORS,
    RAMP_FACTORS,
    SHIFT_DAYS,
    SPIKE_FACTORS,
    Event,
    draw_event,
    draw_events,
    inject,
)
from nyc311_assets.pipeline.anomalies.benchmark.scoring import score, starts, summarise


def flags(*days: int, length: int = 60) -> np.ndarray:
    row = np.zeros((1, length), dtype=bool)
    row[0, list(days)] = True
    return row


EVENT = Event(0, "shift", 30, (2.0, 2.0, 2.0))


@pytest.mark.parametrize(
    ("days", "delay"),
    [
        ([30], 0),
        ([32, 33], 2),
        ([34], 4),
        ([35], None),
        ([29, 30], None),  # the episode began before the event
        ([22, 30], 0),
        ([10, 31], 1),
    ],
)
def test_a_hit_is_an_episode_that_starts_within_the_event_or_two_days_after(
    days: list[int], delay: int | None
) -> None:
    found = score(flags(*days), flags(), (EVENT,), 5).delays[0]
    assert found == delay if delay is not None else np.isnan(found)


def test_false_alarms_are_episodes_of_the_series_without_the_event_in_scored_days() -> None:
    found = score(flags(30), flags(2, 10, 17, 25, 50), (EVENT,), 5)
    assert found.false_episodes.tolist() == [3]
    assert found.days == 55
    assert [each.tolist() for each in starts(flags(0, 7, 15))] == [[0, 15]]


def test_scores_of_a_hand_made_outcome() -> None:
    events = tuple(Event(row, "ramp", 30, (1.5, 2.0, 2.5)) for row in range(4))
    hits = np.vstack([flags(30), flags(31), flags(), flags(32)])
    quiet = np.vstack([flags(), flags(40), flags(), flags()])
    scores = summarise(score(hits, quiet, events, 4), np.random.default_rng(1))
    assert scores.recall.value == 0.75
    assert scores.precision.value == 0.75
    assert scores.f1.value == 0.75
    assert scores.false_a_week.value == pytest.approx(1 / 4 / 56 * 7 * 708)
    assert scores.median_delay == 1
    assert scores.lead == 1
    assert scores.recall.low <= 0.75 <= scores.recall.high
    assert scores.recall_by_kind["ramp"].value == 0.75


def test_events_have_the_documented_sizes_and_lengths() -> None:
    chance = np.random.default_rng(1)
    for _ in range(200):
        assert SPIKE_FACTORS[0] <= draw_event("spike", 0, 9, chance).factors[0] <= SPIKE_FACTORS[1]
        shift = draw_event("shift", 0, 9, chance)
        assert len(shift.factors) in SHIFT_DAYS
        assert shift.end == 9 + len(shift.factors) - 1
        ramp = draw_event("ramp", 0, 9, chance)
        assert RAMP_FACTORS[0] <= ramp.factors[-1] <= RAMP_FACTORS[1]
        assert list(ramp.factors) == sorted(ramp.factors)
        assert ramp.peak == ramp.end
        assert draw_event("drop", 0, 9, chance).factors[0] <= DROP_FACTORS[1]


def test_injecting_adds_what_an_event_adds_and_touches_no_other_day() -> None:
    chance = np.random.default_rng(2)
    rate = np.full((400, 60), 100.0)
    counts = chance.poisson(rate).astype(float)
    events = draw_events(400, 20, 60, ("spike", "shift", "ramp", "drop"), chance)
    injected = inject(counts, rate, events, chance)
    for event in events:
        inside = np.zeros(60, dtype=bool)
        inside[event.start : event.end + 1] = True
        np.testing.assert_array_equal(injected[event.row, ~inside], counts[event.row, ~inside])
        assert event.start >= 20
        assert event.end < 60
    ratios = [
        injected[each.row, each.start : each.end + 1].mean() / 100 / np.mean(each.factors)
        for each in events
        if each.kind != "drop"
    ]
    assert np.mean(ratios) == pytest.approx(1, abs=0.02)


def test_the_published_detector_compares_with_the_same_weekday() -> None:
    week = np.array([200.0, 200, 200, 200, 200, 40, 40])
    noise = np.random.default_rng(1).poisson(20, (1, 210)).astype(float)
    counts = np.tile(week, (1, 30)) + noise
    z = weekday_z(counts)
    assert np.isnan(z[0, :28]).all()
    assert np.abs(z[0, 60:]).max() < 5
    counts[0, 208] = 200
    assert weekday_z(counts)[0, 208] > 5
