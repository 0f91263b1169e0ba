from __future__ import annotations

import numpy as np
import pytest

from nyc311_assets.pipeline.anomalies.scans import MOST_OF_A_DAY, scan


def test_the_scan_is_the_standardised_sum() -> None:
    assert scan(np.array([[2.0, 2.0, 2.0]]), 3)[0, 2] == pytest.approx(6 / np.sqrt(3 * 1.2))


def test_one_day_alone_however_high_is_below_any_limit() -> None:
    z = np.zeros((1, 30))
    z[0, 20] = 30.0
    assert np.nanmax(scan(z, 3)) == pytest.approx(MOST_OF_A_DAY / np.sqrt(3.6))
    assert np.nanmax(scan(z, 7)) < MOST_OF_A_DAY / np.sqrt(3.6)


def test_moderate_days_add_up() -> None:
    z = np.zeros((1, 30))
    z[0, 20:23] = 2.6
    assert scan(z, 3)[0, 22] > 3.75
    assert scan(z, 3)[0, 21] < 3.75


def test_where_levels_wander_it_takes_more() -> None:
    chance = np.random.default_rng(1)
    calm = chance.normal(0, 1, (50, 130))
    wandering = np.repeat(chance.normal(0, 1.6, (50, 26)), 5, axis=1)
    calm[:, -3:] = wandering[:, -3:] = 3.0
    assert np.median(scan(wandering, 3)[:, -1]) < 0.75 * np.median(scan(calm, 3)[:, -1])


def test_the_days_of_the_sum_are_no_part_of_their_own_measure_alone() -> None:
    z = np.random.default_rng(1).normal(0, 1, (5, 120))
    later = z.copy()
    later[:, 100:] += 5
    np.testing.assert_array_equal(scan(z, 7)[:, :100], scan(later, 7)[:, :100])
