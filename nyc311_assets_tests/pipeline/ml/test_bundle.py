from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from nyc311_assets.pipeline.forecasting.anchored_prophet import fit_prophet
from nyc311_assets.pipeline.forecasting.bands import calibrate
from nyc311_assets.pipeline.forecasting.candidates import LEVEL_PROFILE
from nyc311_assets.pipeline.forecasting.issue import catch_up
from nyc311_assets.pipeline.forecasting.level_profile import history
from nyc311_assets.pipeline.forecasting.panel import Panel
from nyc311_assets.pipeline.forecasting.past import PastForecasts
from nyc311_assets.pipeline.forecasting.volume import tier_of
from nyc311_assets.pipeline.ml.bundle import Bundle, BundleBroken

FIRST = date(2026, 1, 5)
DAYS = 100


@pytest.fixture(scope="module")
def bundle() -> Bundle:
    random = np.random.default_rng(311)
    volume = np.array([[200.0], [40.0], [5.0]])
    week = np.array([1.2, 1.1, 1.0, 1.0, 1.0, 0.9, 0.8])[np.arange(DAYS) % 7]
    panel = Panel(("busy", "middle", "small"), FIRST, random.poisson(volume * week).astype(float))
    fits = fit_prophet(history(panel.only(np.array([0, 1])), {}), ("busy", "middle"), 30)
    past = catch_up(panel, panel.last_day, PastForecasts(panel.series, 30), {})
    served = past.forecasts[LEVEL_PROFILE]
    calibration = calibrate(panel, past, served, tier_of(volume[:, 0]))
    christmas = {date(2026, 12, 25): "Christmas Day"}
    return Bundle(panel, fits, np.array([True, False, False]), calibration, christmas)


def wanted(**horizons: int) -> pd.DataFrame:
    return pd.DataFrame({"series": list(horizons), "horizon": list(horizons.values())})


def test_what_was_saved_forecasts_the_same(bundle: Bundle, tmp_path: Path) -> None:
    bundle.save(tmp_path)
    again = Bundle.load(tmp_path)
    asked = wanted(busy=30, small=7)
    pd.testing.assert_frame_equal(again.forecast(asked), bundle.forecast(asked))
    assert again.holidays == bundle.holidays
    assert not list(tmp_path.glob("*.pkl"))


def test_any_series_and_horizon_is_forecast_with_bands(bundle: Bundle) -> None:
    rows = bundle.forecast(wanted(busy=90, small=3))
    assert len(rows) == 93
    busy = rows[rows["series"] == "busy"]
    assert list(busy["model"].unique()) == ["prophet"]
    assert busy["ds"].iloc[0].date() == FIRST + timedelta(days=DAYS)
    numbers = rows[["lo95", "lo80", "yhat", "hi80", "hi95"]].to_numpy()
    assert np.isfinite(numbers).all()
    assert (np.diff(numbers, axis=1) >= 0).all()
    # Beyond the fit the last week repeats.
    assert busy["yhat"].iloc[80] == pytest.approx(busy["yhat"].iloc[87])
    assert busy["yhat"].mean() == pytest.approx(200, rel=0.1)


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        (wanted(unheard=3), "no series unheard"),
        (wanted(busy=0), "whole number"),
        (pd.DataFrame({"series": ["busy"], "horizon": ["soon"]}), "whole number"),
        (pd.DataFrame({"series": ["busy"], "horizon": [2.5]}), "whole number"),
    ],
)
def test_what_cannot_be_forecast_is_named(bundle: Bundle, asked: pd.DataFrame, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        bundle.forecast(asked)


@pytest.mark.parametrize("file", ["counts.parquet", "fits.parquet", "bands.npz", "facts.json"])
def test_a_broken_model_says_so(bundle: Bundle, tmp_path: Path, file: str) -> None:
    bundle.save(tmp_path)
    (tmp_path / file).write_bytes(b"not what it was")
    with pytest.raises(BundleBroken, match="Load another version"):
        Bundle.load(tmp_path)
    (tmp_path / file).unlink()
    with pytest.raises(BundleBroken, match="Load another version"):
        Bundle.load(tmp_path)
