from __future__ import annotations

from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

from nyc311_assets.cli import app
from nyc311_assets.cli.detect import WRITTEN

FIRST_DAY = date(2025, 1, 6)
Invoke = Callable[..., tuple[int, str, pd.DataFrame]]


def counts(series: int = 12, days: int = 90) -> pd.DataFrame:
    chance = np.random.default_rng(11)
    values = chance.poisson(np.linspace(15, 90, series)[:, None], (series, days))
    return pd.DataFrame(
        {
            "series": np.repeat([f"type {row:02d}" for row in range(series)], days),
            "ds": np.tile([str(FIRST_DAY + timedelta(days=day)) for day in range(days)], series),
            "y": values.ravel().astype(str),
        }
    )


def at(table: pd.DataFrame, name: str, day: int) -> pd.Series[bool]:
    return (table["series"] == name) & (table["ds"] == str(FIRST_DAY + timedelta(days=day)))


@pytest.fixture
def detect(tmp_path: Path) -> Invoke:
    def invoke(table: pd.DataFrame, *options: str) -> tuple[int, str, pd.DataFrame]:
        source, out = tmp_path / "counts.csv", tmp_path / "flags.csv"
        table.to_csv(source, index=False)
        arguments = ["detect", "--counts", str(source), "--out", str(out), *options]
        result = CliRunner().invoke(app, arguments)
        written = pd.read_csv(out, keep_default_na=False, na_values={"z": [""], "yhat": [""]})
        return result.exit_code, " ".join(result.output.split()), written

    return invoke


def refused(tmp_path: Path, table: pd.DataFrame, *options: str) -> str:
    source, out = tmp_path / "counts.csv", tmp_path / "flags.csv"
    table.to_csv(source, index=False)
    arguments = ["detect", "--counts", str(source), "--out", str(out), *options]
    result = CliRunner().invoke(app, arguments)
    assert result.exit_code == 2, result.output
    assert not out.exists()
    return " ".join(result.output.split())


def test_the_verdicts_are_written_and_a_surge_is_flagged_on_its_first_day(detect: Invoke) -> None:
    table = counts()
    for day in range(80, 84):
        table.loc[at(table, "type 07", day), "y"] = "260"
    code, output, flags = detect(table)
    assert code == 0
    assert tuple(flags.columns) == WRITTEN
    assert len(flags) == 12 * (90 - 28)
    surge = flags[(flags["series"] == "type 07") & (flags["ds"] >= "2025-03-27")].set_index("ds")
    first = str(FIRST_DAY + timedelta(days=80))
    assert surge.index[surge["flagged"]][0] == first
    assert surge.loc[first, "watch"]
    assert not surge.loc[first, "confirmed"]
    assert surge.loc[first, "reason"] == "spike+spike_over_last_week"
    assert surge.loc[first, "run_length"] == 1
    assert surge["confirmed"].any()
    assert "type 07" in output
    assert "confirmed" in output


def test_flagged_is_watch_or_confirmed_and_the_band_holds_the_forecast(detect: Invoke) -> None:
    _, _, flags = detect(counts(series=60))
    assert (flags["flagged"] == (flags["watch"] | flags["confirmed"])).all()
    assert ((flags["lo95"].astype(float) <= flags["yhat"]) & (flags["lo95"] >= 0)).all()
    assert (flags["hi95"].astype(float) >= flags["yhat"]).all()
    outside = (flags["actual"] > flags["hi95"]) | (flags["actual"] < flags["lo95"])
    assert ((flags["run_length"] > 0) == outside).all()


def test_from_a_day_on_gives_the_same_verdicts_of_those_days(detect: Invoke) -> None:
    _, _, whole = detect(counts())
    start = str(FIRST_DAY + timedelta(days=70))
    _, _, part = detect(counts(), "--from", start)
    pd.testing.assert_frame_equal(part, whole[whole["ds"] >= start].reset_index(drop=True))


def test_a_missing_day_is_named_and_ends_a_run(detect: Invoke) -> None:
    table = counts()
    for day in (80, 81, 83):
        table.loc[at(table, "type 07", day), "y"] = str(130 + 40 * (day - 80))
    code, output, flags = detect(table[~at(table, "type 07", 82)])
    assert code == 0
    assert "1 days are missing in 1 series" in output
    runs = flags[flags["series"] == "type 07"].set_index("ds")["run_length"]
    assert runs[str(FIRST_DAY + timedelta(days=83))] <= 1
    assert str(FIRST_DAY + timedelta(days=82)) not in runs.index


def test_a_new_and_a_retired_series_are_named_and_their_days_are_kept(detect: Invoke) -> None:
    table = counts()
    day = pd.to_datetime(table["ds"]).dt.date
    is_new = (table["series"] == "type 01") & (day < FIRST_DAY + timedelta(days=75))
    is_old = (table["series"] == "type 02") & (day >= FIRST_DAY + timedelta(days=50))
    code, output, flags = detect(table[~is_new & ~is_old])
    assert code == 0
    assert "too short to be judged" in output
    assert "type 01 (15 known days)" in output
    assert "1 series have ended: type 02" in output
    young = flags[flags["series"] == "type 01"]
    assert len(young) == 15
    assert (young["reason"] == "too_little_history").all()
    assert not young["flagged"].any()


