"""Crews for a forecast, and what planning by it saves."""

from __future__ import annotations

from datetime import date, timedelta

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import norm, poisson

from nyc311_assets.pipeline.forecasting.conformal import restored, stabilised
from nyc311_assets.pipeline.forecasting.panel import Panel
from nyc311_assets.pipeline.staffing import (
    AVERAGE,
    AVERAGE_WITH_MARGIN,
    BOUNDS,
    FORECAST,
    Costs,
    back_test,
    crews_for,
    demand_quantile,
    plan,
    plan_cost,
    rate_of,
    read_crew_requests,
    savings,
)

MONDAY = date(2026, 6, 1)


def bounds_of(median: float, spread: float) -> np.ndarray:
    """The bounds of a normal distribution on the even scale."""
    centre = stabilised(np.array([median]))
    return restored(centre + spread * norm.ppf([0.025, 0.1, 0.5, 0.9, 0.975]))


def test_the_critical_ratio_is_the_share_of_the_costs() -> None:
    assert Costs(under=3, over=1).quantile == 0.75
    assert Costs(under=1, over=1).quantile == 0.5


@pytest.mark.parametrize("bad", [{"under": 0.0}, {"over": -1.0}, {"under": float("nan")}])
def test_costs_that_are_not_above_zero_are_refused(bad: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="must be above zero"):
        Costs(**bad)


@pytest.mark.parametrize("probability", [0.01, 0.05, 0.3, 0.5, 0.75, 0.85, 0.9, 0.96, 0.99])
def test_the_quantile_of_a_known_distribution_is_met(probability: float) -> None:
    expected = restored(stabilised(np.array([200.0])) + 1.7 * norm.ppf(probability))
    assert demand_quantile(bounds_of(200, 1.7), probability) == pytest.approx(float(expected[0]))


def test_the_bounds_are_their_own_quantiles() -> None:
    bounds = np.array([[40.0, 60.0, 100.0, 170.0, 260.0], [0.0, 0.0, 3.0, 9.0, 14.0]])
    for place, probability in enumerate((0.025, 0.1, 0.5, 0.9, 0.975)):
        assert demand_quantile(bounds, probability) == pytest.approx(bounds[:, place])


@given(
    st.lists(st.floats(0, 5000), min_size=5, max_size=5),
    st.floats(0.001, 0.998),
    st.floats(0.0, 0.001),
)
def test_a_higher_quantile_is_never_lower(values: list[float], low: float, step: float) -> None:
    bounds = np.sort(np.array(values))
    assert demand_quantile(bounds, low + step) >= demand_quantile(bounds, low) - 1e-6


def test_a_quantile_needs_a_probability_and_five_bounds() -> None:
    with pytest.raises(ValueError, match="between 0 and 1"):
        demand_quantile(np.ones(5), 1.0)
    with pytest.raises(ValueError, match="5 bounds are needed"):
        demand_quantile(np.ones(4), 0.5)


def test_crews_are_whole_and_suffice() -> None:
    assert crews_for(np.array([0.0, 1.0, 25.0, 25.1, 50.0, np.nan]), 25.0).tolist()[:5] == [
        0, 1, 1, 2, 2,
    ]  # fmt: skip
    assert np.isnan(crews_for(np.array([np.nan]), 25.0))[0]
    assert crews_for(np.array([0.1 * 3]), 0.1)[0] == 3  # 0.30000000000000004


def test_no_other_plan_is_cheaper_on_average_than_the_newsvendors() -> None:
    """Over a known distribution of requests, by trying all plans."""
    requests = np.arange(400)
    chance = poisson.pmf(requests, 130)
    costs = Costs(under=4, over=1)
    needed = crews_for(requests.astype(float), 9.0)
    expected = [float(plan_cost(np.full(400, n), needed, costs) @ chance) for n in range(40)]
    demand = poisson.ppf(costs.quantile, 130)
    assert int(np.argmin(expected)) == int(crews_for(np.array([demand]), 9.0)[0])


def test_a_cost_counts_what_is_missing_and_what_is_idle() -> None:
    cost = plan_cost(np.array([5.0, 5.0, 5.0]), np.array([5.0, 8.0, 3.0]), Costs(3, 1))
    assert cost.tolist() == [0, 9, 2]


