from __future__ import annotations

from datetime import date, timedelta

import numpy as np
import pandas as pd
import pytest

from nyc311_assets.pipeline.anomalies.episodes import (
    Episode,
    episode_id,
    find_episodes,
    first_day_needed,
    from_frame,
    reconcile,
    to_frame,
)

DAY = date(2026, 3, 1)
LATER = DAY + timedelta(days=60)


def verdicts(
    *days: int, series: str = "Noise", direction: int = 1, confirmed: bool = False
) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "series": series,
            "ds": pd.to_datetime([DAY + timedelta(days=day) for day in days]),
            "direction": direction,
            "flagged": True,
            "confirmed": confirmed,
            "excess": [float(direction * (10 + day % 5)) for day in days],
            "severity": 7.0,
            "reason": "run" if confirmed else "spike",
        }
    )


def spans(episodes: list[Episode]) -> list[tuple[int, int, str]]:
    return [((each.start - DAY).days, (each.end - DAY).days, each.state) for each in episodes]


def current(episodes: list[Episode]) -> list[Episode]:
    return [each for each in episodes if each.state != "withdrawn"]


def rescored(existing: list[Episode], table: pd.DataFrame, window: int = 0) -> list[Episode]:
    since = first_day_needed(existing, DAY + timedelta(days=window))
    return reconcile(existing, table, since, LATER)


def test_flags_within_seven_days_are_one_episode_and_the_eighth_day_starts_another() -> None:
    assert spans(find_episodes(verdicts(0, 7, 14, 22), LATER)) == [
        (0, 14, "closed"),
        (22, 22, "closed"),
    ]


def test_an_episode_sums_up_its_days() -> None:
    days = pd.concat([verdicts(0, 1), verdicts(4, confirmed=True)])
    (episode,) = find_episodes(days, LATER)
    assert episode.start == DAY
    assert episode.end == DAY + timedelta(days=4)
    assert episode.peak == DAY + timedelta(days=4)
    assert episode.excess == 10 + 11 + 14
    assert episode.days == 3
    assert episode.tier == "confirmed"
    assert episode.reasons == "spike+run"
    assert episode.id == episode_id("Noise", 1, DAY)


def test_the_peak_of_a_drop_is_its_lowest_day() -> None:
    (episode,) = find_episodes(verdicts(0, 3, 5, direction=-1), LATER)
    assert episode.peak == DAY + timedelta(days=3)
    assert episode.excess < 0


def test_series_and_directions_are_apart() -> None:
    days = pd.concat([verdicts(0), verdicts(1, direction=-1), verdicts(0, series="Heat")])
    found = find_episodes(days, LATER)
    assert len(found) == len({each.id for each in found}) == 3


def test_an_episode_is_open_while_a_flag_could_still_join_it() -> None:
    assert find_episodes(verdicts(0), DAY + timedelta(days=6))[0].state == "open"
    assert find_episodes(verdicts(0), DAY + timedelta(days=7))[0].state == "closed"
    assert find_episodes(verdicts(0).iloc[:0], LATER) == []


def test_an_open_episode_outside_the_window_closes_as_days_pass() -> None:
    existing = find_episodes(verdicts(0), DAY)
    found = reconcile(existing, verdicts(), DAY + timedelta(days=20), LATER)
    assert spans(found) == [(0, 0, "closed")]


def test_a_day_that_settles_below_the_line_moves_the_start_and_keeps_the_identity() -> None:
    first = rescored([], verdicts(0, 1, 2))
    found = rescored(first, verdicts(1, 2))
    assert spans(found) == [(1, 2, "closed")]
    assert found[0].id == first[0].id


def test_an_episode_of_which_nothing_is_left_is_withdrawn_and_comes_back_as_itself() -> None:
    first = rescored([], verdicts(0, 1))
    gone = rescored(first, verdicts())
    assert [each.state for each in gone] == ["withdrawn"]
    assert gone[0].id == first[0].id
    assert rescored(gone, verdicts(0, 1)) == first


