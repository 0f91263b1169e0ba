"""Draws the page Quality: can the forecasts and the alarms be trusted?"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

import pyarrow as pa
import streamlit as st

from nyc311_assets.dashboard import page
from nyc311_assets.dashboard.quality.chart import specification
from nyc311_assets.dashboard.queries.accuracy import (
    ALL_TIERS,
    MAPE_TIER,
    Accuracy,
    read_accuracy,
    read_city_error,
    read_last_judged,
)
from nyc311_assets.dashboard.queries.alarms import read_answers, read_flags, read_leads
from nyc311_assets.dashboard.queries.reader import Reader
from nyc311_assets.dashboard.queries.versions import read_drift, read_serving, read_trainings
from nyc311_assets.dashboard.tables import data_table
from nyc311_assets.dashboard.theme import MARKS
from nyc311_assets.dashboard.today.words import day_words
from nyc311_assets.pipeline.forecasting.volume import HORIZON_GROUPS

NEEDS = ("gold.daily_counts", "gold.series", "ml.forecasts", "ml.anomalies")
WINDOWS = ("28", "56", "90")
_AHEAD = {
    str(first) if first == last else f"{first}-{last}": (first, last)
    for first, last in HORIZON_GROUPS
}
_SHARES = ("MAPE", "WAPE", "80 % band holds", "95 % band holds")
AHEAD = tuple(_AHEAD)
_NAMES = {group: name for name, group in _AHEAD.items()}


def draw(reader: Reader) -> None:
    """Draw the page."""
    last = read_last_judged(reader)
    if last is None:
        st.info("Forecasts are issued; none of their days has been judged. That takes a day.")
        return
    left, right = st.columns(2)
    with left:
        days = int(_choice("Days judged", WINDOWS, "days"))
    with right:
        ahead = _choice("Days ahead", AHEAD, "ahead")
    scores = read_accuracy(reader, last, days=days)
    st.subheader(sentence(scores, ahead, last), anchor=False)
    page.as_of(
        f"Forecasts as they were issued, for the {days} days to {day_words(last)}. Errors of each "
        "series first, then their mean: every series weighs the same."
    )
    _errors(reader, scores, last, days)
    _reliability([each for each in scores if each.horizon == _AHEAD[ahead]], ahead)
    _alarms(reader, last, days)
    _models(reader)


def sentence(scores: Sequence[Accuracy], ahead: str, last: date) -> str:
    """How often the 95 % band held, in one sentence."""
    found = next(
        (each for each in scores if each.tier == ALL_TIERS and each.horizon == _AHEAD[ahead]), None
    )
    when = _when(ahead)
    if found is None:
        return f"No forecast {when} has been judged by {day_words(last)}."
    return (
        f"{when.capitalize()}, the 95 % band held {found.coverage95:.1%} of the days of "
        f"{found.series:,} series."
    )


def accuracy_table(scores: Sequence[Accuracy]) -> pa.Table:
    """Scores as people read them."""
    return pa.table(
        {
            "requests a day": [each.tier for each in scores],
            "days ahead": [_NAMES[each.horizon] for each in scores],
            "series": [each.series for each in scores],
            "MAPE": [each.mape for each in scores],
            "WAPE": [each.wape for each in scores],
            "MASE": [each.mase for each in scores],
            "80 % band holds": [each.coverage80 for each in scores],
            "95 % band holds": [each.coverage95 for each in scores],
        }
    )


def _when(ahead: str) -> str:
    return "1 day ahead" if ahead == AHEAD[0] else f"{ahead} days ahead"


def _choice(label: str, options: Sequence[str], key: str) -> str:
    chosen = st.segmented_control(
        label, options, default=options[0], key=key, bind="query-params", required=True
    )
    return str(chosen or options[0])


def _errors(reader: Reader, scores: Sequence[Accuracy], last: date, days: int) -> None:
    city = read_city_error(reader, last, days=days)
    if city.mape is not None:
        st.markdown(
            f"All requests together, 1 to 7 days ahead: MAPE **{city.mape:.1%}** over "
            f"{city.forecasts} forecasts. Of single series, MAPE is given for those of {MAPE_TIER} a "
            "day alone; below, chance makes it large however good the forecast. A MASE under 1 beats last "
            "week's same weekday."
        )
    table = accuracy_table(scores)
    st.dataframe(
        table.to_pandas(),
        hide_index=True,
        height="content",
        column_config={name: st.column_config.NumberColumn(format="percent") for name in _SHARES}
        | {"MASE": st.column_config.NumberColumn(format="%.3f")},
    )
    data_table(table, label="Download the scores", name="accuracy")


def _reliability(scores: Sequence[Accuracy], ahead: str) -> None:
    st.subheader(f"Do the bands hold, {_when(ahead)}?", anchor=False)
    if not scores:
        st.info("None of these forecasts has been judged.")
        return
    st.vega_lite_chart(specification(scores, page.colours()), theme=None)


def _alarms(reader: Reader, last: date, days: int) -> None:
    st.subheader("Alarms", anchor=False)
    flags = read_flags(reader, last, days=days)
    told = []
    if flags.judged:
        told.append(
            f"{flags.flagged:,} of {flags.judged:,} days of series were flagged "
            f"({flags.flagged / flags.judged:.2%}): that is the most that false ones can be. "
            f"{flags.above / flags.judged:.2%} were above their 95 % band, where chance alone puts "
            "2.5 %."
        )
    if reader.exists("ml.episodes"):
        answers = read_answers(reader, last, days=days)
        told.append(
            f"People answered {answers.answered} of the episodes that began since, and marked "
            f"{answers.false} as false."
            if answers.answered
            else "Nobody has acknowledged an episode that began since, or marked one as false."
        )
        leads = read_leads(reader, last, days=days)
        if leads.median_days is not None:
            told.append(
                f"{leads.episodes} surges lasted 3 days or more; from the first flagged day to the "
                f"peak it took {leads.median_days:.1f} days in the middle."
            )
    st.markdown("\n".join(f"- {each}" for each in told))


def _models(reader: Reader) -> None:
    st.subheader("Models", anchor=False)
    serving = read_serving(reader)
    if serving is None:
        st.info("No model serves yet. The step `prophet_model` has not run.")
        return
    if serving.trained_on is None:
        st.markdown(f"No model serves yet: {serving.reason}")
    else:
        st.markdown(
            f"Version **{serving.version}**, trained on the days to "
            f"{day_words(serving.trained_on)}, serves {day_words(serving.partition)} "
            f"({serving.action}: {serving.reason})."
        )
    drift = read_drift(reader)
    if drift is not None:
        figures = ", ".join(f"{name} {value}" for name, value in drift.figures.items())
        st.markdown(
            f"{MARKS['ok']} Errors do not drift ({figures})."
            if drift.passed
            else f"{MARKS['failed']} Errors drift ({figures}): the next run trains."
        )
    trainings = read_trainings(reader)
    if trainings:
        table = pa.table(
            {
                "trained on": [each.trained_on for each in trainings],
                "version": [each.version for each in trainings],
                "series": [each.series for each in trainings],
                "fits failed": [each.failed for each in trainings],
                "may serve": [
                    "rolled back" if each.rolled_back_at else "yes" if each.promoted else "no"
                    for each in trainings
                ],
                "why": [each.reason for each in trainings],
            }
        )
        st.dataframe(table.to_pandas(), hide_index=True, height="content")