def test_a_plan_takes_the_agencys_rate_and_the_quantile() -> None:
    row = bounds_of(200, 1.7)
    issued = pd.DataFrame([dict(zip(BOUNDS, row, strict=True)) | {"agency": "HPD"}])
    planned = plan(issued, {"HPD": 10.0}, Costs(3, 1)).iloc[0]
    demand = float(restored(stabilised(np.array([200.0])) + 1.7 * norm.ppf(0.75))[0])
    assert planned["demand"] == pytest.approx(demand)
    assert planned["crews"] == np.ceil(demand / 10)
    assert planned["per_crew"] == 10


def test_an_agency_without_a_rate_of_its_own_has_the_default() -> None:
    assert rate_of("NYPD", {"NYPD": 3.0}) == 3
    assert rate_of("NYPD", {}) == 25
    assert rate_of("SOMEBODY", {}) == 10


def panel(days: int = 42) -> Panel:
    """Two agencies: 100 requests on each day but 170 on the last; and always 50."""
    values = np.vstack([np.full(days, 100.0), np.full(days, 50.0)])
    values[0, -1] = 170
    return Panel(("agency: A", "agency: B"), MONDAY, values)


def issued(as_of: date, ds: date, agency: str, yhat: float) -> dict[str, object]:
    exact = dict.fromkeys(BOUNDS, yhat)
    return {"agency": agency, "series": f"agency: {agency}", "as_of": as_of, "ds": ds, **exact}


def test_a_back_test_compares_plans_that_were_made_at_the_same_time() -> None:
    known = panel()
    last = known.last_day
    as_of = last - timedelta(days=7)
    rows = pd.DataFrame([issued(as_of, last, "A", 160.0), issued(as_of, last, "B", 50.0)])
    tested = back_test(rows, known, {"A": 10, "B": 10}, Costs(3, 1))
    crews = tested.set_index(["agency", "plan"])["crews"]
    assert crews["A", FORECAST] == 16
    assert crews["A", AVERAGE] == 10
    assert crews["B", AVERAGE] == 5
    assert tested.set_index(["agency", "plan"])["needed"]["A", FORECAST] == 17
    table = savings(tested).set_index("agency")
    assert table.loc["A", FORECAST] == 3
    assert table.loc["A", AVERAGE] == 21
    assert table.loc["all", "saving"] == pytest.approx(1 - 3 / 21)
    assert table.loc["all", "days"] == 1
    assert list(table.index)[-1] == "all"


def test_the_average_does_not_see_what_came_after_the_forecast() -> None:
    known = panel()
    later = Panel(known.series, known.first_day, known.values.copy())
    as_of = known.last_day - timedelta(days=7)
    later.values[:, known.column(as_of) + 1 : -1] = 9_999.0
    rows = pd.DataFrame([issued(as_of, known.last_day, "A", 160.0)])
    for each in (known, later):
        tested = back_test(rows, each, {"A": 10}, Costs(3, 1)).set_index("plan")
        assert tested.loc[AVERAGE, "crews"] == 10
        assert tested.loc[AVERAGE_WITH_MARGIN, "crews"] == 10  # steady until then: no spread


def test_days_that_have_not_come_or_are_unknown_are_left_out() -> None:
    known = panel()
    known.values[1, -1] = np.nan
    last = known.last_day
    rows = pd.DataFrame(
        [
            issued(last - timedelta(days=1), last, "B", 50.0),
            issued(last, last + timedelta(days=1), "A", 100.0),
        ]
    )
    assert back_test(rows, known, {}, Costs()).empty


def test_a_plan_that_costs_nothing_leaves_no_saving_to_speak_of() -> None:
    known = panel()
    last = known.last_day
    rows = pd.DataFrame([issued(last - timedelta(days=7), last, "B", 50.0)])
    table = savings(back_test(rows, known, {"B": 10}, Costs()))
    assert table["saving"].isna().all()


def test_rates_are_read_as_they_are_set() -> None:
    assert read_crew_requests(" NYPD=25, HPD = 12.5 ,") == {"NYPD": 25.0, "HPD": 12.5}
    assert read_crew_requests("") == {}


@pytest.mark.parametrize("bad", ["NYPD", "NYPD=", "=3", "NYPD=0", "NYPD=many", "NYPD=inf"])
def test_a_rate_that_is_none_is_refused(bad: str) -> None:
    with pytest.raises(ValueError, match="Write NYPD=25,HPD=12"):
        read_crew_requests(bad)
