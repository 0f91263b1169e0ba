"""Counts per day and complaint type: the real daily files, the synthetic city, and trouble."""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Callable, Mapping
from datetime import date, timedelta
from pathlib import Path

import numpy as np

from nyc311_assets.local.feed.synthetic.figures import figures
from nyc311_assets.local.feed.synthetic.volumes import Volumes

Days = dict[date, dict[str, int]]
Trouble = Callable[[Mapping[date, Mapping[str, int]], date], dict[str, int]]

BAD_FEED = "BAD_FEED_example_flatlined_2021-09.csv"
FIFTEEN_TYPES = "nyc311_daily_15types_2020-06_onward.csv"
THREE_TYPES = "nyc311_daily_3types_2023-06-01_2025-03-31.csv"
ALL_CATEGORIES = "nyc311_daily_by_category_2025-01_2025-02_weather.csv"


def read_days(path: Path, day: str, kind: str, count: str) -> Days:
    """One of the long tables."""
    days: Days = {}
    with path.open(newline="", encoding="utf-8") as file:
        for row in csv.DictReader(file):
            if row[count]:
                counts = days.setdefault(date.fromisoformat(row[day]), {})
                counts[row[kind]] = round(float(row[count]))
    return days


def fifteen_types(real_data: Path) -> Days:
    """177 whole days of 2020; the last day of the file is a stub."""
    days = read_days(real_data / "daily" / FIFTEEN_TYPES, "date", "complaint_type", "count")
    del days[max(days)]
    return days


def three_types(real_data: Path) -> Days:
    """670 days of 2023 to 2025, without the five whose heat the carrier removed."""
    days = read_days(real_data / "daily" / THREE_TYPES, "ds", "complaint_type", "y")
    return {day: counts for day, counts in days.items() if len(counts) == 3}


def all_categories(real_data: Path) -> Days:
    """59 days of 2025: ten categories that hold all requests."""
    return read_days(real_data / "daily" / ALL_CATEGORIES, "date", "category", "n_requests")


def bad_feed(real_data: Path) -> Days:
    """The feed that really broke: the last values repeated from 2021-09-08 to 2021-09-20."""
    days: Days = {}
    with (real_data / "daily" / BAD_FEED).open(newline="", encoding="utf-8") as file:
        for row in csv.DictReader(file):
            if not row["lower_80"]:
                counts = days.setdefault(date.fromisoformat(row["date"]), {})
                counts[f"{row['agency']} {row['complaint_type']}"] = round(float(row[".mean"]))
    return days


def synthetic_days(first: date, count: int) -> Days:
    """Days of the embedded feed's city, with its storms, outages and holidays; all types."""
    volumes = Volumes(311, figures())
    days: Days = {}
    for ahead in range(count):
        day = first + timedelta(days=ahead)
        drawn = volumes.counts(day).sum(axis=1)
        counts: Counter[str] = Counter()
        for unit, requests in zip(volumes.units, drawn, strict=True):
            counts[unit.complaint_type] += int(requests)
        days[day] = dict(counts)
    return days


def half(days: Mapping[date, Mapping[str, int]], day: date) -> dict[str, int]:
    """Each request of the day lost or kept by the toss of a coin."""
    coin = np.random.default_rng(day.toordinal())
    return {name: int(coin.binomial(count, 0.5)) for name, count in days[day].items()}


def doubled(days: Mapping[date, Mapping[str, int]], day: date) -> dict[str, int]:
    """Each request twice."""
    return {name: 2 * count for name, count in days[day].items()}


def nearly_doubled(days: Mapping[date, Mapping[str, int]], day: date) -> dict[str, int]:
    """19 requests in 20 twice, so that the parity of the counts tells nothing."""
    coin = np.random.default_rng(day.toordinal())
    return {name: count + int(coin.binomial(count, 0.95)) for name, count in days[day].items()}


def repeated(age: int) -> Trouble:
    """The counts of an earlier day."""

    def trouble(days: Mapping[date, Mapping[str, int]], day: date) -> dict[str, int]:
        return dict(days.get(day - timedelta(days=age), days[day]))

    return trouble


def without_busiest(days: Mapping[date, Mapping[str, int]], day: date) -> dict[str, int]:
    """The day's busiest type is gone."""
    busiest = max(days[day], key=lambda name: days[day][name])
    return {name: count for name, count in days[day].items() if name != busiest}
