"""Draws the page Forecast: what to expect, and how many crews that takes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, timedelta

import pyarrow as pa
import streamlit as st

from nyc311_assets.dashboard import page, reading
from nyc311_assets.dashboard.forecast.chart import MOST_BARS, specification
from nyc311_assets.dashboard.forecast.crews import (
    BACK_TEST_WEEKS,
    CrewPlan,
    by_day,
    plan_file,
    rates,
    read_crew_plan,
)
from nyc311_assets.dashboard.queries.outlook import (
    LEVELS,
    Expected,
    read_expected,
    read_newest_origin,
)
from nyc311_assets.dashboard.queries.reader import Reader
from nyc311_assets.dashboard.tables import data_table, downloads
from nyc311_assets.dashboard.today.words import day_words
from nyc311_assets.pipeline.staffing import AVERAGE, Costs, read_crew_requests

NEEDS = ("gold.daily_counts", "gold.series", "ml.forecasts")
SPANS = ("7", "30")
RATIOS: Mapping[str, Costs] = {
    f"{under:g} to 1": Costs(under=under, over=1.0) for under in (1.0, 2.0, 3.0, 5.0, 9.0)
}
_FIRST_RATIO = "3 to 1"
SAVING_TARGET = 0.2


def draw(reader: Reader) -> None:
    """Draw the page."""
    as_of = read_newest_origin(reader)
    if as_of is None:
        st.info("Counts are ready; forecasts are not. The step `forecasts` has not run.")
        return
    left, right = st.columns(2)
    with left:
        level = _choice("By", LEVELS, "by", LEVELS[0])
    with right:
        days = int(_choice("Days", SPANS, "days", SPANS[0]))
    expected = read_expected(reader, as_of, level=level, days=days)
    st.subheader(sentence(expected, as_of, days), anchor=False)
    page.as_of(
        f"Forecasts issued from the counts to {day_words(as_of)}. The days' medians and 80 % "
        "bounds are added up; the band of a sum is narrower. Usual is the mean of the four weeks "
        "before."
    )
    if expected:
        st.vega_lite_chart(
            specification(expected, page.colours(), title=f"Requests expected by {level}"),
            theme=None,
        )
        st.caption("■ expected ─ 80 % band ❙ four-week average")
        if len(expected) > MOST_BARS:
            st.caption(f"The {MOST_BARS} largest of {len(expected)}; the table has all.")
        data_table(expected_table(expected, level), name="forecast")
    _crews(reader, as_of)


def sentence(expected: Sequence[Expected], as_of: date, days: int) -> str:
    """What changes most, in one sentence."""
    first, last = as_of + timedelta(days=1), as_of + timedelta(days=days)
    span = f"{day_words(first)} to {day_words(last)}"
    if not expected:
        return f"Nothing of this kind is forecast for {span}."
    # Of the large ones, or a type with three requests would always change most.
    large = [each for each in expected[:MOST_BARS] if each.change is not None]
    if not large:
        return f"{expected[0].label} leads {span} with {expected[0].expected:,.0f} requests."
    most = max(large, key=lambda each: abs(each.change or 0.0))
    return (
        f"{span}: {most.label} changes most of the large ones, {most.change:+.0%} to "
        f"{most.expected:,.0f} requests."
    )


def expected_table(expected: Sequence[Expected], level: str) -> pa.Table:
    """What is expected as people read it."""
    return pa.table(
        {
            level: [each.label for each in expected],
            "expected": [round(each.expected) for each in expected],
            "80 % from": [round(each.lo80) for each in expected],
            "80 % to": [round(each.hi80) for each in expected],
            "four-week average": [
                None if each.usual is None else round(each.usual) for each in expected
            ],
            "change, %": [
                None if each.change is None else round(100 * each.change, 1) for each in expected
            ],
        }
    )


def _choice(label: str, options: Sequence[str], key: str, first: str) -> str:
    chosen = st.segmented_control(
        label, options, default=first, key=key, bind="query-params", required=True
    )
    return str(chosen or first)


def _crews(reader: Reader, as_of: date) -> None:
    st.subheader("Crews for the next 7 days", anchor=False)
    ratio = _choice(
        "A crew too few costs as much as so many idle ones", tuple(RATIOS), "ratio", _FIRST_RATIO
    )
    costs = RATIOS[ratio]
    per_crew = read_crew_requests(reading.settings().crew_requests)
    plan = read_crew_plan(reader, as_of, per_crew=per_crew, costs=costs)
    if plan is None:
        st.info("No agency has a forecast yet.")
        return
    st.markdown(
        f"Planned so that the crews suffice on **{costs.quantile:.0%}** of days. Requests that a "
        f"crew does in a day: {rates(plan.days['agency'].unique().tolist(), per_crew)}. These are "
        "round figures to start from; `NYC311_CREW_REQUESTS` sets your own."
    )
    st.dataframe(by_day(plan.days), hide_index=True)
    downloads(plan_file(plan.days), "crews")
    _savings(plan, ratio)


def _savings(plan: CrewPlan, ratio: str) -> None:
    st.subheader("What planning by the forecast would have saved", anchor=False)
    if plan.savings.empty:
        st.info("No week has come since the first forecasts were issued: nothing can be told yet.")
        return
    st.markdown(saving_sentence(plan))
    shown = plan.savings
    table = pa.table(
        {
            "agency": shown["agency"].tolist(),
            "days": shown["days"].tolist(),
            "cost by forecast": shown["forecast"].round(1).tolist(),
            "cost by four-week average": shown[AVERAGE].round(1).tolist(),
            "saving": shown["saving"].tolist(),
            "saving at the same margin": shown["saving_at_same_margin"].tolist(),
        }
    )
    st.dataframe(
        table.to_pandas(),
        hide_index=True,
        column_config={
            name: st.column_config.NumberColumn(format="percent")
            for name in ("saving", "saving at the same margin")
        },
    )
    st.caption(
        f"Cost in idle crew-days, at {ratio}. Each plan is made a week at a time, from what was "
        "known then. The same margin adds to the average the same quantile of its own spread: what "
        "is then still saved is owed to the forecast, the rest to planning a margin at all."
    )


def saving_sentence(plan: CrewPlan) -> str:
    """The saving over all agencies, in words, against the target of 20 %."""
    whole = plan.savings[plan.savings["agency"] == "all"].iloc[0]
    span = f"over {whole['days']} days of {len(plan.origins)} weeks (at most {BACK_TEST_WEEKS})"
    if whole["saving"] != whole["saving"]:  # NaN
        return f"The four-week average cost nothing {span}: there is nothing to save."
    met = "meets" if whole["saving"] >= SAVING_TARGET else "misses"
    return (
        f"**{whole['saving']:.0%}** of the cost of the four-week average, "
        f"{span}: this {met} the target of {SAVING_TARGET:.0%}. "
        f"{whole['saving_at_same_margin']:.0%} against the average with the same margin."
    )
