from __future__ import annotations

import re
from datetime import timedelta
from pathlib import Path

import pandas as pd
import pytest
from typer.testing import CliRunner

from nyc311_assets.cli import app
from nyc311_assets.pipeline.forecasting.panel import read_panel
from nyc311_assets.pipeline.forecasting.scores import judged, score_table
from nyc311_assets_tests.pipeline.forecasting.counts import (
    fifteen_types,
    simulated,
    ten_categories,
    three_types,
)


def invoke(*arguments: object) -> tuple[int, str]:
    result = CliRunner().invoke(app, ["backtest", *map(str, arguments)])
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result.exit_code, re.sub(r"\s+", " ", result.output)


def as_table(days: int = 60, series: int = 2) -> pd.DataFrame:
    panel = simulated(series=series, days=days)
    return pd.DataFrame(
        [
            (name, str(panel.first_day + timedelta(days=day)), int(value))
            for name, row in zip(panel.series, panel.values, strict=True)
            for day, value in enumerate(row)
        ],
        columns=["series", "ds", "y"],
    )


def backtest(folder: Path, counts: pd.DataFrame, *options: object) -> tuple[pd.DataFrame, str]:
    counts.to_csv(folder / "counts.csv", index=False)
    out = folder / "forecasts.csv"
    code, output = invoke("--counts", folder / "counts.csv", "--out", out, *options)
    assert code == 0, output
    return pd.read_csv(out, parse_dates=["as_of", "ds"]), output


def scores(forecasts: pd.DataFrame, counts: pd.DataFrame) -> pd.DataFrame:
    horizon = (forecasts["ds"] - forecasts["as_of"]).dt.days
    rows = judged(forecasts.assign(method="own", horizon=horizon), read_panel(counts))
    table = score_table(rows)
    return table[table["tier"] == "all"].set_index("horizon")


def test_forecasts_are_written_and_scored(tmp_path: Path) -> None:
    counts = as_table(days=120)
    forecasts, output = backtest(
        tmp_path, counts.sample(frac=1, random_state=1), "--no-baselines", "--every", 10
    )
    assert list(forecasts.columns) == ["series", "as_of", "ds", "yhat", "lo95", "hi95"]
    assert forecasts["as_of"].dt.strftime("%Y-%m-%d").unique().tolist() == [
        "2024-03-30",
        "2024-04-09",
        "2024-04-19",
        "2024-04-29",
    ]
    for _, one in forecasts.groupby(["series", "as_of"]):
        assert ((one["ds"] - one["as_of"]).dt.days == range(1, 31)).all()
    assert not forecasts.isna().to_numpy().any()
    for expected in ("1-7 days ahead", "8-30 days ahead", "nyc311 2 ", "seasonal naive 2 "):
        assert expected in output
    assert not list(tmp_path.glob(".*partial"))


def test_a_start_a_horizon_and_the_stock_models_can_be_asked_for(tmp_path: Path) -> None:
    forecasts, output = backtest(
        tmp_path,
        as_table(days=60, series=3),
        *("--start", "2024-02-10", "--horizon", 7, "--every", 9, "--baseline-series", 2),
    )
    assert forecasts["as_of"].min() == pd.Timestamp("2024-02-10")
    assert len(forecasts) == 3 * 3 * 7
    for expected in ("stock Prophet 2 ", "AutoETS 2 ", "nyc311, same ones 2 ", "nyc311 3 "):
        assert expected in output
    assert "8-30" not in output


def test_forecasting_starts_at_28_days_and_no_earlier(tmp_path: Path) -> None:
    counts = as_table(days=40)
    forecasts, _ = backtest(tmp_path, counts, "--no-baselines", "--start", "2024-01-28")
    assert forecasts["as_of"].min() == pd.Timestamp("2024-01-28")
    code, output = invoke(
        *("--counts", tmp_path / "counts.csv", "--out", tmp_path / "o.csv"),
        *("--start", "2024-01-27"),
    )
    assert code == 2
    assert "Choose a start from 2024-01-28 to 2024-02-09" in output


