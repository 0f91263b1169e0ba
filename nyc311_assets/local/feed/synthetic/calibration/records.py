"""The real rows and daily counts that are measured, in one shape."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import pandas as pd

from nyc311_assets.local.feed.files.columns import typed
from nyc311_assets.local.feed.files.reading import read_rows

# Agencies that have another code by now.
_RENAMED_AGENCIES = {"DCA": "DCWP", "DOITT": "OTI"}


@dataclass(frozen=True, slots=True)
class Census:
    """A file that holds every row of a stretch of time, and when it was taken.

    Attributes:
        rows: Rows by API names; timestamps are local.
        start: First moment it covers.
        end: Moment after the last it covers.
        taken_at: Moment after which it shows nothing.
    """

    rows: pd.DataFrame
    start: datetime
    end: datetime
    taken_at: datetime


def read(path: Path) -> pd.DataFrame:
    """A file's rows by API names, with agencies by the codes they have now."""
    rows: pd.DataFrame = typed(read_rows(path), "auto", str(path)).to_pandas()
    rows["agency"] = rows["agency"].replace(_RENAMED_AGENCIES)
    return rows


def snapshots(folder: Path) -> list[Census]:
    """The pulls of the newest 10,000 rows of 2026; the newest hour is only partly published."""
    found = []
    for path in sorted((folder / "rows" / "weekly_snapshots_2026").glob("snapshot_*.csv")):
        rows = read(path)
        newest = rows["created_date"].max().floor("D") + pd.Timedelta(hours=1)
        start = rows["created_date"].min().ceil("h")
        taken_at = newest + pd.Timedelta(hours=1)
        inside = rows["created_date"].between(start, newest, inclusive="left")
        found.append(Census(rows[inside], start, newest, taken_at))
    return found


def full_day_2021(folder: Path) -> Census:
    """All rows of 2021-09-21, taken the evening after."""
    rows = read(folder / "rows" / "nyc311_2021-09-21_full_day_all_agencies.csv")
    taken_at = pd.Timestamp(rows["closed_date"].max())
    # The source's times are local and without a zone.
    return Census(rows, datetime(2021, 9, 21), datetime(2021, 9, 22), taken_at)  # noqa: DTZ001


def half_day_2023(folder: Path) -> Census:
    """All rows of 2023-02-28 from 11:31 to 23:45, taken some six weeks later."""
    rows = read(folder / "rows" / "nyc311_2023-02-28_half_day_portal_csv_46col.csv")
    start, end = pd.Timestamp("2023-02-28 11:31"), pd.Timestamp("2023-02-28 23:46")
    taken_at = rows["resolution_action_updated_date"].max()
    return Census(rows, start, end, taken_at)


def api_pages(folder: Path) -> pd.DataFrame:
    """Two pages of the newest 1,000 rows, of 2024 and 2025, with all columns of their time."""
    files = sorted((folder / "soda_api").glob("api_csv_erm2-nwe9_*.csv"))
    return pd.concat([read(path) for path in files], ignore_index=True)


def page_2019(folder: Path) -> pd.DataFrame:
    """A page of the older dataset, with council districts and police precincts."""
    return read(next((folder / "soda_api").glob("api_csv_76ig-c548_*.csv")))


def sample_2010_2018(folder: Path) -> pd.DataFrame:
    """8,000 random rows of nine years: too few for levels, enough for seasons."""
    return read(folder / "rows" / "nyc311_2010_2018_random_sample_8000_bigquery.csv")


def daily_counts(folder: Path) -> pd.DataFrame:
    """The daily series: columns series, day, requests.

    The 15 types of 2020 (June to November), three types of 2023-06 to 2025-03, and the ten
    categories of January and February 2025, whose names are in capitals.
    """
    daily = folder / "daily"
    fifteen = pd.read_csv(daily / "nyc311_daily_15types_2020-06_onward.csv", parse_dates=["date"])
    fifteen = fifteen.set_axis(["day", "requests", "series"], axis=1)
    three = pd.read_csv(
        daily / "nyc311_daily_3types_2023-06-01_2025-03-31.csv", parse_dates=["ds"]
    ).set_axis(["day", "requests", "series"], axis=1)
    three["series"] = three["series"].map(
        {
            "HEAT_HOT_WATER": "HEAT/HOT WATER",
            "Illegal_Parking": "Illegal Parking",
            "Noise_-_Street_Sidewalk": "Noise - Street/Sidewalk",
        }
    )
    categories = pd.read_csv(
        daily / "nyc311_daily_by_category_2025-01_2025-02_weather.csv", parse_dates=["date"]
    ).rename(columns={"date": "day", "category": "series", "n_requests": "requests"})
    return pd.concat(
        [
            # The newer, longer series of a type replaces that of 2020.
            fifteen[~fifteen["series"].isin(three["series"])],
            three,
            categories[["day", "requests", "series"]],
        ],
        ignore_index=True,
    )


def totals(folder: Path) -> dict[str, int]:
    """True row totals: per year to 2025, then per whole month."""
    path = next((folder / "daily").glob("erm2-nwe9_true_row_totals*.csv"))
    table = pd.read_csv(path, dtype=str)
    whole = table[~table["period"].str.contains(" ")]
    return dict(zip(whole["period"], whole["api_rows"].astype(int), strict=True))
