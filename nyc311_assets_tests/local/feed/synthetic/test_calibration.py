"""The synthetic stream has the measured figures of the real data, within stated tolerances."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime, timedelta
from pathlib import Path

import numpy as np
import numpy.typing as npt
import orjson
import pandas as pd
import pytest

from nyc311_assets.local.feed.synthetic.calibration import records
from nyc311_assets.local.feed.synthetic.calibration.__main__ import main
from nyc311_assets.local.feed.synthetic.figures import FIGURES_PATH, figures
from nyc311_assets.local.feed.synthetic.source import DEFAULT_SEED, SyntheticSource
from nyc311_assets.local.feed.synthetic.volumes import PLACES, Volumes

CURRENT = "erm2-nwe9"
LONG_SERIES = ("HEAT/HOT WATER", "Illegal Parking", "Noise - Street/Sidewalk")

Floats = npt.NDArray[np.float64]
SourceAt = Callable[[str], SyntheticSource]


@pytest.fixture(scope="module")
def volumes() -> Volumes:
    return Volumes(DEFAULT_SEED, figures())


def days(first: date, last: date) -> list[date]:
    return [first + timedelta(days=age) for age in range((last - first).days + 1)]


@pytest.fixture(scope="module")
def spring(synthetic_source: SourceAt) -> pd.DataFrame:
    """Synthetic rows of the weekends from April to May 2026, as the real files have them."""
    publication = synthetic_source("2026-08-15T12:00:00-04:00").publication(CURRENT)
    names = ("agency", "complaint_type", "borough", "created_date", "closed_date", "incident_zip")
    more = ("city", "latitude", "open_data_channel_type", "status", "unique_key")
    parts = []
    for day in days(date(2026, 4, 11), date(2026, 5, 24)):
        if day.weekday() >= 5:
            rows = publication.rows(day)
            parts.append(pd.DataFrame({n: rows.column(n).to_pylist() for n in (*names, *more)}))
    return pd.concat(parts, ignore_index=True)


@pytest.fixture(scope="module")
def real_spring(real_data: Path) -> pd.DataFrame:
    rows = pd.concat([census.rows for census in records.snapshots(real_data)])
    weekends: pd.DataFrame = rows[rows["created_date"].dt.dayofweek >= 5]
    return weekends


def shares(values: pd.Series[str]) -> pd.Series[float]:
    return values.value_counts(normalize=True)


def test_the_table_in_the_package_is_what_the_real_data_says(
    real_data: Path, tmp_path: Path
) -> None:
    again = tmp_path / "figures.json"
    assert main([str(real_data), "--output", str(again)]) == 0
    assert orjson.loads(again.read_bytes()) == orjson.loads(FIGURES_PATH.read_bytes())
    assert FIGURES_PATH.stat().st_size < 100_000


def test_yearly_and_monthly_totals_are_the_true_ones(volumes: Volumes) -> None:
    # Tolerances: 4 % for a year, 6 % for a month.
    for period, total in figures()["totals"].items():
        is_year = len(period) == 4
        first = date(int(period[:4]), 1 if is_year else int(period[5:]), 1)
        after = first + timedelta(days=366 if is_year else 31)
        last = after.replace(day=1, month=1 if is_year else after.month) - timedelta(days=1)
        drawn = sum(volumes.row_count(day) for day in days(first, last))
        assert drawn == pytest.approx(total, rel=0.04 if is_year else 0.06), period


def test_the_city_keeps_growing_after_the_last_measured_month(volumes: Volumes) -> None:
    totals = [
        sum(volumes.row_count(day) for day in days(date(year, 1, 1), date(year, 12, 31)))
        for year in (2026, 2028)
    ]
    assert 1.0 < totals[1] / totals[0] < 1.2


def test_the_leaf_series_are_as_many_as_a_forecast_can_bear() -> None:
    assert (
        300 < sum(share > 0 for unit in figures()["units"] for share in unit["places"][:5]) < 1500
    )


def test_the_commonest_types_have_their_shares(
    spring: pd.DataFrame, real_spring: pd.DataFrame
) -> None:
    # Tolerance: a third, and 1.2 points of a hundred, for levels drift and seasons are smooth.
    real, drawn = shares(real_spring["complaint_type"]), shares(spring["complaint_type"])
    assert set(real.index[:6]) == set(drawn.index[:6])
    for complaint_type in real.index[:20]:
        assert drawn[complaint_type] == pytest.approx(real[complaint_type], rel=0.35, abs=0.012)


def test_agencies_and_boroughs_have_their_shares(
    spring: pd.DataFrame, real_spring: pd.DataFrame
) -> None:
    for column, tolerance in (("agency", 0.04), ("borough", 0.025)):
        real, drawn = shares(real_spring[column]), shares(spring[column])
        for value in real.index:
            assert drawn.get(value, 0.0) == pytest.approx(real[value], abs=tolerance), value


def test_the_day_has_the_real_shape(spring: pd.DataFrame, real_data: Path) -> None:
    # Tolerance: 1.2 points of a hundred in each hour of all requests, 4 in those of one type:
    # the figures are of three weekend days and a Tuesday, these are weekends.
    real = pd.concat(
        [
            *(census.rows for census in records.snapshots(real_data)[:3]),
            records.full_day_2021(real_data).rows,
        ]
    )
    real = real[real["created_date"].dt.floor("D").isin(WHOLE_DAYS)]

    def hours(rows: pd.DataFrame) -> Floats:
        counts = np.bincount(rows["created_date"].dt.hour, minlength=24)
        found: Floats = counts / counts.sum()
        return found

    assert np.abs(hours(spring) - hours(real)).max() < 0.012
    for complaint_type in ("Noise - Residential", "Illegal Parking", "Noise - Street/Sidewalk"):
        drawn = hours(spring[spring["complaint_type"] == complaint_type])
        measured = hours(real[real["complaint_type"] == complaint_type])
        assert np.abs(drawn - measured).max() < 0.04, complaint_type


WHOLE_DAYS = [pd.Timestamp(day) for day in ("2026-04-12", "2026-05-03", "2026-05-09", "2021-09-21")]


def series_of(volumes: Volumes, count: Callable[[date], npt.NDArray[np.float64]]) -> pd.DataFrame:
    """A number a day of the three types with a long real series, over its days."""
    numbers = {
        unit.complaint_type: number
        for number, unit in enumerate(volumes.units)
        if unit.complaint_type in LONG_SERIES
    }
    table = {}
    for day in days(date(2023, 6, 1), date(2025, 3, 31)):
        values = count(day)
        table[pd.Timestamp(day)] = {name: float(values[n]) for name, n in numbers.items()}
    return pd.DataFrame(table).T


@pytest.fixture(scope="module")
def usual_series(volumes: Volumes) -> pd.DataFrame:
    return series_of(volumes, volumes.usual)


@pytest.fixture(scope="module")
def drawn_series(volumes: Volumes) -> pd.DataFrame:
    return series_of(volumes, lambda day: volumes.counts(day).sum(axis=1).astype(np.float64))


@pytest.fixture(scope="module")
def real_long_series(real_data: Path) -> pd.DataFrame:
    daily = records.daily_counts(real_data)
    return daily[daily["series"].isin(LONG_SERIES)].pivot(
        index="day", columns="series", values="requests"
    )


@pytest.mark.parametrize("name", LONG_SERIES)
def test_seasons_and_levels_are_those_of_the_long_series(
    name: str, usual_series: pd.DataFrame, real_long_series: pd.DataFrame
) -> None:
    # Tolerance: 4 % of the mean, and in each month 20 % and 10 % of the mean.
    usual, real = usual_series[name], real_long_series[name]
    assert usual.mean() == pytest.approx(real.mean(), rel=0.04)
    by_month = [
        series.groupby(pd.DatetimeIndex(series.index).month).mean() for series in (usual, real)
    ]
    for month in range(1, 13):
        assert by_month[0][month] == pytest.approx(
            by_month[1][month], rel=0.2, abs=0.1 * real.mean()
        ), month


@pytest.mark.parametrize("name", LONG_SERIES)
def test_weekdays_are_those_of_the_long_series(
    name: str, usual_series: pd.DataFrame, real_long_series: pd.DataFrame
) -> None:
    # Tolerance: 5 % of the mean on each weekday.
    def factors(series: pd.Series[float]) -> pd.Series[float]:
        trend = series.rolling(29, center=True, min_periods=10).median()
        found = (series / trend).groupby(pd.DatetimeIndex(series.index).dayofweek).median()
        return found / found.mean()

    difference = factors(usual_series[name]) - factors(real_long_series[name])
    assert difference.abs().max() < 0.05


@pytest.mark.parametrize("name", LONG_SERIES)
def test_days_scatter_as_the_real_ones_do(
    name: str, drawn_series: pd.DataFrame, real_long_series: pd.DataFrame
) -> None:
    # Tolerance: a quarter of the spread of the logarithm around its running median.
    def spread(series: pd.Series[float]) -> float:
        logs = series.clip(lower=1).apply(np.log)
        rest = logs - logs.rolling(29, center=True, min_periods=10).median()
        # Quartiles, so that events and holidays do not count.
        return float(rest.quantile(0.75) - rest.quantile(0.25))

    assert spread(drawn_series[name]) == pytest.approx(spread(real_long_series[name]), rel=0.25)


def test_counts_vary_more_than_chance_alone(volumes: Volumes) -> None:
    quiet = [volumes.counts(day)[0].sum() for day in days(date(2024, 2, 1), date(2024, 4, 30))]
    expected = [volumes.expected(day)[0].sum() for day in days(date(2024, 2, 1), date(2024, 4, 30))]
    ratio = np.array(quiet) / np.array(expected)
    assert ratio.var() > 4 * (1 / np.array(expected)).mean()
    assert ratio.mean() == pytest.approx(1, abs=0.05)


@pytest.mark.parametrize(
    ("holiday", "complaint_type", "least", "most"),
    [
        (date(2024, 7, 4), "Noise - Street/Sidewalk", 2.0, 5.5),
        (date(2024, 11, 28), "Illegal Parking", 0.6, 0.9),
        (date(2024, 12, 25), "PLUMBING", 0.3, 0.8),
    ],
)
def test_holidays_move_what_they_move_in_the_real_series(
    volumes: Volumes, holiday: date, complaint_type: str, least: float, most: float
) -> None:
    number = next(n for n, u in enumerate(volumes.units) if u.complaint_type == complaint_type)

    def expected(day: date) -> float:
        return float(volumes.expected(day)[number].sum())

    usual = [expected(holiday + timedelta(days=week * 7)) for week in (-2, -1, 1, 2)]
    assert least < expected(holiday) / float(np.median(usual)) < most


def test_requests_are_closed_as_fast_as_the_real_ones(
    spring: pd.DataFrame, real_spring: pd.DataFrame, real_data: Path
) -> None:
    # Tolerance: 10 points of a hundred. The half day of 2023 was watched for 45 days; of 2026
    # only the first hours of a day are seen for long enough.
    watched = records.half_day_2023(real_data).rows
    seen = real_spring[real_spring["created_date"].dt.hour < 8]

    def closed_within(rows: pd.DataFrame, agency: str, hours: float) -> float:
        mine = rows[rows["agency"] == agency]
        life = (pd.to_datetime(mine["closed_date"]) - mine["created_date"]).dt.total_seconds()
        return float((life <= hours * 3600).mean())

    for rows, agency, limits in (
        (seen, "NYPD", (1, 4, 16)),
        (seen, "HPD", (1, 4)),
        (watched, "HPD", (24, 168, 720)),
        (watched, "DSNY", (168, 720)),
        (watched, "DOT", (168, 720)),
        (watched, "DPR", (24, 168, 720)),
        (watched, "NYPD", (4, 24)),
    ):
        for hours in limits:
            drawn = closed_within(spring, agency, hours)
            real = closed_within(rows, agency, hours)
            assert drawn == pytest.approx(real, abs=0.1), (agency, hours)


def test_dirt_is_as_rare_as_in_the_real_rows(
    spring: pd.DataFrame, real_spring: pd.DataFrame
) -> None:
    def without(rows: pd.DataFrame, column: str) -> float:
        return float(rows[column].isna().mean())

    assert without(spring, "latitude") == pytest.approx(without(real_spring, "latitude"), abs=0.008)
    assert without(spring, "city") == pytest.approx(without(real_spring, "city"), abs=0.02)
    unspecified = float((spring["borough"] == "Unspecified").mean())
    assert unspecified == pytest.approx(
        float((real_spring["borough"] == "Unspecified").mean()), abs=0.001
    )
    before = float((spring["closed_date"] < spring["created_date"]).mean())
    assert 0.0002 < before < 0.0024
    odd_zip = spring["incident_zip"].dropna()
    assert 0 < float((~odd_zip.str.fullmatch(r"1[01]\d{3}")).mean()) < 0.003


def test_what_a_day_holds_does_not_depend_on_other_days_or_the_clock(
    synthetic_source: SourceAt,
) -> None:
    day = date(2024, 5, 5)
    early = synthetic_source("2024-07-05T12:00:00-04:00").publication(CURRENT)
    late = synthetic_source("2026-08-15T12:00:00-04:00").publication(CURRENT)
    late.rows(date(2024, 5, 6))
    for name in (":id", "unique_key", "created_date", "incident_address", "latitude"):
        assert early.rows(day).column(name).equals(late.rows(day).column(name))


def test_another_seed_is_another_stream_with_the_same_figures() -> None:
    clock = lambda: datetime.fromisoformat("2026-06-15T12:00:00-04:00")  # noqa: E731
    first, second = (SyntheticSource(seed, clock).publication(CURRENT) for seed in (1, 2))
    day = date(2026, 6, 3)
    one, two = first.rows(day), second.rows(day)
    assert one.column(":id")[0] != two.column(":id")[0]
    assert len(one) == pytest.approx(len(two), rel=0.25)
    assert len(PLACES) == 6