def test_odd_series_are_named_and_fail_no_other(tmp_path: Path) -> None:
    usual = as_table(days=70, series=1)
    zeros = usual.assign(series="zeros", y=0)
    short = usual.tail(20).assign(series="short")
    gappy = usual.assign(series="gappy").drop(index=[10, 11, 30])
    huge = usual.assign(series="huge", y=usual["y"].where(usual.index != 20, 10**9))
    forecasts, output = backtest(
        tmp_path, pd.concat([usual, zeros, short, gappy, huge]), "--no-baselines"
    )
    assert "1 series skipped: short (18 days of history; 28 are needed)" in output
    assert "3 days are missing in 1 series and taken as unknown" in output
    assert "gappy (3, first 2024-01-11)" in output
    assert set(forecasts["series"]) == {"series 0000", "zeros", "gappy", "huge"}
    usual_mean = forecasts.loc[forecasts["series"] == "series 0000", "yhat"].mean()
    huge_mean = forecasts.loc[forecasts["series"] == "huge", "yhat"].mean()
    assert huge_mean == pytest.approx(usual_mean, rel=0.1)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("series,ds,count\na,2024-01-01,1\n", "no column y"),
        ("series,ds,y\na,2024-01-01,-1\n", "negative y: a 2024-01-01: -1"),
        ("series,ds,y\na,2024-01-01,x\n", "no number: a 2024-01-01: x"),
        ("series,ds,y\na,2024-01-01,1\na,2024-01-01,2\n", "more than one row"),
        ("series,ds,y\na,01/02/2024,1\n", "no day: 01/02/2024"),
        ("series,ds,y\n", "no rows"),
        ("", "cannot be read as a CSV"),
        ("series,ds,y\na,2024-01-01,1\n", "too few days"),
    ],
)
def test_bad_input_is_wrong_use_and_is_named(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "counts.csv").write_text(text)
    code, output = invoke("--counts", tmp_path / "counts.csv", "--out", tmp_path / "out.csv")
    assert (code, message in output) == (2, True), output
    assert not (tmp_path / "out.csv").exists()


def test_files_that_are_not_there_or_the_same_are_wrong_use(tmp_path: Path) -> None:
    counts = tmp_path / "counts.csv"
    assert invoke("--counts", counts, "--out", tmp_path / "out.csv")[0] == 2
    as_table(days=40).to_csv(counts, index=False)
    assert invoke("--counts", counts, "--out", tmp_path / "no" / "out.csv")[0] == 2
    assert invoke("--counts", counts, "--out", counts)[0] == 2
    assert invoke("--counts", counts)[0] == 2
    assert pd.read_csv(counts).shape == (80, 3)


def test_the_command_explains_itself() -> None:
    code, output = invoke("--help")
    assert code == 0
    assert "--no-baselines" in output


def test_a_spreadsheets_mark_at_the_start_of_the_file_does_no_harm(tmp_path: Path) -> None:
    counts = as_table(days=40, series=1)
    counts.to_csv(tmp_path / "counts.csv", index=False, encoding="utf-8-sig")
    code, _ = invoke(
        *("--counts", tmp_path / "counts.csv", "--out", tmp_path / "out.csv", "--no-baselines")
    )
    assert code == 0


def test_no_forecast_at_all_is_a_failure(tmp_path: Path) -> None:
    counts = as_table(days=60, series=1)
    counts = counts[(counts.index < 20) | (counts.index > 58)]
    counts.to_csv(tmp_path / "counts.csv", index=False)
    code, output = invoke("--counts", tmp_path / "counts.csv", "--out", tmp_path / "out.csv")
    assert code == 1
    assert "No series could be forecast" in output


@pytest.mark.long
def test_fifteen_types_of_2020_reach_their_figures(tmp_path: Path, real_data: Path) -> None:
    counts = fifteen_types(real_data)
    found = scores(backtest(tmp_path, counts, "--no-baselines")[0], counts).loc["1-7"]
    assert found["series"] == 15
    assert found["mase"] <= 0.70
    assert 0.93 <= found["coverage"] <= 0.97
    assert found["winkler"] <= 1.85


@pytest.mark.long
def test_three_types_of_two_years_reach_their_figures(tmp_path: Path, real_data: Path) -> None:
    counts = three_types(real_data)
    found = scores(backtest(tmp_path, counts, "--no-baselines")[0], counts)
    near, far = found.loc["1-7"], found.loc["8-30"]
    assert near["mase"] <= 0.82
    assert 0.93 <= near["coverage"] <= 0.97
    assert near["winkler"] <= 2.4
    assert far["mase"] <= 0.95
    assert far["coverage"] >= 0.91


def test_ten_categories_are_covered_from_28_days_on(tmp_path: Path, real_data: Path) -> None:
    counts = ten_categories(real_data)
    forecasts, _ = backtest(
        tmp_path, counts, "--no-baselines", "--start", "2025-01-28", "--every", 1
    )
    rows = judged(forecasts.assign(method="own", horizon=1), read_panel(counts))
    inside = (rows["y"] >= rows["lo95"]) & (rows["y"] <= rows["hi95"])
    assert inside.mean() >= 0.93
    ahead = (rows["ds"] - rows["as_of"]).dt.days
    assert inside[ahead <= 7].mean() >= 0.93
