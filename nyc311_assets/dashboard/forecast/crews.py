"""Crews to plan, and what planning by the forecast would have saved."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

import pandas as pd
import pyarrow as pa

from nyc311_assets.dashboard.queries.outlook import (
    read_agency_forecasts,
    read_agency_panel,
    read_past_origins,
)
from nyc311_assets.dashboard.queries.source import Source
from nyc311_assets.dashboard.today.words import day_words
from nyc311_assets.pipeline.forecasting.baselines import weekday_mean
from nyc311_assets.pipeline.staffing import Costs, back_test, crews_for, plan, rate_of, savings

BACK_TEST_WEEKS = 8


@dataclass(frozen=True, eq=False)
class CrewPlan:
    """Crews of each agency for the week to come.

    Attributes:
        days: agency, ds, yhat, demand (the quantile that is planned for), crews, usual_crews (by
            the mean of the last four same weekdays; NaN where unknown), per_crew.
        savings: See `pipeline.staffing.savings`; empty before a week has come.
        origins: The days that the back-tested plans were made on.
    """

    days: pd.DataFrame
    savings: pd.DataFrame
    origins: tuple[date, ...]


def read_crew_plan(
    source: Source, as_of: date, *, per_crew: Mapping[str, float], costs: Costs
) -> CrewPlan | None:
    """Plan the week after a day, and back-test such plans over the weeks before.

    Args:
        source: The tables.
        as_of: The newest origin.
        per_crew: Agency -> requests that a crew does in a day; others by the package's figures.
        costs: Of too few crews and too many.

    Returns:
        The plan; None if no agency has a forecast.
    """
    issued = read_agency_forecasts(source, [as_of])
    if issued.empty:
        return None
    agencies = issued[["agency", "series"]].drop_duplicates()
    origins = read_past_origins(source, as_of, weeks=BACK_TEST_WEEKS)
    panel = read_agency_panel(source, agencies, min([*origins, as_of]), as_of)
    place = {name: row for row, name in enumerate(panel.series)}
    usual = weekday_mean(panel, int(issued["horizon"].max())).point
    mean = usual[issued["series"].map(place), issued["horizon"] - 1]
    days = plan(issued, per_crew, costs)
    days = days.assign(usual_crews=crews_for(mean, days["per_crew"].to_numpy()))
    past = read_agency_forecasts(source, origins) if origins else issued.iloc[:0]
    past = past[past["series"].isin(place)]
    tested = back_test(past, panel, per_crew, costs)
    return CrewPlan(
        days, savings(tested) if len(tested) else pd.DataFrame(), tuple(sorted(origins))
    )


def by_day(days: pd.DataFrame) -> pd.DataFrame:
    """Crews of each agency (rows) on each day (columns), and of the usual week; most crews first."""
    crews = days.pivot_table(index="agency", columns="ds", values="crews", aggfunc="sum")
    crews = crews.rename(columns=day_words)
    both = crews.assign(
        week=crews.sum(axis=1), usual=days.groupby("agency")["usual_crews"].sum(min_count=1)
    )
    ordered = both.sort_values("week", ascending=False).reset_index()
    return ordered.rename(columns={"usual": "four-week average", "week": "crew-days"})


def plan_file(days: pd.DataFrame) -> pa.Table:
    """The plan as a file: a row for each agency and day."""
    return pa.table(
        {
            "agency": days["agency"].tolist(),
            "day": [day.isoformat() for day in days["ds"]],
            "requests expected": days["yhat"].round(1).tolist(),
            "requests planned for": days["demand"].round(1).tolist(),
            "requests per crew-day": days["per_crew"].tolist(),
            "crews": days["crews"].astype(int).tolist(),
            "crews by four-week average": [
                None if pd.isna(each) else int(each) for each in days["usual_crews"]
            ],
        }
    )


def rates(agencies: list[str], per_crew: Mapping[str, float]) -> str:
    """The requests per crew-day in use, in words."""
    return ", ".join(f"{each} {rate_of(each, per_crew):g}" for each in sorted(agencies))
