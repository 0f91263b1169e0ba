"""What becomes of a request: how long until it is closed, its status, channel and text."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from nyc311_assets.local.feed.synthetic.calibration.records import Census

# A unit with fewer closed requests lives as its agency does.
LEAST_CLOSED = 150
QUANTILES = np.linspace(0.0, 1.0, 21)
_MOST_TEXTS = 3
_MOST_STATUSES = 3


def closing_hours(rows: pd.DataFrame) -> list[float | None]:
    """Hours until closing at 21 quantiles; None from where requests were still open.

    The Kaplan-Meier estimate (1958), so that those still open when a file was taken count for as
    long as they were seen. Columns: created_date, closed_date, taken_at.
    """
    end = rows["closed_date"].fillna(rows["taken_at"])
    hours = ((end - rows["created_date"]).dt.total_seconds() / 3600).clip(lower=0).to_numpy()
    closed = rows["closed_date"].notna().to_numpy()
    order = np.lexsort((~closed, hours))
    hours, closed = hours[order], closed[order]
    at_risk = np.arange(len(hours), 0, -1)
    share_closed = 1 - np.cumprod(np.where(closed, 1 - 1 / at_risk, 1.0))
    found: list[float | None] = []
    for quantile in QUANTILES:
        position = int(np.searchsorted(share_closed, max(quantile, 1e-9) - 1e-9))
        found.append(round(float(hours[position]), 2) if position < len(hours) else None)
    return found


def observed(censuses: Sequence[Census]) -> pd.DataFrame:
    """The rows of several files, each with the time until which it was observed."""
    return pd.concat(
        [census.rows.assign(taken_at=pd.Timestamp(census.taken_at)) for census in censuses],
        ignore_index=True,
    )


def _shares(values: pd.Series[str], most: int) -> list[tuple[str | None, int]]:
    counts = values.value_counts(dropna=False).head(most)
    return [
        (value if isinstance(value, str) else None, int(count)) for value, count in counts.items()
    ]


def agency_table(
    rows: pd.DataFrame, full: pd.DataFrame, own: Collection[tuple[str, str]]
) -> dict[str, dict[str, Any]]:
    """One record per agency: name, closing, statuses, texts, channels, facility.

    Args:
        rows: `observed` rows, for the closing times.
        full: Rows with the columns that the snapshots lack.
        own: Types and agencies with closing times of their own, which the agency's leave out.
    """
    units = pd.MultiIndex.from_frame(rows[["complaint_type", "agency"]])
    has_own = units.isin(list(own))
    table: dict[str, dict[str, Any]] = {}
    for agency, mine in rows.groupby("agency"):
        known = full[full["agency"] == agency]
        is_open = known["closed_date"].isna()
        others = known if len(known) else full
        rest = mine[~has_own[(rows["agency"] == agency).to_numpy()]]
        table[str(agency)] = {
            # The files are in the order of their dates: the last name is the one in use.
            "name": str(known["agency_name"].iloc[-1]) if len(known) else str(agency),
            "closing_hours": closing_hours(rest if len(rest) else mine),
            "open_status": _shares(known["status"][is_open], _MOST_STATUSES) or [("Open", 1)],
            "closed_text": _shares(known["resolution_description"][~is_open], _MOST_TEXTS)
            or [(None, 1)],
            "open_text": _shares(known["resolution_description"][is_open], _MOST_TEXTS)
            or [(None, 1)],
            "channels": _shares(others["open_data_channel_type"], _MOST_TEXTS),
            "facility": _shares(known["facility_type"], 1)[0][0] if len(known) else None,
        }
    return table


def unit_closing_hours(rows: pd.DataFrame) -> dict[tuple[str, str], list[float | None]]:
    """Closing hours of those types that have enough closed requests of their own."""
    return {
        (str(complaint_type), str(agency)): closing_hours(mine)
        for (complaint_type, agency), mine in rows.groupby(["complaint_type", "agency"])
        if mine["closed_date"].notna().sum() >= LEAST_CLOSED
    }


def dirt_shares(rows: pd.DataFrame) -> dict[str, float]:
    """Shares of rows with each kind of dirt."""
    zips = rows["incident_zip"].dropna()
    texts = rows[["complaint_type", "agency", "descriptor", "city"]]
    stripped = texts.apply(lambda column: column.str.strip())
    untidy: npt.NDArray[np.bool_] = ((texts != stripped) & texts.notna()).any(axis=1).to_numpy()
    city = rows["city"].dropna()
    return {
        "closed_when_created": float((rows["closed_date"] == rows["created_date"]).mean()),
        "outer_blanks": float(untidy.mean()),
        "odd_case_city": float((city != city.str.upper()).sum() / len(rows)),
        "zip_outside_city": float((~zips.str.fullmatch(r"1[01]\d{3}")).sum() / len(rows)),
        "without_city": float(rows["city"].isna().mean()),
    }
