"""Draws the page Map: where requests are more than usual, as a map and as the same in a table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Literal, get_args

import pyarrow as pa
import streamlit as st

from nyc311_assets.dashboard import address, page
from nyc311_assets.dashboard.geometry import borough_shapes, district_shapes
from nyc311_assets.dashboard.map.chart import METRICS, Metric, specification
from nyc311_assets.dashboard.queries.places import (
    RESIDENTS,
    PlaceDay,
    read_boards,
    read_boroughs,
    read_complete_days,
    read_types_and_agencies,
)
from nyc311_assets.dashboard.queries.reader import Reader
from nyc311_assets.dashboard.tables import downloads
from nyc311_assets.dashboard.today.words import day_words

NEEDS = ("gold.daily_counts",)
PLACES = ("community boards", "boroughs")
DAYS = 60
ALL_TYPES, ALL_AGENCIES = "all types", "all agencies"
_LEAST_USUAL = 10.0
_EXPLAINED: Mapping[Metric, str] = {
    "severity": " Severity is in standard deviations above it, by how those weeks vary.",
    "per 10,000 residents": " Residents by the 2020 census; boards have none here.",
}
# As high as the map, where there are more places than fit beside it.
_TABLE_PIXELS, _MOST_ROWS = 520, 13


def draw(reader: Reader) -> None:
    """Draw the page."""
    days = read_complete_days(reader, most=DAYS)
    if not days:
        st.info("No day is complete yet: there is nothing to show.")
        return
    chosen = _choices(reader, days)
    read, shapes = (
        (read_boroughs, borough_shapes())
        if chosen.places == PLACES[1]
        else (read_boards, district_shapes())
    )
    places = read(reader, chosen.day, complaint_type=chosen.complaint_type, agency=chosen.agency)
    st.subheader(sentence(places, chosen.day, chosen.complaint_type, chosen.agency), anchor=False)
    page.as_of(
        "Usual is the mean of the same weekday of the four weeks before, those that are complete."
        + _EXPLAINED.get(chosen.metric, "")
    )
    left, right = st.columns([3, 2])
    with left:
        title = (
            f"{chosen.metric} by {chosen.places} on {day_words(chosen.day)}; "
            "the table beside it has the same"
        )
        st.vega_lite_chart(
            specification(shapes, places, chosen.metric, page.colours(), title=title), theme=None
        )
    with right:
        _table(places, chosen.places)
    if chosen.places == PLACES[1]:
        _links(places)


def sentence(
    places: Sequence[PlaceDay], day: date, complaint_type: str | None, agency: str | None = None
) -> str:
    """Where there is most above the usual, in one sentence."""
    what = (complaint_type or "all requests") + (f" of {agency}" if agency else "")
    # Of the places that have a name on the map: what is unspecified is nowhere.
    named = [each for each in places if "UNSPECIFIED" not in each.place and each.excess is not None]
    above = [each for each in named if (each.usual or 0) >= _LEAST_USUAL and (each.excess or 0) > 0]
    if not named:
        return f"{day_words(day)}, {what}: there are no four weeks before to compare with."
    if not above:
        return f"{day_words(day)}, {what}: no place is above its usual."
    most = max(above, key=lambda each: each.severity or each.ratio or 0.0)
    return (
        f"{day_words(day)}, {what}: {most.place.title()} is most above its usual, "
        f"{most.requests:,} requests where {most.usual:,.0f} are usual."
    )


def places_table(places: Sequence[PlaceDay], kind: str) -> pa.Table:
    """The places as people read them."""
    table = {
        "place": [each.place.title() for each in places],
        "requests": [each.requests for each in places],
        "usual": [None if each.usual is None else round(each.usual, 1) for each in places],
        "against usual": [None if each.ratio is None else round(each.ratio, 2) for each in places],
        "severity": [None if each.severity is None else round(each.severity, 1) for each in places],
    }
    if kind == PLACES[1]:
        table |= {
            "per 10,000": [
                None if each.per_10_000 is None else round(each.per_10_000, 2) for each in places
            ],
            "open alerts": [each.alerts for each in places],
        }
    return pa.table(table)


@dataclass(frozen=True, slots=True)
class _Chosen:
    """What is to be shown."""

    places: str
    day: date
    complaint_type: str | None
    agency: str | None
    metric: Metric


def _choices(reader: Reader, days: Sequence[date]) -> _Chosen:
    first, second, third, fourth, fifth = st.columns(5)
    with first:
        kind = address.choice("Places", PLACES, key="places") or PLACES[0]
    with second:
        chosen = address.choice("Day", [each.isoformat() for each in days], key="day")
    day = date.fromisoformat(chosen) if chosen else days[0]
    types, agencies = read_types_and_agencies(reader, day)
    with third:
        chosen_type = address.choice("Complaint type", [ALL_TYPES, *types], key="type")
    with fourth:
        chosen_agency = address.choice("Agency", [ALL_AGENCIES, *agencies], key="agency")
    # Residents of boards are not known here.
    metrics = METRICS if kind == PLACES[1] else METRICS[:-1]
    with fifth:
        chosen_metric = address.choice("Colour by", metrics, key="metric")
    return _Chosen(
        kind,
        day,
        None if chosen_type == ALL_TYPES else chosen_type,
        None if chosen_agency == ALL_AGENCIES else chosen_agency,
        next((each for each in get_args(Metric) if each == chosen_metric), METRICS[0]),
    )


def _table(places: Sequence[PlaceDay], kind: str) -> None:
    table = places_table(places, kind)
    height: int | Literal["content"] = _TABLE_PIXELS if len(places) > _MOST_ROWS else "content"
    st.dataframe(table.to_pandas(), hide_index=True, height=height)
    downloads(table, "map")


def _links(places: Sequence[PlaceDay]) -> None:
    with st.container(horizontal=True):
        for each in places:
            if each.place in RESIDENTS:
                series = f"borough: {each.place}"
                address.link(
                    "series",
                    f"{each.place.title()} over time",
                    {"level": "borough", "series": series},
                )
