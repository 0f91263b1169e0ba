from __future__ import annotations

import numpy as np
import pytest

from nyc311_assets.pipeline.anomalies.benchmark.run import (
    OWN,
    OWN_DROPS,
    PUBLISHED,
    PUBLISHED_LIMITS,
    Part,
    run_benchmark,
)


@pytest.fixture(scope="module")
def parts() -> tuple[Part, Part]:
    return run_benchmark(None, series=240, seed=1)


@pytest.mark.long
def test_the_benchmark_is_locked_by_its_seed() -> None:
    one, other = (run_benchmark(None, series=40, seed=5)[1].outcomes[OWN] for _ in range(2))
    assert one.events == other.events
    np.testing.assert_array_equal(one.delays, other.delays)
    np.testing.assert_array_equal(one.false_episodes, other.false_episodes)


@pytest.mark.long
def test_rises_are_found_as_often_as_promised(parts: tuple[Part, Part]) -> None:
    for part in parts:
        own = part.scores[OWN]
        assert own.f1.value >= 0.90
        assert own.median_delay == 0
        assert own.recall_by_kind["spike"].value >= 0.90
        assert own.recall_by_kind["shift"].value >= 0.88
        assert own.recall_by_kind["ramp"].value >= 0.73
        assert own.lead >= 1
        assert part.above < 0.05
        assert part.watch < 0.005
    assert np.mean([part.scores[OWN].false_a_week.value for part in parts]) <= 3


@pytest.mark.long
def test_drops_are_found_with_few_false_ones(parts: tuple[Part, Part]) -> None:
    assert np.mean([part.scores[OWN_DROPS].recall.value for part in parts]) >= 0.8
    assert np.mean([part.scores[OWN_DROPS].precision.value for part in parts]) >= 0.95


@pytest.mark.long
def test_where_levels_drift_the_published_detector_is_beaten(parts: tuple[Part, Part]) -> None:
    drifting = parts[1].scores
    for limit in PUBLISHED_LIMITS:
        assert drifting[OWN].f1.low > drifting[PUBLISHED.format(limit)].f1.value