def test_two_that_grow_together_become_the_elder_and_the_younger_says_so() -> None:
    apart = rescored([], verdicts(0, 12))
    found = rescored(apart, verdicts(0, 6, 12))
    assert spans(current(found)) == [(0, 12, "closed")]
    assert current(found)[0].id == apart[0].id
    (younger,) = [each for each in found if each.state == "withdrawn"]
    assert (younger.id, younger.merged_into) == (apart[1].id, apart[0].id)


def test_one_that_falls_apart_keeps_its_identity_in_the_first_part() -> None:
    whole = rescored([], verdicts(0, 6, 12))
    found = current(rescored(whole, verdicts(0, 12)))
    assert spans(found) == [(0, 0, "closed"), (12, 12, "closed")]
    assert found[0].id == whole[0].id
    assert found[1].id != whole[0].id


def test_a_start_that_another_episode_once_had_gets_an_identity_of_its_own() -> None:
    moved = rescored(rescored([], verdicts(0, 6, 12, 18)), verdicts(12, 18))
    found = current(rescored(moved, verdicts(0, 12, 18)))
    assert len({each.id for each in found}) == len(found) == 2


def test_the_window_reaches_back_to_the_start_of_what_it_touches() -> None:
    existing = find_episodes(verdicts(0, 5, 30), LATER)
    day = DAY + timedelta(days=12)
    assert first_day_needed(existing, day) == DAY
    assert first_day_needed(existing, day + timedelta(days=1)) == day + timedelta(days=1)


def test_the_window_reaches_back_over_other_series_too() -> None:
    existing = find_episodes(pd.concat([verdicts(10, 14), verdicts(4, 8, series="Heat")]), LATER)
    assert first_day_needed(existing, DAY + timedelta(days=20)) == DAY + timedelta(days=4)
    with pytest.raises(ValueError, match="verdicts from 2026-03-05 on"):
        reconcile(existing, verdicts(14), DAY + timedelta(days=20), LATER)


@pytest.mark.parametrize("seed", range(10))
def test_random_rescores_in_random_order_never_double_or_lose_an_episode(seed: int) -> None:
    chance = np.random.default_rng(seed)
    days, names = 45, ["Heat", "Noise", "Trees"]
    truth = {name: chance.random(days) < 0.12 for name in names}
    seen = {name: np.zeros(days, dtype=bool) for name in names}
    episodes: list[Episode] = []
    ever: set[str] = set()

    def table() -> pd.DataFrame:
        found = {name: np.flatnonzero(seen[name]).tolist() for name in names}
        parts = [verdicts(*each, series=name) for name, each in found.items() if each]
        return pd.concat(parts, ignore_index=True) if parts else verdicts()

    order = [*chance.permutation(days), *chance.integers(days, size=60), *range(days)]
    settled = len(order) - days
    for number, day in enumerate(int(each) for each in order):
        for name in names:
            noisy = number < settled and chance.random() < 0.3
            seen[name][day] = truth[name][day] ^ noisy
        since = first_day_needed(episodes, DAY + timedelta(days=day))
        episodes = reconcile(episodes, table(), since, LATER)
        again = reconcile(episodes, table(), since, LATER)
        assert again == episodes
        ids = [each.id for each in episodes]
        assert len(set(ids)) == len(ids), "an identity is there twice"
        assert ever <= set(ids), "an episode has disappeared"
        ever |= set(ids)
    fresh = find_episodes(table(), LATER)
    assert spans(current(episodes)) == spans(fresh)
    assert [each.excess for each in current(episodes)] == [each.excess for each in fresh]


def test_episodes_survive_a_table() -> None:
    apart = rescored([], verdicts(0, 12))
    found = rescored(apart, verdicts(0, 6, 12))
    assert from_frame(to_frame(found)) == found
    assert from_frame(to_frame([])) == []
