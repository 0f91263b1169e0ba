"""Draws the page Today: is the data new, what is abnormal, what has changed."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta

import streamlit as st

from nyc311_assets.dashboard import page, reading
from nyc311_assets.dashboard.queries.episodes import (
    Changes,
    Entry,
    read_changes,
    read_episode,
    read_queue,
)
from nyc311_assets.dashboard.queries.freshness import Freshness, read_freshness
from nyc311_assets.dashboard.queries.headlines import (
    DayVerdicts,
    Outlook,
    read_outlook,
    read_verdicts,
)
from nyc311_assets.dashboard.queries.reader import Reader
from nyc311_assets.dashboard.today import queue, words
from nyc311_assets.dashboard.today.words import day_words

NEEDS = ("gold.daily_counts", "ml.anomalies", "ml.episodes")
ENDED_DAYS = 14


def draw(reader: Reader) -> None:
    """Draw the page."""
    freshness = read_freshness(reader)
    day = freshness.newest_complete
    since = (day or date.min) - timedelta(days=ENDED_DAYS if day else 0)
    entries = read_queue(reader, since=since)
    opened = [each for each in entries if each.episode.state == "open"]
    verdicts = read_verdicts(reader, day) if day else None
    changes = read_changes(reader, day) if day else None
    st.subheader(words.sentence(day, verdicts, opened, changes), anchor=False)
    _strip(freshness)
    if day and verdicts:
        _numbers(day, verdicts, opened, read_outlook(reader))
    queue.draw(entries, freshness.provisional)
    if changes:
        _changes(reader, changes, entries)


def _strip(freshness: Freshness) -> None:
    today = page.local(datetime.now(UTC)).date()
    parts = []
    if freshness.published_at:
        parts.append(f"Source published **{page.clock(freshness.published_at, today)}**")
    parts.append(f"Gold **{page.clock(freshness.gold_at, today)}**")
    if freshness.lag is not None and freshness.lag >= timedelta(0):
        mark = "✓" if freshness.lag <= words.LAG_TARGET else "✗ (target 2 h)"
        parts.append(f"Lag **{words.lag_words(freshness.lag)}** {mark}")
    if freshness.provisional:
        parts.append(f"{words.span_words(freshness.provisional)} provisional")
    if freshness.incomplete:
        parts.append(f"{words.span_words(freshness.incomplete)} incomplete")
    page.as_of(" · ".join(parts))
    if told := words.late(freshness, today, reading.settings().late_after_days + 1):
        st.warning(told, icon=":material/schedule:")


def _numbers(
    day: date, verdicts: DayVerdicts, opened: Sequence[Entry], outlook: Outlook | None
) -> None:
    first, second, third, fourth = st.columns(4)
    with first.container(border=True, height="stretch"):
        actual = "no data" if verdicts.actual is None else f"{verdicts.actual:,.0f}"
        st.metric(f"Requests {day_words(day)}", actual)
        if verdicts.lo95 is not None and verdicts.hi95 is not None:
            st.caption(f"expected {verdicts.lo95:,.0f} to {verdicts.hi95:,.0f} (95 %)")
        else:
            st.caption("no forecast was issued before it")
    with second.container(border=True, height="stretch"):
        st.metric("Series above their band", f"{verdicts.above:,}")
        change = verdicts.above - verdicts.above_before
        st.caption(f"{change:+,} since yesterday; about {verdicts.above_by_chance:,.0f} by chance")
    with third.container(border=True, height="stretch"):
        confirmed = sum(each.episode.tier == "confirmed" for each in opened)
        st.metric("Confirmed", f"{confirmed:,}")
        st.caption(f"and {len(opened) - confirmed:,} on watch")
    with fourth.container(border=True, height="stretch"):
        if outlook is None:
            st.metric("Next 7 days", "no data")
            st.caption("no forecast has been issued")
        else:
            st.metric("Next 7 days", f"{outlook.expected:,.0f}")
            st.caption(
                f"{outlook.lo80:,.0f} to {outlook.hi80:,.0f} (the days' 80 % bands added up)"
            )


def _changes(reader: Reader, changes: Changes, entries: Sequence[Entry]) -> None:
    st.subheader("Changed since yesterday", anchor=False)
    known = {each.episode.id: each for each in entries}
    groups = (
        ("New", changes.new),
        ("Escalated", changes.escalated),
        ("Closed", changes.closed),
        ("Corrected by late data", changes.corrected),
    )
    st.markdown(" · ".join(f"{name} **{len(ids)}**" for name, ids in groups))
    for name, ids in groups:
        for each in ids:
            if entry := known.get(each) or read_episode(reader, each):
                problem, where = words.place(entry.episode.series)
                address = f"/series?episode={each}"
                st.markdown(f"- {name}: [{queue.escaped(problem)}, {where}]({address})")
