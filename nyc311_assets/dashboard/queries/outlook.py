"""What is expected of each type, borough or agency, and what the agencies' forecasts were before."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np
import pandas as pd

from nyc311_assets.dashboard.queries.source import Source, rows
from nyc311_assets.pipeline.forecasting.panel import Panel

_SERIES, _COUNTS, _FORECASTS = "gold.series", "gold.daily_counts", "ml.forecasts"
LEVELS = ("type", "borough", "agency")
USUAL_WEEKS = 4
_WEEK = 7
# The weekday means of a plan look back four weeks from the day it is made.
_BEFORE = timedelta(days=_WEEK * (USUAL_WEEKS + 1))


@dataclass(frozen=True, slots=True)
class Expected:
    """What is expected of one series over a span to come.

    Attributes:
        series: Name of the series.
        label: The type, borough or agency.
        expected: Sum of the days' medians, requests.
        lo80: Sum of the lower bounds of the days' 80 % bands; the band of the sum is narrower.
        hi80: Sum of the upper ones.
        usual: The mean of the four weeks before, over as many days; None without counts.
    """

    series: str
    label: str
    expected: float
    lo80: float
    hi80: float
    usual: float | None

    @property
    def change(self) -> float | None:
        """What is expected over what was usual, less 1; None without counts before."""
        return self.expected / self.usual - 1 if self.usual else None


def read_newest_origin(source: Source) -> date | None:
    """The day that the newest forecasts were issued from; None before the first ones."""
    found = source.query("SELECT max(as_of) AS day FROM forecasts", {"forecasts": _FORECASTS})
    day: date | None = rows(found)[0]["day"]
    return day


def read_expected(source: Source, as_of: date, *, level: str, days: int) -> list[Expected]:
    """What is expected of each series of a level over the next days, the largest first.

    Args:
        source: The tables.
        as_of: The day that the forecasts were issued from.
        level: One of `LEVELS`.
        days: How many days from the next one on, up to 30.
    """
    column = {"type": "complaint_type", "borough": "borough", "agency": "agency"}[level]
    found = source.query(
        f"""SELECT s.series, s.{column} AS label, f.expected, f.lo80, f.hi80, c.usual
        FROM (SELECT series, sum(yhat) AS expected, sum(lo80) AS lo80, sum(hi80) AS hi80
              FROM forecasts WHERE as_of = :as_of AND horizon <= :days GROUP BY 1) f
        JOIN names s ON s.series = f.series
        LEFT JOIN (
            SELECT {column} AS label, CAST(sum(requests) * :days AS DOUBLE) / count(DISTINCT request_date) AS usual
            FROM counts WHERE request_date BETWEEN :first AND :as_of AND is_complete GROUP BY 1
        ) c ON c.label = s.{column}
        WHERE s.level = :level ORDER BY f.expected DESC, label""",  # noqa: S608 # a column of ours
        {"forecasts": _FORECASTS, "names": _SERIES, "counts": _COUNTS},
        {
            "as_of": as_of,
            "first": as_of - timedelta(days=_WEEK * USUAL_WEEKS - 1),
            "days": days,
            "level": level,
        },
    )
    return [Expected(**each) for each in rows(found)]


def read_agency_forecasts(source: Source, origins: Sequence[date]) -> pd.DataFrame:
    """The forecasts of the agencies for the week after each of some days, as issued.

    Returns:
        agency, series, as_of, ds, horizon, lo95, lo80, yhat, hi80, hi95; as_of and ds are dates.
    """
    found = source.query(
        """SELECT s.agency, f.series, f.as_of, f.ds, f.horizon, f.lo95, f.lo80, f.yhat, f.hi80,
        f.hi95 FROM forecasts f JOIN names s ON s.series = f.series
        WHERE s.level = 'agency' AND f.as_of IN :origins AND f.horizon <= :week
        ORDER BY s.agency, f.as_of, f.ds""",
        {"forecasts": _FORECASTS, "names": _SERIES},
        {"origins": list(origins), "week": _WEEK},
    )
    return pd.DataFrame(found.to_pandas(date_as_object=True))


def read_past_origins(source: Source, newest: date, *, weeks: int) -> list[date]:
    """The days a whole number of weeks before the newest origin that forecasts were issued from."""
    wanted = [newest - timedelta(weeks=each) for each in range(1, weeks + 1)]
    found = source.query(
        "SELECT DISTINCT as_of FROM forecasts WHERE as_of IN :wanted ORDER BY as_of",
        {"forecasts": _FORECASTS},
        {"wanted": wanted},
    )
    return [each["as_of"] for each in rows(found)]


def read_agency_panel(source: Source, agencies: pd.DataFrame, first: date, last: date) -> Panel:
    """The agencies' counts of the days that a back-test from `first` on needs.

    Args:
        source: The tables.
        agencies: agency, series: whose counts.
        first: The first origin.
        last: The last complete day.

    Returns:
        A panel of these series; days that are not complete are unknown.
    """
    begin = first - _BEFORE
    found = rows(
        source.query(
            """SELECT request_date AS day, agency, sum(requests) AS requests FROM counts
            WHERE request_date BETWEEN :first AND :last AND is_complete GROUP BY 1, 2""",
            {"counts": _COUNTS},
            {"first": begin, "last": last},
        )
    )
    names = dict(zip(agencies["agency"], agencies["series"], strict=True))
    series = tuple(sorted(set(names.values())))
    values = np.full((len(series), (last - begin).days + 1), np.nan)
    # A series without a request on a complete day has none there.
    values[:, sorted({(each["day"] - begin).days for each in found})] = 0.0
    place = {name: row for row, name in enumerate(series)}
    for each in found:
        if each["agency"] in names:
            values[place[names[each["agency"]]], (each["day"] - begin).days] = each["requests"]
    return Panel(series, begin, values)
