"""The queue of alerts on Today: filters in the address, one row an episode, and what to say of it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime

import pyarrow as pa
import streamlit as st

from nyc311_assets.dashboard import address, page, reading, signin
from nyc311_assets.dashboard.queries.episodes import Entry
from nyc311_assets.dashboard.tables import csv
from nyc311_assets.dashboard.theme import MARKS
from nyc311_assets.dashboard.today import words
from nyc311_assets.dashboard.today.words import day_words
from nyc311_assets.resources.episode_messages import Links, parts_of
from nyc311_assets.resources.ledger import Ledger
from nyc311_assets.resources.standing import ChangedMeanwhile, Response, Said, respond

ALL = "all"
STATES = ("open", "not acknowledged", "with recently ended")
# The filters as they are at first.
FIRSTS = {"tier": ALL, "borough": ALL, "type": ALL, "agency": ALL, "state": STATES[0]}
FIRST = 8


def draw(entries: Sequence[Entry], provisional: Sequence[date]) -> None:
    """Draw filters, rows and their actions.

    Args:
        entries: Open and recently ended episodes, the most severe first.
        provisional: Complete days that may still change.
    """
    st.subheader("Alert queue", anchor=False)
    if message := st.session_state.pop("_told", None):
        kind, text = message
        (st.success if kind == "done" else st.warning)(text)
    found = _filtered(entries)
    opened = sum(each.episode.state == "open" for each in entries)
    total = len(entries) if st.session_state.get("state") == STATES[2] else opened
    with st.container(horizontal=True, vertical_alignment="center"):
        st.markdown(f"Showing **{len(found)}** of **{total}**")
        st.button("Reset", on_click=address.reset, args=(FIRSTS,), key="reset")
        if found:
            table = as_table(found, provisional)
            st.download_button("CSV", csv(table), "queue.csv", "text/csv", key="csv-queue")
    if not found:
        st.info(
            "No alert is open." if not total else "No alert matches these filters: reset them.",
            icon=":material/check:",
        )
    show_all = len(found) > FIRST and st.toggle(
        f"Show all {len(found)}", key="all", bind="query-params"
    )
    for each in found if show_all else found[:FIRST]:
        _row(each, provisional)


def _filtered(entries: Sequence[Entry]) -> list[Entry]:
    parts = [parts_of(each.episode.series) for each in entries]

    def named(key: str) -> list[str]:
        return [ALL, *sorted({each[key] for each in parts if key in each})]

    columns = st.columns(5)
    with columns[0]:
        tier = address.choice("Tier", [ALL, "confirmed", "watch"], key="tier")
    with columns[1]:
        borough = address.choice("Borough", named("borough"), key="borough")
    with columns[2]:
        kind = address.choice("Complaint type", named("complaint_type"), key="type")
    with columns[3]:
        agency = address.choice("Agency", named("agency"), key="agency")
    with columns[4]:
        state = address.choice("State", STATES, key="state")
    wanted = {"borough": borough, "complaint_type": kind, "agency": agency}
    return [
        each
        for each, own in zip(entries, parts, strict=True)
        if tier in {ALL, each.episode.tier}
        and all(value in {ALL, own.get(name)} for name, value in wanted.items())
        and _in_state(each, state or STATES[0])
    ]


def _in_state(entry: Entry, state: str) -> bool:
    if state == STATES[2]:
        return True
    if entry.episode.state != "open":
        return False
    return state == STATES[0] or not (entry.is_acknowledged or entry.is_false)


def _row(entry: Entry, provisional: Sequence[date]) -> None:
    episode = entry.episode
    problem, where = words.place(episode.series)
    colours = page.colours()
    colour = colours.confirmed if episode.tier == "confirmed" else colours.watch
    side = MARKS["above"] if episode.direction > 0 else MARKS["below"]
    with (
        st.container(border=True, key=f"alert-{episode.id}"),
        st.container(
            horizontal=True, vertical_alignment="center", horizontal_alignment="distribute"
        ),
    ):
        st.html(
            f'<div><strong style="color:{colour}">{MARKS[episode.tier]}</strong> '
            f"<strong>{_html(problem)}</strong> · {_html(where)}<br>"
            f"<span>{side} {_figures(entry)} · {_days(entry)} · "
            f"{_settled(entry, provisional)}</span>{_said(entry)}</div>",
            width="stretch",
        )
        with st.container(horizontal=True, width="content"):
            back = address.packed([*FIRSTS, "all"])
            address.link(
                "series", "Open", {"episode": episode.id} | ({"back": back} if back else {})
            )
            if episode.state == "open" and st.button(
                "Respond", key=f"respond-{episode.id}", help="Acknowledge, or mark as false"
            ):
                _dialog(entry)


@st.dialog("Respond to this alert")
def _dialog(entry: Entry) -> None:
    problem, where = words.place(entry.episode.series)
    st.markdown(
        f"**{escaped(problem)}**, {where}: {_figures(entry)} since {day_words(entry.episode.start)}"
    )
    st.caption(
        "Acknowledged or false, it sends no more messages until it is confirmed or a day is half as "
        "much again above what was expected as its worst one."
    )
    known = signin.name()
    with st.form("respond"):
        by = st.text_input("Your name", known, disabled="@" in known)
        note = st.text_input("Note (optional)")
        answer = st.radio("What is it?", ("I am at it: acknowledge", "It is a false alarm"))
        if st.form_submit_button("Save", type="primary"):
            if not by.strip():
                st.error("Say who you are.")
                return
            _save(
                entry,
                "acknowledge" if answer.startswith("I am") else "mark_false",
                by.strip(),
                note.strip() or None,
            )


def _save(entry: Entry, response: Response, by: str, note: str | None) -> None:
    settings = reading.settings()
    try:
        respond(
            Ledger(settings.operations_url),
            entry.episode,
            response,
            by=by,
            now=datetime.now(UTC),
            seen=entry.said,
            links=Links(settings.dashboard_url, settings.dagster_url),
            note=note,
        )
    except ChangedMeanwhile as error:
        st.session_state["_told"] = (
            "conflict",
            f"Someone changed this alert ({_said_words(error.said)}). Nothing was overwritten.",
        )
    else:
        done = "Acknowledged" if response == "acknowledge" else "Marked as a false alarm"
        st.session_state["_told"] = ("done", f"{done} by {by}.")
    st.rerun()


def _figures(entry: Entry) -> str:
    episode = entry.episode
    if episode.excess is None:
        return "no figures"
    ratio = f" ({entry.ratio:,.1f} times)" if entry.ratio is not None else ""
    return f"{episode.excess:+,.0f} requests{ratio}"


def _days(entry: Entry) -> str:
    episode = entry.episode
    count = "1 day" if episode.days == 1 else f"{episode.days} days"
    ended = "" if episode.state == "open" else f", ended {day_words(episode.end)}"
    return f"{count} since {day_words(episode.start)}{ended}"


def _settled(entry: Entry, provisional: Sequence[date]) -> str:
    return "provisional" if provisional and entry.episode.end >= provisional[0] else "final"


def _said(entry: Entry) -> str:
    if not (said := _said_words(entry.said)):
        return ""
    worse = "; much worse since" if entry.is_worse else ""
    note = f": {entry.said.note}" if entry.said.note else ""
    return f"<br><em>{_html(said + worse + note)}</em>"


def _said_words(said: Said) -> str:
    told = []
    if said.acknowledged_by and said.acknowledged_at:
        told.append(f"acknowledged by {said.acknowledged_by} {page.clock(said.acknowledged_at)}")
    if said.marked_false_by and said.marked_false_at:
        told.append(f"false alarm, says {said.marked_false_by} {page.clock(said.marked_false_at)}")
    return ", ".join(told)


def as_table(entries: Sequence[Entry], provisional: Sequence[date]) -> pa.Table:
    """The queue as a table for a file."""
    return pa.Table.from_pylist(
        [
            {
                "id": each.episode.id,
                "tier": each.episode.tier,
                "series": each.episode.series,
                "direction": "high" if each.episode.direction > 0 else "low",
                "excess": each.episode.excess,
                "ratio": each.ratio,
                "flagged_days": each.episode.days,
                "since": each.episode.start,
                "last_flagged_day": each.episode.end,
                "severity": each.episode.severity,
                "state": each.episode.state,
                "settled": _settled(each, provisional),
                "acknowledged_by": each.said.acknowledged_by,
                "marked_false_by": each.said.marked_false_by,
            }
            for each in entries
        ]
    )


def escaped(text: str) -> str:
    """A text as it stands, in Markdown."""
    return "".join(f"\\{each}" if each in r"\`*_[]<>$~" else each for each in text)


def _html(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
