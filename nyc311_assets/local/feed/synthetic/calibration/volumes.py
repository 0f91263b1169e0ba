"""How many requests: rates, weekdays, seasons, hours and over-dispersion, per type."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from nyc311_assets.local.feed.synthetic.calibration.records import Census
from nyc311_assets.pipeline.cities import NEW_YORK

Floats = npt.NDArray[np.float64]

PLACES = (*NEW_YORK.boroughs, "Unspecified")
# A type, an agency: the smallest unit that has a rate of its own.
UNIT = ["complaint_type", "agency"]

_DAYS_OF_YEAR = 365.25
_MONTHS = 12
_RATES_FROM_YEAR = 2026
# Pseudo-counts that pull thin profiles to those of the whole: rows per cell.
_HOUR_PRIOR_ROWS = 60
_PLACE_PRIOR_ROWS = 10
_MONTH_PRIOR_ROWS = 30
_TREND_DAYS = 29
# Days above this quantile of actual to expected are events, not noise.
_EVENT_QUANTILE = 0.97
_MOST_DETAILS = 6

# Which measured series stands for an agency's types that have none of their own.
_CATEGORY_OF_AGENCY = {
    "NYPD": "PARKING",
    "HPD": "BUILDING",
    "DOB": "BUILDING",
    "DSNY": "SANITATION",
    "DOT": "STREET",
    "DHS": "SOCIAL",
}
_SEASONS = {
    "heat": ("HEAT/HOT WATER", "HEATING"),
    "noise": ("Noise",),
    "trees": ("Damaged Tree", "Overgrown Tree", "Dead", "New Tree"),
    "water": ("Water System", "Sewer", "Water Quality", "Water Conservation", "Standing Water"),
    "streets": ("Street Condition", "Street Light", "Traffic", "Sidewalk", "Curb", "Highway"),
    "housing": (
        "PLUMBING",
        "PAINT",
        "UNSANITARY",
        "ELECTRIC",
        "DOOR",
        "WATER LEAK",
        "GENERAL",
        "FLOORING",
        "APPLIANCE",
        "NONCONST",
        "SAFETY",
    ),
    "pests": ("Rodent", "Food Establishment", "Food Poisoning"),
    "refuse": ("Dirty Condition", "Missed Collection", "Sanitation", "Graffiti", "Litter"),
}


def season_of(complaint_type: str) -> str:
    """The seasonal group of a type."""
    if complaint_type in ("Noise - Street/Sidewalk", "Illegal Parking"):
        return complaint_type
    if complaint_type in ("Noise - Park", "Noise - Vehicle"):
        return "Noise - Street/Sidewalk"
    for season, beginnings in _SEASONS.items():
        if complaint_type.startswith(beginnings):
            return season
    return "other"


def weekday_of(complaint_type: str, agency: str, measured: Sequence[str]) -> str:
    """The series whose weekdays a type follows."""
    if complaint_type in measured:
        return complaint_type
    if complaint_type.startswith("Noise -"):
        return "Noise - Residential"
    return _CATEGORY_OF_AGENCY.get(agency, "OTHER")


def seasons(daily: pd.DataFrame, sample: pd.DataFrame) -> dict[str, list[float]]:
    """Monthly factors, mean 1, of each seasonal group.

    The three long daily series give their own; the others come from the random sample of nine
    years, pulled towards 1 where a month has few rows.
    """
    groups = sample["complaint_type"].map(season_of)
    months = sample["created_date"].dt.month
    factors = {}
    for season in (*_SEASONS, "other"):
        counts = months[groups == season].value_counts().reindex(range(1, 13), fill_value=0)
        pulled = (counts + _MONTH_PRIOR_ROWS) / (counts.mean() + _MONTH_PRIOR_ROWS)
        factors[season] = [float(value) for value in pulled]
    for series, group in (
        ("HEAT/HOT WATER", "heat"),
        ("Illegal Parking", "Illegal Parking"),
        ("Noise - Street/Sidewalk", "Noise - Street/Sidewalk"),
    ):
        rows = daily[daily["series"] == series]
        means = rows.groupby(rows["day"].dt.month)["requests"].mean()
        factors[group] = [float(value) for value in means / means.mean()]
    return factors


def _expected(series: pd.Series[float]) -> tuple[pd.Series[float], list[float]]:
    """A series' trend times its weekday factors, and those factors (Monday first, mean 1)."""
    trend = series.rolling(_TREND_DAYS, center=True, min_periods=10).median()
    ratio = series / trend
    day_of_week = pd.DatetimeIndex(series.index).dayofweek
    factors = ratio.groupby(day_of_week).median()
    factors = factors / factors.mean()
    return trend * factors.reindex(day_of_week).to_numpy(), [float(value) for value in factors]


