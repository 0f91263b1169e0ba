"""Past point forecasts over a run of several days whose series differ."""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path

import numpy as np
import pytest
from pyspark.sql import SparkSession

from nyc311_assets.pipeline.forecasting.candidates import LEVEL_PROFILE
from nyc311_assets.pipeline.forecasting.issue import HORIZON
from nyc311_assets.pipeline.forecasting.past import PastForecasts
from nyc311_assets.pipeline.ml.origins import Origins
from nyc311_assets.pipeline.ml.store import read_origins
from nyc311_assets.pipeline.tables import Lakehouse
from nyc311_assets_tests.pipeline.forecasting.counts import simulated

pytestmark = pytest.mark.spark


def test_a_series_that_falls_silent_later_in_the_run_keeps_its_forecasts(
    spark: SparkSession, tmp_path: Path
) -> None:
    lakehouse = Lakehouse(str(tmp_path))
    panel = simulated(series=2, days=40)
    fallen_silent, other = panel.series
    first, second = (panel.first_day + timedelta(days=ahead) for ahead in (30, 31))
    origins = Origins.around(spark, lakehouse, {}, first, second)
    before = origins.caught_up(panel.until(first), first, None)
    origins.caught_up(panel.until(second).only(np.array([1])), second, None)
    origins.write()

    kept = read_origins(spark, lakehouse, second)
    assert set(kept.series) == {fallen_silent, other}
    assert _of(kept, first, fallen_silent) == pytest.approx(_of(before, first, fallen_silent))
    assert np.isnan(_of(kept, second, fallen_silent)).all()
    assert not np.isnan(_of(kept, second, other)).any()


def test_a_range_that_reaches_further_back_than_what_is_there_is_written(
    spark: SparkSession, tmp_path: Path
) -> None:
    panel = simulated(series=2, days=300)
    day = panel.first_day + timedelta(days=60)
    later = [panel.first_day + timedelta(days=ahead) for ahead in range(100, 290)]
    there = {LEVEL_PROFILE: np.ones((len(later), 2, HORIZON))}
    lakehouse = Lakehouse(str(tmp_path))
    past = PastForecasts(panel.series, HORIZON, tuple(later), there)
    origins = Origins(spark, lakehouse, {}, past)
    made = origins.caught_up(panel.until(day), day, None)
    origins.write()

    assert read_origins(spark, lakehouse, day).origins == made.origins
    assert set(later) < set(origins.past.origins)


def _of(past: PastForecasts, origin: date, series: str) -> list[float]:
    row = past.origins.index(origin)
    return list(past.forecasts[LEVEL_PROFILE][row, past.series.index(series)])
