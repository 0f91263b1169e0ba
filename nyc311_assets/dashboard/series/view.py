"""Draws the page Series: any series, what was expected of it and when, and what it is made of."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta

import pyarrow as pa
import streamlit as st

from nyc311_assets.dashboard import address, page
from nyc311_assets.dashboard.queries.episodes import Entry, read_episode
from nyc311_assets.dashboard.queries.freshness import read_freshness
from nyc311_assets.dashboard.queries.reader import Reader
from nyc311_assets.dashboard.queries.series import (
    LEVELS,
    MOST_SAMPLED,
    Series,
    SeriesDay,
    read_history,
    read_origins,
    read_sample,
    read_series,
)
from nyc311_assets.dashboard.series import evidence
from nyc311_assets.dashboard.series.chart import chart_rows, settled, specification
from nyc311_assets.dashboard.tables import data_table, downloads
from nyc311_assets.dashboard.theme import MARKS
from nyc311_assets.dashboard.today.queue import escaped
from nyc311_assets.dashboard.today.words import day_words, place
from nyc311_assets.pipeline.anomalies.episodes import DESCRIPTOR_DAYS

NEEDS = ("gold.daily_counts", "gold.series")
WINDOWS = ("180", "90", "30", "365", "1096")
LATEST = "latest"
_WEEK = 7


def draw(reader: Reader) -> None:
    """Draw the page."""
    if "back" in st.query_params:
        address.link("today", "← Back to queue", address.unpacked(st.query_params["back"]))
    freshness = read_freshness(reader)
    newest = freshness.newest_complete
    entry = _episode(reader)
    series = _choose(read_series(reader), entry)
    if series is None or newest is None:
        st.info("No day is complete yet: there is no series to show.")
        return
    window, as_of, is_latest = _span(reader)
    last = freshness.days[0].day
    days = read_history(reader, series, first=last - timedelta(days=window), last=last, as_of=as_of)
    problem, where = place(series.name)
    page.as_of(
        f"{problem}, {where} · {series.volume:,.1f} requests a day of late (tier {series.tier}) · "
        f"counts complete through {day_words(newest)}"
        + (f" · forecast issued {day_words(as_of)}" if as_of else " · no forecast issued yet")
    )
    _numbers(days, newest, as_of, is_latest=is_latest)
    st.vega_lite_chart(
        chart_rows(days),
        specification(days, page.colours(), issued=None if is_latest else as_of),
        theme=None,
        width="stretch",
        key="chart",
    )
    st.caption(
        "● final ○ provisional ▲ above ▼ below the 95 % band · bands: 80 % dark, 95 % light · "
        "dashed: to come · a past day has the band issued the day before"
    )
    data_table(_table(days), name="series")
    shown = entry if entry and entry.episode.series == series.name else None
    if shown:
        _evidence(shown, freshness.provisional)
    _sample(reader, series, shown.episode.peak if shown else newest)


def _episode(reader: Reader) -> Entry | None:
    name = st.query_params.get("episode")
    if not name or not reader.exists("ml.episodes"):
        return None
    entry = read_episode(reader, name)
    if entry is None:
        st.warning(f"There is no episode {name}: a re-score may have left nothing of it.")
    return entry


def _choose(all_series: Sequence[Series], entry: Entry | None) -> Series | None:
    by_name = {each.name: each for each in all_series}
    wanted = st.query_params.get("series") or (entry.episode.series if entry else None)
    if wanted in by_name and "level" not in st.session_state and "level" not in st.query_params:
        st.session_state["level"] = by_name[wanted].level
        st.session_state["series"] = wanted
    level_column, series_column = st.columns([1, 3])
    levels = [each for each in LEVELS if any(one.level == each for one in all_series)]
    if not levels:
        return None
    with level_column:
        level = address.choice("Level", levels, key="level")
    names = [each.name for each in all_series if each.level == level]
    with series_column:
        name = address.choice("Series", names, key="series")
    return by_name.get(name or "")


def _span(reader: Reader) -> tuple[int, date | None, bool]:
    origins = read_origins(reader)
    left, right = st.columns(2)
    with left:
        window = address.choice("Days shown", WINDOWS, key="days")
    with right:
        chosen = address.choice(
            "As of (what was forecast then)",
            [LATEST, *(each.isoformat() for each in origins)],
            key="as_of",
        )
    is_latest = chosen in {None, LATEST}
    as_of = (origins[0] if origins else None) if is_latest else date.fromisoformat(chosen or "")
    return int(window or WINDOWS[0]), as_of, is_latest


def _numbers(
    days: Sequence[SeriesDay], newest: date, as_of: date | None, *, is_latest: bool
) -> None:
    today = next((each for each in days if each.ds == newest), None)
    flagged = [each for each in days if each.flagged]
    first, second, third = st.columns(3)
    with first.container(border=True, height="stretch"):
        actual = "no data" if today is None or today.actual is None else f"{today.actual:,}"
        st.metric(f"Requests {day_words(newest)}", actual)
        if today and today.lo95 is not None and today.hi95 is not None:
            st.caption(f"expected {today.lo95:,.0f} to {today.hi95:,.0f} (95 %)")
        elif as_of and not is_latest:
            st.caption(f"the forecast of {day_words(as_of)} does not reach it")
        else:
            st.caption("no forecast was issued before it")
    with second.container(border=True, height="stretch"):
        st.metric("Flagged days", f"{len(flagged):,}")
        st.caption(f"last {day_words(flagged[-1].ds)}" if flagged else "none in the days shown")
    with third.container(border=True, height="stretch"):
        _coming(days, as_of, is_latest=is_latest)


def _coming(days: Sequence[SeriesDay], as_of: date | None, *, is_latest: bool) -> None:
    coming = [each for each in days if as_of and each.ds > as_of and each.yhat is not None][:_WEEK]
    if as_of is None or not coming:
        st.metric(f"Next {_WEEK} days", "no data")
        st.caption("no forecast has been issued")
        return
    what = "Next" if is_latest else "First"
    st.metric(f"{what} {len(coming)} days", f"{sum(each.yhat or 0 for each in coming):,.0f}")
    counted = [each.actual for each in coming if each.is_complete and each.actual is not None]
    came = f"; {sum(counted):,} came" if len(counted) == len(coming) else ""
    st.caption(f"expected after {day_words(as_of)}{came}")


def _table(days: Sequence[SeriesDay]) -> pa.Table:
    return pa.Table.from_pylist(
        [
            {
                "day": each.ds,
                "requests": each.actual,
                "count is": settled(each),
                "expected": each.yhat,
                "80 % from": each.lo80,
                "80 % to": each.hi80,
                "95 % from": each.lo95,
                "95 % to": each.hi95,
                "forecast issued": each.as_of,
                "model": each.model,
                "flagged": each.tier or None,
                "holiday": each.holiday,
            }
            for each in reversed(days)
        ]
    )


def _evidence(entry: Entry, provisional: Sequence[date]) -> None:
    is_provisional = bool(provisional) and entry.episode.end >= provisional[0]
    st.subheader(
        f"{MARKS[entry.episode.tier]} since {day_words(entry.episode.start)}", anchor=False
    )
    st.caption(
        f"Episode {entry.episode.id} · {entry.episode.state} · "
        f"{'provisional' if is_provisional else 'final'}"
    )
    blocks = (
        ("Why flagged", evidence.why(entry)),
        ("What not to conclude", evidence.not_to_conclude(entry, is_provisional=is_provisional)),
        ("Next step", evidence.next_step(entry)),
    )
    for column, (title, lines) in zip(st.columns(3), blocks, strict=True):
        with column.container(border=True, height="stretch"):
            st.markdown(f"**{title}**")
            st.markdown("\n".join(f"- {line}" for line in lines))
    _contributors(entry)


def _contributors(entry: Entry) -> None:
    st.subheader(f"What makes the excess of {day_words(entry.episode.peak)}", anchor=False)
    parts = entry.contributors
    if not parts:
        st.caption(
            "No finer series stands out. Descriptors are counted while the peak is one of the newest "
            f"{DESCRIPTOR_DAYS} days that were judged."
        )
        return
    rows = [
        {
            "part": ", ".join(place(each["name"])) if each["kind"] == "series" else each["name"],
            "kind": each["kind"],
            "excess": each["excess"],
            "share": each["share"],
        }
        for each in parts
    ]
    colours = page.colours()
    st.vega_lite_chart(
        spec={
            "height": 28 * len(rows) + 30,
            "description": "Excess of requests by part",
            "data": {"values": rows},
            "mark": {"type": "bar", "color": colours.above},
            "encoding": {
                "y": {"field": "part", "type": "nominal", "sort": "-x", "title": None, "axis": {"labelLimit": 260}},
                "x": {"field": "excess", "type": "quantitative", "title": "requests above expected"},
                "tooltip": [{"field": "part"}, {"field": "excess", "format": ",.0f", "type": "quantitative"}, {"field": "share", "format": ".0%", "type": "quantitative"}],
            },
            "config": {"background": colours.background, "axis": {"labelColor": colours.text, "titleColor": colours.text}},
        },
        theme=None,
        width="stretch",
        key="contributors",
    )  # fmt: skip
    data_table(pa.Table.from_pylist(rows), name="contributors")


def _sample(reader: Reader, series: Series, day: date) -> None:
    st.subheader(f"Some requests of {day_words(day)}", anchor=False)
    sample = read_sample(reader, series, day)
    if sample is None or not sample.num_rows:
        st.caption("There are none.")
        return
    st.dataframe(sample.to_pandas(), hide_index=True, height=260)
    st.caption(
        f"The newest {sample.num_rows} (at most {MOST_SAMPLED}), without addresses; columns are "
        "masked as silver masks them."
    )
    downloads(sample, f"requests-{escaped(day.isoformat())}")
