"""What all pages share: their frame, their states and how these are worded."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, date, datetime

import streamlit as st

from nyc311_assets.dashboard import reading, signin
from nyc311_assets.dashboard.queries.lakehouse import TableMissing, TableUnreadable
from nyc311_assets.dashboard.queries.reader import Reader, Trouble
from nyc311_assets.dashboard.queries.source import Version
from nyc311_assets.dashboard.theme import Mode, Palette, palette
from nyc311_assets.pipeline.cities import NEW_YORK
from nyc311_assets.settings import LakehouseUnknown

RETRY_SECONDS = 30
# What a table is made by, for a page that finds a part of them.
_MADE_BY: Mapping[str, tuple[str, str]] = {
    "gold.daily_counts": ("counts are", "gold_daily_counts"),
    "gold.series": ("series are", "gold_daily_counts"),
    "ml.models": ("models are", "prophet_model"),
    "ml.model_versions": ("models are", "prophet_model"),
    "ml.forecasts": ("forecasts are", "forecasts"),
    "ml.anomalies": ("verdicts are", "anomalies"),
    "ml.episodes": ("episodes are", "anomalies"),
}
Body = Callable[[Reader], None]


def show(title: str, body: Body, *, needs: Sequence[str] = ("gold.daily_counts",)) -> None:
    """Show a page: its title, its content or why there is none, and a foot when it is complete.

    Args:
        title: The page's title.
        body: Draws the content; it may raise TableMissing and TableUnreadable.
        needs: Tables without which there is nothing to draw.
    """
    signin.demand()
    st.title(title)
    reader = None
    try:
        reader = reading.reader()
        if missing := [table for table in needs if not reader.exists(table)]:
            _nothing_yet(reader, missing)
        else:
            body(reader)
    except TableMissing as error:
        _nothing_yet(reader, [error.table])
    except TableUnreadable as error:
        st.error(unreadable(error.table, error.last, error.reason), icon=":material/lock:")
        _retry()
    except LakehouseUnknown as error:
        st.error(str(error))
    if reader and reader.troubles:
        for trouble in reader.troubles.values():
            st.warning(_shown_instead(trouble), icon=":material/lock:")
        _retry()
    foot(title)


def foot(title: str) -> None:
    """The end of a page, with the time zone; tests wait for it."""
    with st.container(key=f"end-{title.lower()}"):
        st.caption(f"Times in New York ({local(datetime.now(UTC)):%Z}). Days are New York days.")


def as_of(text: str) -> None:
    """Say what a page's numbers are as of."""
    st.caption(text)


def local(moment: datetime) -> datetime:
    """A time in New York."""
    return moment.astimezone(NEW_YORK.time_zone)


def clock(moment: datetime, today: date | None = None) -> str:
    """A time as it is written: 22:05, and with its day when it is another one."""
    there = local(moment)
    return f"{there:%H:%M}" if there.date() == today else f"{there:%a} {there.day} {there:%b %H:%M}"


def day(when: date) -> str:
    """A day as it is written: Thu 29 Oct."""
    return f"{when:%a} {when.day} {when:%b}"


def mode() -> Mode:
    """Whether the browser shows the page light or dark."""
    return "dark" if st.context.theme.type == "dark" else "light"


def colours() -> Palette:
    """The palette of the present mode."""
    return palette(mode())


def unreadable(table: str, shown: Version | None, reason: str = "") -> str:
    """What is said of a table that cannot be read now."""
    said = f"This table cannot be read now ({table})."
    if shown:
        said += f" Showing version {shown.number:,} from {clock(shown.written_at)}."
    said += f" Retrying every {RETRY_SECONDS} s."
    return f"{said}\n\nReason: `{reason}`" if reason else said


def _shown_instead(trouble: Trouble) -> str:
    return unreadable(trouble.table, trouble.shown, trouble.reason)


def _nothing_yet(reader: Reader | None, missing: Sequence[str]) -> None:
    if reader is None or not reader.exists("gold.daily_counts"):
        st.info("No data yet. Run `make demo`, then reload.", icon=":material/database:")
        return
    what, step = _MADE_BY.get(missing[0], (f"{missing[0]} is", "its"))
    st.info(f"Counts are ready; {what} not. The step `{step}` has not run.")


def _retry() -> None:
    @st.fragment(run_every=RETRY_SECONDS)
    def again() -> None:
        if st.session_state.pop("_retry", False):
            st.rerun(scope="app")
        st.session_state["_retry"] = True

    st.session_state.pop("_retry", None)
    again()
