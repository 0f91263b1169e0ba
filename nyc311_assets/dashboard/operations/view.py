"""Draws the page Operations: does the pipeline keep its promises?"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import pyarrow as pa
import streamlit as st

from nyc311_assets.dashboard import page, reading
from nyc311_assets.dashboard.queries.kpis import Kpi, Spend, read_kpis
from nyc311_assets.dashboard.queries.reader import Reader
from nyc311_assets.dashboard.queries.runs import (
    due_through,
    read_check_counts,
    read_standing_failures,
    read_step_times,
)
from nyc311_assets.dashboard.tables import data_table, downloads
from nyc311_assets.dashboard.theme import MARKS
from nyc311_assets.resources.costs.spend import read_month

NEEDS = ("gold.daily_counts",)
WINDOWS = ("7", "30", "90")
_SHOWN_FAILURES = 200


def draw(reader: Reader) -> None:
    """Draw the page."""
    now = datetime.now(UTC)
    kpis = read_kpis(reader, spend_of(now), now)
    st.subheader(sentence(kpis), anchor=False)
    data = kpi_table(kpis)
    st.dataframe(
        data.drop_columns("how it is computed").to_pandas(),
        hide_index=True,
        height="content",
        column_config={"now": st.column_config.TextColumn(width="medium")},
    )
    with st.expander("How each is computed"):
        st.markdown("\n".join(f"- **{each.name}**: {each.how}." for each in kpis))
        downloads(data, "kpis")
    days = int(
        st.segmented_control(
            "Runs and checks of the last days",
            WINDOWS,
            default="30",
            key="days",
            bind="query-params",
            required=True,
        )
        or "30"
    )
    _steps(reader, now, days)
    _checks(reader, now, days)


def spend_of(now: datetime) -> Spend:
    """This month's spend, by the record of runs."""
    month = read_month(reading.settings(), now)
    return Spend(month.name, month.to_date_usd, month.forecast_usd, month.budget_usd)


def sentence(kpis: Sequence[Kpi]) -> str:
    """How many targets are met, in one sentence."""
    known = [each for each in kpis if each.met is not None]
    missed = [each.name for each in known if not each.met]
    unknown = len(kpis) - len(known)
    rest = f" {unknown} cannot be told yet." if unknown else ""
    if not known:
        return "No target can be told yet."
    if not missed:
        return f"All {len(known)} targets that can be told are met.{rest}"
    return f"{len(missed)} of {len(known)} targets missed: {'; '.join(missed)}.{rest}"


def kpi_table(kpis: Sequence[Kpi]) -> pa.Table:
    """The targets as people read them."""
    return pa.table(
        {
            "KPI": [each.name for each in kpis],
            "met": [_mark(each.met) for each in kpis],
            "now": [each.now or "no data" for each in kpis],
            "target": [each.target for each in kpis],
            "of": [each.n for each in kpis],
            "how it is computed": [each.how for each in kpis],
        }
    )


def _mark(met: bool | None) -> str:
    return "-" if met is None else f"{MARKS['ok']} yes" if met else f"{MARKS['failed']} no"


def _steps(reader: Reader, now: datetime, days: int) -> None:
    st.subheader("Runs", anchor=False)
    times = read_step_times(reader, now - timedelta(days=days))
    if not times:
        st.info(f"No run ended within {days} days. `make demo` or the schedule starts one.")
        return
    table = pa.table(
        {
            "step": [each.asset for each in times],
            "attempts": [each.attempts for each in times],
            "failed": [each.failed for each in times],
            "seconds, middle": [_seconds(each.median_seconds) for each in times],
            "seconds, longest": [_seconds(each.longest_seconds) for each in times],
            "newest ended": [page.clock(each.newest_end) for each in times],
            "as": [each.newest_state for each in times],
        }
    )
    st.dataframe(table.to_pandas(), hide_index=True, height="content")
    data_table(table, label="Download the runs", name="runs")


def _checks(reader: Reader, now: datetime, days: int) -> None:
    st.subheader("Checks", anchor=False)
    last = due_through(now)
    counts = read_check_counts(reader, last, days=days)
    if not counts:
        st.info(f"No check of a partition of the last {days} days was recorded.")
        return
    st.dataframe(
        pa.table(
            {
                "asset": [each.asset for each in counts],
                "pass": [each.passed for each in counts],
                "warn": [each.warned for each in counts],
                "fail": [each.failed for each in counts],
            }
        ).to_pandas(),
        hide_index=True,
        height="content",
    )
    standing = read_standing_failures(reader, last, days=days)
    if not standing:
        st.markdown(f"{MARKS['ok']} No check of these partitions stands as failed.")
        return
    shown = standing[:_SHOWN_FAILURES]
    data_table(
        pa.table(
            {
                "partition": [each.partition for each in shown],
                "asset": [each.asset for each in shown],
                "check": [each.check for each in shown],
                "severity": [each.severity for each in shown],
                "owner": [each.owner for each in shown],
                "what passes, and what to do": [each.description for each in shown],
            }
        ),
        label=f"{len(standing):,} checks stand as failed",
        name="checks",
    )


def _seconds(value: float | None) -> float | None:
    return None if value is None else round(value, 1)
