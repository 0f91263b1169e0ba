"""How many crews to plan for a forecast: the newsvendor's rule, and what it saves on past days."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.stats import norm

from nyc311_assets.pipeline.forecasting.arrays import Floats
from nyc311_assets.pipeline.forecasting.baselines import WEEKDAY_MEAN, weekday_mean
from nyc311_assets.pipeline.forecasting.conformal import restored, stabilised
from nyc311_assets.pipeline.forecasting.panel import Panel

# Requests that one crew closes in a day. No source publishes them: they are round figures to start
# from, so that every agency has between a few and a few hundred crews.
CREW_REQUESTS: Mapping[str, float] = {
    "DCWP": 12.0,
    "DEP": 12.0,
    "DHS": 10.0,
    "DOB": 8.0,
    "DOHMH": 10.0,
    "DOT": 15.0,
    "DPR": 10.0,
    "DSNY": 25.0,
    "EDC": 10.0,
    "HPD": 12.0,
    "NYPD": 25.0,
    "TLC": 15.0,
}
OTHER_CREW_REQUESTS = 10.0

FORECAST = "forecast"
AVERAGE = WEEKDAY_MEAN
AVERAGE_WITH_MARGIN = f"{WEEKDAY_MEAN} with the same margin"
PLANS = (FORECAST, AVERAGE, AVERAGE_WITH_MARGIN)

# What the bounds of a forecast are quantiles of, in the order of their columns.
BOUNDS = ("lo95", "lo80", "yhat", "hi80", "hi95")
_PROBABILITIES = (0.025, 0.1, 0.5, 0.9, 0.975)
_AVERAGE_LEVEL = 0.95


@dataclass(frozen=True, slots=True)
class Costs:
    """What a crew too few and a crew too many cost, in the same unit.

    Attributes:
        under: A day's work of a crew that is missing: overtime, waiting, a second visit.
        over: A crew's idle day.
    """

    under: float = 3.0
    over: float = 1.0

    def __post_init__(self) -> None:
        """Refuse costs that no plan can be made from.

        Raises:
            ValueError: One of them is not above zero.
        """
        if not (0 < self.under < np.inf and 0 < self.over < np.inf):
            raise ValueError(
                f"The costs of too few and too many crews must be above zero, not {self.under} "
                f"and {self.over}."
            )

    @property
    def quantile(self) -> float:
        """The critical ratio: plan so many that they suffice on this share of days."""
        return self.under / (self.under + self.over)


def demand_quantile(bounds: Floats, probability: float) -> Floats:
    """A quantile of the requests of a day, from its forecast and bands as issued.

    The bounds of the 95 % and 80 % bands are the quantiles 2.5, 10, 90 and 97.5 %, and the
    forecast is the median. Between them, and on beyond the outer ones, the quantile is linear in
    the normal score on the scale where counts have an even spread (`conformal.stabilised`), which
    is where the bands were made: a normal distribution on that scale would be met exactly.

    Args:
        bounds: … x 5, requests a day in the order of `BOUNDS`.
        probability: Above 0 and below 1.

    Returns:
        Requests a day, of the shape of `bounds` without its last axis.

    Raises:
        ValueError: The probability is none, or the last axis is not five long.
    """
    if not 0 < probability < 1:
        raise ValueError(f"A quantile's probability lies between 0 and 1; this is {probability}.")
    if bounds.shape[-1] != len(BOUNDS):
        raise ValueError(f"{len(BOUNDS)} bounds are needed, {', '.join(BOUNDS)}.")
    scores = norm.ppf(_PROBABILITIES)
    score = float(norm.ppf(probability))
    left = int(np.clip(np.searchsorted(scores, score) - 1, 0, len(scores) - 2))
    share = (score - scores[left]) / (scores[left + 1] - scores[left])
    scale = stabilised(np.sort(bounds, axis=-1))
    return restored(scale[..., left] + share * (scale[..., left + 1] - scale[..., left]))


def crews_for(requests: Floats, per_crew: Floats | float) -> Floats:
    """Whole crews that so many requests need.

    With work in whole crews the newsvendor's optimum (Arrow, Harris and Marschak, Optimal Inventory
    Policy, 1951) is the smallest number that suffices with the critical ratio's probability; that
    is the need of the demand's quantile, as rounding up does not change an order.

    Args:
        requests: Requests a day; NaN stays NaN.
        per_crew: Requests that a crew does in a day, above zero.
    """
    # A hair off, or a quantile that is whole but for its last digit would need a crew more.
    return np.asarray(np.ceil(requests / per_crew - 1e-9))


def plan_cost(planned: Floats, needed: Floats, costs: Costs) -> Floats:
    """What plans cost on days whose need is known, in the unit of the costs."""
    missing = np.maximum(needed - planned, 0.0)
    idle = np.maximum(planned - needed, 0.0)
    return np.asarray(costs.under * missing + costs.over * idle)


def plan(issued: pd.DataFrame, per_crew: Mapping[str, float], costs: Costs) -> pd.DataFrame:
    """Crews to plan for forecasts.

    Args:
        issued: agency, lo95, lo80, yhat, hi80, hi95, and whatever else.
        per_crew: Agency -> requests that a crew does in a day; others by `CREW_REQUESTS`.
        costs: Of too few and too many.

    Returns:
        The same with `per_crew`, `demand` (the quantile that is planned for, requests) and
        `crews`.
    """
    rates = issued["agency"].map(lambda agency: rate_of(agency, per_crew)).to_numpy(dtype=float)
    demand = demand_quantile(issued[list(BOUNDS)].to_numpy(dtype=float), costs.quantile)
    return issued.assign(per_crew=rates, demand=demand, crews=crews_for(demand, rates))


def rate_of(agency: str, per_crew: Mapping[str, float]) -> float:
    """Requests that a crew of an agency does in a day."""
    return float(per_crew.get(agency, CREW_REQUESTS.get(agency, OTHER_CREW_REQUESTS)))


def back_test(
    issued: pd.DataFrame, panel: Panel, per_crew: Mapping[str, float], costs: Costs
) -> pd.DataFrame:
    """What past days would have cost by each plan, made from what was known when it was due.

    Every plan of a day is made on the day of the forecast that is given for it: by the forecast as
    it was issued then; by the mean of the four last days of its weekday that were known then; and
    by that mean plus the same quantile of its own spread (`baselines.weekday_mean`), which tells
    how much of a saving is owed to a margin and how much to the forecast. The counts that the
    means are made of are those known now, late requests included, which favours them.

    Args:
        issued: agency, series, as_of, ds, lo95, lo80, yhat, hi80, hi95; as_of and ds are dates.
        panel: Daily counts of the series, up to the last complete day.
        per_crew: Agency -> requests that a crew does in a day; others by `CREW_REQUESTS`.
        costs: Of too few and too many.

    Returns:
        agency, ds, as_of, plan (one of `PLANS`), needed, crews, cost: a row for each plan of each
        day that has come.
    """
    place = {name: row for row, name in enumerate(panel.series)}
    parts = []
    for as_of in sorted(issued["as_of"].unique()):
        frame = issued[issued["as_of"] == as_of]
        rows = frame["series"].map(place).to_numpy(dtype=np.int64)
        columns = np.array([panel.column(day) for day in frame["ds"]], dtype=np.int64)
        has_come = (columns > panel.column(as_of)) & (columns < panel.values.shape[1])
        rows, columns = rows[has_come], columns[has_come]
        actual = panel.values[rows, columns]
        ahead = columns - panel.column(as_of) - 1
        if not ahead.size:
            continue
        usual = weekday_mean(panel.until(as_of), int(ahead.max()) + 1)
        mean = usual.point[rows, ahead]
        spread = (usual.high - usual.point)[rows, ahead] / norm.ppf((1 + _AVERAGE_LEVEL) / 2)
        planned = plan(frame[has_come], per_crew, costs)
        rates = planned["per_crew"].to_numpy()
        margin = norm.ppf(costs.quantile) * spread
        needed = crews_for(actual, rates)
        for name, crews in (
            (FORECAST, planned["crews"].to_numpy()),
            (AVERAGE, crews_for(mean, rates)),
            (AVERAGE_WITH_MARGIN, crews_for(np.maximum(mean + margin, 0.0), rates)),
        ):
            parts.append(
                planned[["agency", "ds", "as_of"]].assign(
                    plan=name, needed=needed, crews=crews, cost=plan_cost(crews, needed, costs)
                )
            )
    columns_ = ["agency", "ds", "as_of", "plan", "needed", "crews", "cost"]
    if not parts:
        return pd.DataFrame(columns=columns_)
    result: pd.DataFrame = pd.concat(parts, ignore_index=True)
    return result[~result["needed"].isna()].reset_index(drop=True)


def savings(tested: pd.DataFrame) -> pd.DataFrame:
    """What the forecast's plan would have saved of the cost of the others.

    Args:
        tested: See `back_test`.

    Returns:
        agency (the last is `all`), days, then for each plan its cost; `saving` over the four-week
        average and `saving_at_same_margin` over the average with the same margin, as shares of
        their cost; NaN where that is zero. Agencies with the largest cost of the average first.
    """
    cost = tested.pivot_table(
        index="agency", columns="plan", values="cost", aggfunc="sum", observed=True
    ).reindex(columns=list(PLANS))
    days = tested[tested["plan"] == FORECAST].groupby("agency")["ds"].nunique()
    cost = cost.assign(days=days).sort_values(AVERAGE, ascending=False)
    whole = cost[list(PLANS)].sum().to_frame("all").T
    whole["days"] = tested["ds"].nunique()
    table = pd.concat([cost, whole]).rename_axis("agency").reset_index()
    ours = table[FORECAST]
    return table.assign(
        days=table["days"].astype(int),
        saving=1 - ours / table[AVERAGE].where(table[AVERAGE] > 0),
        saving_at_same_margin=1
        - ours / table[AVERAGE_WITH_MARGIN].where(table[AVERAGE_WITH_MARGIN] > 0),
    )


def read_crew_requests(text: str) -> dict[str, float]:
    """Read requests per crew-day as they are set: "NYPD=25,HPD=12.5".

    Raises:
        ValueError: A part is no agency and number above zero.
    """
    rates = {}
    for part in filter(None, (each.strip() for each in text.split(","))):
        agency, _, number = (each.strip() for each in part.partition("="))
        try:
            rate = float(number)
        except ValueError:
            rate = np.nan
        if not agency or not 0 < rate < np.inf:
            raise ValueError(
                f"{part!r} is no agency and number of requests that a crew does in a day. Write "
                "NYPD=25,HPD=12."
            )
        rates[agency] = rate
    return rates