def weekdays(daily: pd.DataFrame) -> dict[str, list[float]]:
    """Factors per weekday, Monday first, mean 1, of each measured series."""
    return {
        str(name): _expected(rows.set_index("day")["requests"].astype(float))[1]
        for name, rows in daily.groupby("series")
    }


def dispersions(daily: pd.DataFrame) -> dict[str, float]:
    """Shape k of the gamma noise in each daily series: variance = mean + mean² / k.

    By the method of moments on actual to expected, where expected is a running median times
    weekday factors. The largest ratios are left out: they are events.
    """
    found = {}
    for name, rows in daily.groupby("series"):
        series = rows.set_index("day")["requests"].astype(float)
        expected, _ = _expected(series)
        ratio = series / expected
        ratio = ratio[ratio <= ratio.quantile(_EVENT_QUANTILE)]
        excess = ratio.var() / ratio.mean() ** 2 - (1 / expected).mean()
        found[str(name)] = float(1 / max(excess, 0.002))
    return found


def level(moment: pd.Timestamp, totals: Mapping[str, int]) -> float:
    """Citywide requests a day around a moment, as a multiple of those of 2025."""
    daily_2025 = totals["2025"] / 365
    month = f"{moment:%Y-%m}"
    if month in totals:
        return totals[month] / moment.days_in_month / daily_2025
    return totals[f"{moment:%Y}"] / _DAYS_OF_YEAR / daily_2025


def rates_of_series(daily: pd.DataFrame, totals: Mapping[str, int]) -> dict[str, float]:
    """Requests on an average day of 2025 of those types whose series covers every month."""
    rates = {}
    for name, rows in daily.groupby("series"):
        starts = rows["day"].dt.to_period("M").dt.to_timestamp()
        if starts.dt.month.nunique() < _MONTHS:
            continue
        means = rows.groupby(starts)["requests"].mean()
        days = pd.DatetimeIndex(means.index)
        relative = means.to_numpy() / np.array([level(day, totals) for day in days])
        # Some months are there twice: each month of the year counts once.
        by_month = [relative[days.month == month].mean() for month in range(1, _MONTHS + 1)]
        rates[str(name)] = float(np.mean(by_month))
    return rates


def hour_profiles(censuses: Sequence[Census], units: pd.MultiIndex) -> dict[Any, Floats]:
    """Share of each unit's requests per hour of the day, from stretches of whole days.

    Thin profiles are pulled to the agency's, and those to the city's.
    """
    # A day that is only partly there would make its missing hours look quiet.
    whole_days = [
        census.rows[census.rows["created_date"].between(midnight - day, midnight, "left")]
        for census in censuses
        for midnight, day in [(pd.Timestamp(census.end).floor("D"), pd.Timedelta(days=1))]
        if pd.Timestamp(census.start) <= midnight - day
    ]
    rows = pd.concat(whole_days)
    rows = rows[["complaint_type", "agency"]].assign(hour=rows["created_date"].dt.hour)
    city = _hours(rows, np.full(24, 1 / 24))
    agencies = {agency: _hours(part, city) for agency, part in rows.groupby("agency")}
    by_unit = dict(list(rows.groupby(UNIT)))
    return {
        unit: _hours(by_unit.get(unit, rows.iloc[:0]), agencies.get(unit[1], city))
        for unit in units
    }


