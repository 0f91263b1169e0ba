from __future__ import annotations

import numpy as np

from nyc311_assets.pipeline.anomalies.runs import run_lengths, trailing_sum


def runs(*direction: int) -> list[int]:
    return [int(length) for length in run_lengths(np.array([direction]))[0]]


def test_a_run_counts_days_in_a_row() -> None:
    assert runs(0, 1, 1, 1, 0, 1) == [0, 1, 2, 3, 0, 1]


def test_a_run_is_of_one_direction() -> None:
    assert runs(1, 1, -1, -1, 1) == [1, 2, 1, 2, 1]


def test_a_day_that_is_not_known_ends_a_run_and_is_not_counted() -> None:
    high, unknown = 1, 0
    assert runs(high, high, unknown, high, high) == [1, 2, 0, 1, 2]


def test_each_series_has_its_own_runs() -> None:
    assert run_lengths(np.array([[1, 1, 1], [0, 1, 0]])).tolist() == [[1, 2, 3], [0, 1, 0]]


def test_a_trailing_sum_needs_every_one_of_its_days() -> None:
    values = np.array([[1.0, 2.0, 3.0, np.nan, 5.0, 6.0, 7.0]])
    np.testing.assert_array_equal(
        trailing_sum(values, 3), [[np.nan, np.nan, 6.0, np.nan, np.nan, np.nan, 18.0]]
    )
    assert np.isnan(trailing_sum(values, 8)).all()
