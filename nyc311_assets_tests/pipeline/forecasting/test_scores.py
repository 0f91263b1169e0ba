from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from nyc311_assets.pipeline.forecasting.baselines import seasonal_naive, weekday_mean
from nyc311_assets.pipeline.forecasting.benchmark import (
    sample_of,
    simple_baselines,
    stock_models,
)
from nyc311_assets.pipeline.forecasting.panel import Panel
from nyc311_assets.pipeline.forecasting.scores import coverage_by_weekday, judged, score_table
from nyc311_assets.pipeline.forecasting.stock import AUTO_ETS, STOCK_PROPHET
from nyc311_assets_tests.pipeline.forecasting.counts import MONDAY, panel_of, simulated


def forecast(panel: Panel, series: str, columns: list[int], **values: float) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "method": "m",
            "series": series,
            "as_of": pd.Timestamp(panel.day(columns[0] - 1)),
            "ds": [pd.Timestamp(panel.day(column)) for column in columns],
            "horizon": range(1, len(columns) + 1),
            **values,
        }
    )


def test_scores_are_what_their_definitions_say() -> None:
    rising = np.repeat([100.0, 120.0, 140.0], 7)  # |y_t - y_(t-7)| is 20, the mean 120
    panel = panel_of(rising, np.full(21, 5.0))
    rows = pd.concat(
        [
            forecast(panel, "a", [14, 15], yhat=130.0, lo95=100.0, hi95=135.0),
            forecast(panel, "b", [14, 15], yhat=6.0, lo95=4.0, hi95=8.0),
            forecast(panel, "a", [20, 21], yhat=130.0, lo95=0.0, hi95=9.0).tail(1),  # to come
        ]
    )
    table = score_table(judged(rows, panel)).to_dict("records")
    by_tier = {row["tier"]: row for row in table if row["horizon"] == "1-7"}
    large = by_tier["100+"]
    assert large["series"] == 1
    assert large["mase"] == pytest.approx(10 / 20)
    assert large["wape"] == large["mape"] == pytest.approx(10 / 140)
    assert large["coverage"] == 0.0
    assert large["winkler"] == pytest.approx((35 + 40 * 5) / 120)
    assert large["width"] == pytest.approx(35 / 120)
    small = by_tier["3-10"]
    assert np.isnan(small["mase"])
    assert small["mape_series"] == 0
    assert small["coverage"] == 1.0
    both = by_tier["all"]
    assert both["series"] == 2
    assert both["mape_series"] == 1
    assert both["coverage"] == 0.5


def test_coverage_by_weekday_is_of_the_forecast_day() -> None:
    panel = panel_of(np.full(21, 5.0))
    rows = forecast(panel, "a", [14, 15], yhat=5.0, lo95=5.0, hi95=5.0)
    rows.loc[1, "hi95"] = 4.0
    assert coverage_by_weekday(judged(rows, panel)).to_dict() == {0: 1.0, 1: 0.0}


def test_simple_rules_repeat_the_week_and_skip_unknown_days() -> None:
    values = np.tile(np.arange(7.0), 6)
    values[-7:] += 4
    values[-1] = np.nan
    panel = panel_of(values)
    np.testing.assert_array_equal(seasonal_naive(panel, 8).point[0], [4, 5, 6, 7, 8, 9, 6, 4])
    np.testing.assert_array_equal(weekday_mean(panel, 7).point[0], [1, 2, 3, 4, 5, 6, 6])


def test_the_bands_of_simple_rules_cover_normal_noise() -> None:
    generator = np.random.default_rng(1)
    panel = Panel(tuple("ab"), MONDAY, generator.normal(1000, 30, (2, 700)))
    days = [panel.day(column) for column in range(100, 690, 7)]
    rows = simple_baselines(panel, days, 7).forecasts
    table = score_table(judged(rows, panel), [(1, 7)])
    cover = table[table["tier"] == "all"].set_index("method")["coverage"]
    assert cover.to_numpy() == pytest.approx(0.95, abs=0.02)


def test_stock_models_forecast_each_series_and_count_what_fails() -> None:
    panel = simulated(series=1, days=60)
    broken = Panel((*panel.series, "z"), MONDAY, np.vstack([panel.values, np.full(60, np.nan)]))
    result = stock_models(broken, [panel.day(50)], 9, country="US", workers=2)
    assert result.failed == {STOCK_PROPHET: 1, AUTO_ETS: 1}
    frame = result.forecasts
    assert set(frame["series"]) == set(panel.series)
    assert frame.groupby("method").size().to_dict() == {STOCK_PROPHET: 9, AUTO_ETS: 9}
    assert (frame["lo95"] < frame["hi95"]).all()
    assert frame["yhat"].mean() == pytest.approx(panel.values.mean(), rel=0.3)


def test_a_sample_spreads_over_the_volumes() -> None:
    panel = panel_of(*[[float(size)] * 3 for size in (5, 1, 4, 2, 3)])
    assert sample_of(panel, 3).tolist() == [0, 1, 4]
    assert sample_of(panel, 99).tolist() == [0, 1, 2, 3, 4]