def test_a_half_published_newest_day_is_no_drop(detect: Invoke) -> None:
    table = counts()
    newest = table["ds"] == table["ds"].max()
    table.loc[newest, "y"] = (table.loc[newest, "y"].astype(int) // 4).astype(str)
    code, output, flags = detect(table)
    assert code == 0
    assert f"partly published: {table['ds'].max()}" in output
    assert table["ds"].max() not in set(flags["ds"])
    until = str(FIRST_DAY + timedelta(days=88))
    _, told, same = detect(table, "--complete-until", until)
    assert "partly published" not in told
    pd.testing.assert_frame_equal(flags, same)


def test_a_doubled_day_is_not_judged(detect: Invoke) -> None:
    table = counts(series=60)
    doubled = table["ds"] == str(FIRST_DAY + timedelta(days=80))
    table.loc[doubled, "y"] = (table.loc[doubled, "y"].astype(int) * 2).astype(str)
    code, output, flags = detect(table)
    assert code == 0
    assert "the requests are there twice: 2025-03-27" in output
    assert "2025-03-27" not in set(flags["ds"])
    assert flags["flagged"].mean() < 0.01


def test_a_flat_lined_feed_is_not_judged(detect: Invoke) -> None:
    table = counts(series=60).set_index(["series", "ds"])["y"].unstack("ds")
    for day in range(81, 84):
        table[str(FIRST_DAY + timedelta(days=day))] = table["2025-03-27"]
    code, output, flags = detect(table.reset_index().melt("series", var_name="ds", value_name="y"))
    assert code == 0
    assert "the counts are those of an earlier day: 2025-03-28; 2025-03-29; 2025-03-30" in output
    assert not set(flags["ds"]) & {"2025-03-28", "2025-03-29", "2025-03-30"}


def test_the_episodes_are_written_on_request(detect: Invoke, tmp_path: Path) -> None:
    table = counts()
    table.loc[at(table, "type 07", 80), "y"] = "400"
    code, _, _ = detect(table, "--episodes", str(tmp_path / "episodes.csv"))
    assert code == 0
    episodes = pd.read_csv(tmp_path / "episodes.csv")
    worst = episodes.sort_values("severity").iloc[-1]
    assert (worst["series"], worst["start"], worst["tier"]) == ("type 07", "2025-03-27", "watch")


@pytest.mark.parametrize(
    ("column", "value", "told"),
    [
        ("y", "-3", "negative y"),
        ("y", "many", "no number"),
        ("ds", "tomorrow", "no day"),
        ("series", "", "empty series name"),
    ],
)
def test_a_bad_row_is_wrong_use_and_named(
    tmp_path: Path, column: str, value: str, told: str
) -> None:
    table = counts()
    table.loc[5, column] = value
    assert told in refused(tmp_path, table)


def test_duplicates_a_missing_column_and_an_empty_file_are_wrong_use(tmp_path: Path) -> None:
    assert "more than one row for a series and day" in refused(
        tmp_path, pd.concat([counts(), counts().head(1)])
    )
    assert "no column y" in refused(tmp_path, counts().drop(columns="y"))
    assert "no rows" in refused(tmp_path, counts().head(0))


@pytest.mark.parametrize("start", ["2024-01-01", "2025-01-20", "2026-01-01"])
def test_a_day_that_cannot_be_judged_is_wrong_use(tmp_path: Path, start: str) -> None:
    assert "Choose a day from 2025-02-03 to 2025-04-05" in refused(
        tmp_path, counts(), "--from", start
    )


def test_too_short_a_file_is_wrong_use(tmp_path: Path) -> None:
    assert "Give a longer history" in refused(tmp_path, counts(days=20))
    assert "Give a longer history" in refused(tmp_path, counts(), "--complete-until", "2025-01-20")
    assert "Nothing is known on 2024-01-20" in refused(
        tmp_path, counts(), "--complete-until", "2024-01-20"
    )


def test_no_series_that_can_be_judged_is_a_failure_with_its_reason(detect: Invoke) -> None:
    table = counts(days=60)
    table = table[pd.to_datetime(table["ds"]).dt.day % 3 == 0]
    code, output, flags = detect(table)
    assert code == 1
    assert "12 series are too short" in output
    assert (flags["reason"] == "too_little_history").all()


def test_where_nothing_can_be_written_no_work_is_done(tmp_path: Path) -> None:
    source = tmp_path / "counts.csv"
    counts().to_csv(source, index=False)

    def told(*options: str) -> str:
        result = CliRunner().invoke(app, ["detect", "--counts", str(source), *options])
        assert result.exit_code == 2
        assert "Walking" not in result.output
        return result.output

    assert "holds the counts" in told("--out", str(source))
    assert "Nothing can be written" in told("--out", str(tmp_path / "nowhere" / "flags.csv"))
    flags = str(tmp_path / "flags.csv")
    assert "named twice" in told("--out", flags, "--episodes", flags)
    missing = ["detect", "--counts", str(tmp_path / "none.csv"), "--out", flags]
    assert "There is no file" in CliRunner().invoke(app, missing).output


def test_the_benchmark_prints_every_detector_with_intervals() -> None:
    result = CliRunner().invoke(app, ["benchmark", "--series", "40", "--seed", "3"])
    assert result.exit_code == 0
    output = " ".join(result.output.split())
    for told in ("watch or", "weekday mean, z", "3 days in a", "drops", "±", "with level drift"):
        assert told in output, told


def test_a_benchmark_of_counts_without_a_busy_series_is_wrong_use(tmp_path: Path) -> None:
    table = counts()
    table["y"] = "1"
    table.to_csv(tmp_path / "rare.csv", index=False)
    result = CliRunner().invoke(app, ["benchmark", "--counts", str(tmp_path / "rare.csv")])
    assert result.exit_code == 2
    assert "busier series" in result.output
