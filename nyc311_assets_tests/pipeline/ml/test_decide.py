from __future__ import annotations

import pytest

from nyc311_assets.pipeline.ml.training import CHALLENGER, INCUMBENT, decide

NAIVE, MEAN = "seasonal naive", "4-week weekday mean"


def losses(own: float, incumbent: float, naive: float = 1.0, mean: float = 0.9) -> dict[str, float]:
    return {CHALLENGER: own, INCUMBENT: incumbent, NAIVE: naive, MEAN: mean}


def test_a_model_that_beats_all_is_promoted() -> None:
    decision = decide({"100+": losses(0.7, 0.71)}, {"100+": 5}, has_incumbent=True)
    assert decision.promoted
    assert "0.700" in decision.reason


def test_a_refit_with_the_same_settings_is_promoted() -> None:
    assert decide({"100+": losses(0.7, 0.7)}, {"100+": 5}, has_incumbent=True).promoted


@pytest.mark.parametrize(
    ("own", "incumbent", "naive", "mean", "named"),
    [
        (0.75, 0.7, 1.0, 0.9, "incumbent"),
        (0.95, 0.96, 1.0, 0.9, MEAN),
        (0.85, 0.86, 0.8, 0.9, NAIVE),
        (float("nan"), 0.7, 1.0, 0.9, "no number"),
        (float("inf"), 0.7, 1.0, 0.9, "no number"),
    ],
)
def test_a_worse_model_is_refused_by_name(
    own: float, incumbent: float, naive: float, mean: float, named: str
) -> None:
    decision = decide(
        {"100+": losses(own, incumbent, naive, mean)}, {"100+": 5}, has_incumbent=True
    )
    assert not decision.promoted
    assert named in decision.reason


def test_tiers_weigh_by_their_series() -> None:
    by_tier = {"100+": losses(0.5, 0.6), "30-100": losses(0.8, 0.7)}
    assert decide(by_tier, {"100+": 3, "30-100": 1}, has_incumbent=True).promoted
    assert not decide(by_tier, {"100+": 1, "30-100": 3}, has_incumbent=True).promoted


def test_the_first_model_has_no_incumbent_to_lose_to() -> None:
    decision = decide({"100+": losses(0.7, 0.1)}, {"100+": 5}, has_incumbent=False)
    assert decision.promoted
    assert INCUMBENT not in decision.losses


def test_without_a_series_of_enough_volume_nothing_is_promoted() -> None:
    decision = decide({}, {}, has_incumbent=False)
    assert not decision.promoted
    assert "10 requests a day" in decision.reason