def _hours(rows: pd.DataFrame, prior: Floats) -> Floats:
    counts = np.bincount(rows["hour"], minlength=24).astype(np.float64)
    pulled: Floats = counts + _HOUR_PRIOR_ROWS * prior
    shares: Floats = pulled / pulled.sum()
    return shares


def _exposure(
    census: Census, hours: Floats, weekday: Sequence[float], season: Sequence[float]
) -> float:
    """How many average days' worth of a unit's requests a census should hold."""
    minutes = pd.date_range(census.start, census.end, freq="15min", inclusive="left")
    share = hours[minutes.hour] / 4
    factors = np.array(weekday)[minutes.dayofweek] * np.array(season)[minutes.month - 1]
    return float((share * factors).sum())


def unit_table(
    censuses: Sequence[Census],
    weekday_factors: Mapping[str, Sequence[float]],
    season_factors: Mapping[str, Sequence[float]],
    totals: Mapping[str, int],
    long_rates: Mapping[str, float],
) -> list[dict[str, Any]]:
    """One record per complaint type and agency, most frequent first.

    The rate is that of the type's own daily series where it covers the year. Otherwise it is the
    ratio of what all censuses hold to what they would hold at one request a day, given weekday,
    season, hour and the city's level at the time, scaled to the city's total.
    """
    now = pd.concat(
        [census.rows for census in censuses if pd.Timestamp(census.start).year >= _RATES_FROM_YEAR]
    )
    rows = pd.concat([census.rows for census in censuses])
    units = pd.MultiIndex.from_frame(now[UNIT].drop_duplicates().sort_values(UNIT))
    hours = hour_profiles(censuses, units)
    city_places = (
        rows["borough"].str.strip().value_counts(normalize=True).reindex(PLACES, fill_value=0)
    )
    grouped = dict(list(rows.groupby(UNIT)))
    table = []
    for unit in units:
        complaint_type, agency = unit
        weekday = weekday_of(complaint_type, agency, list(weekday_factors))
        season = season_of(complaint_type)
        exposure = sum(
            _exposure(census, hours[unit], weekday_factors[weekday], season_factors[season])
            * level(pd.Timestamp(census.start), totals)
            for census in censuses
        )
        mine = grouped[unit]
        places = mine["borough"].value_counts().reindex(
            PLACES, fill_value=0
        ) + _PLACE_PRIOR_ROWS * (city_places.where(city_places.index != "Unspecified", 0.0))
        table.append(
            {
                "type": complaint_type,
                "agency": agency,
                "rate": long_rates.get(complaint_type, len(mine) / exposure),
                "weekday": weekday,
                "season": season,
                "places": [float(value) for value in places / places.sum()],
                "hours": [float(value) for value in hours[unit]],
                "details": _details(mine),
            }
        )
    _fit_to_total(table, long_rates, totals["2025"] / 365)
    return sorted(table, key=lambda record: -record["rate"])


def _fit_to_total(
    table: Sequence[dict[str, Any]], fixed: Mapping[str, float], daily_total: float
) -> None:
    """Scale the rates that no series fixes, so that all rates add up to the city's."""
    of_series = sum(record["rate"] for record in table if record["type"] in fixed)
    others = sum(record["rate"] for record in table) - of_series
    for record in table:
        if record["type"] not in fixed:
            record["rate"] *= (daily_total - of_series) / others


def _details(rows: pd.DataFrame) -> list[tuple[str | None, str | None, int]]:
    """The commonest pairs of descriptor and location type, with their counts."""
    counts = rows.groupby(["descriptor", "location_type"], dropna=False).size()
    commonest = counts.sort_values(ascending=False, kind="stable").head(_MOST_DETAILS)
    return [
        (_text(descriptor), _text(location_type), int(count))
        for descriptor, location_type, count in commonest.rename("n").reset_index().to_numpy()
    ]


def _text(value: object) -> str | None:
    return value if isinstance(value, str) else None
