"""The series that are forecast: requests added up at every level, from the leaves of gold."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from functools import cached_property

import numpy as np
import pandas as pd
from scipy.sparse import csr_matrix

from nyc311_assets.pipeline.forecasting.arrays import Flags, Floats, Integers
from nyc311_assets.pipeline.forecasting.level_profile import VOLUME_DAYS
from nyc311_assets.pipeline.forecasting.panel import Panel
from nyc311_assets.pipeline.forecasting.volume import TIER_NAMES, recent_volume, tier_of

LEAF = ("complaint_type", "borough", "agency")
# A level -> what its series are of. A coarser level comes first.
LEVELS: Mapping[str, tuple[str, ...]] = {
    "city": (),
    "borough": ("borough",),
    "agency": ("agency",),
    "type": ("complaint_type",),
    "type_borough": ("complaint_type", "borough"),
    "leaf": LEAF,
}
# A series is dropped when its last request is further back than this.
ACTIVE_DAYS = 90
# Below type, a series needs this many requests in those days: most pairs of type and borough are
# a handful of requests a year, of which nothing can be said that its type does not say.
LEAST_REQUESTS = 28
_FINE = ("type_borough", "leaf")
_LABELS = {"complaint_type": "type", "borough": "borough", "agency": "agency"}


@dataclass(frozen=True, eq=False)
class Hierarchy:
    """Every series that leaves can be added up to.

    A series that would hold the very requests of a coarser one is left out: a leaf whose type and
    borough has no other agency, a type that only one borough has.

    Attributes:
        leaves: complaint_type, borough, agency; one row for each leaf.
        table: series, level, complaint_type, borough, agency (None for all); by name.
        sums: series x leaves, 1 where a leaf is part of a series.
    """

    leaves: pd.DataFrame
    table: pd.DataFrame
    sums: csr_matrix

    @staticmethod
    def of(leaves: pd.DataFrame) -> Hierarchy:
        """The series of these leaves.

        Args:
            leaves: complaint_type, borough, agency; each row once.
        """
        parts: list[pd.DataFrame] = []
        members: list[Integers] = []
        seen: set[bytes] = set()
        for level, columns in LEVELS.items():
            groups = _groups(leaves, columns)
            for values, rows in groups:
                key = rows.tobytes()
                if level in _FINE and key in seen:
                    continue
                seen.add(key)
                members.append(rows)
                named = dict(zip(columns, values, strict=True))
                parts.append(
                    pd.DataFrame(
                        [
                            {
                                "series": name_of(named),
                                "level": level,
                                **{column: named.get(column) for column in LEAF},
                            }
                        ]
                    )
                )
        table = pd.concat(parts, ignore_index=True)
        order = np.argsort(table["series"].to_numpy(dtype=str), kind="stable")
        table = table.iloc[order].reset_index(drop=True)
        ordered = [members[place] for place in order]
        rows = np.repeat(np.arange(len(ordered)), [len(each) for each in ordered])
        columns_ = np.concatenate(ordered)
        sums = csr_matrix(
            (np.ones(len(columns_)), (rows, columns_)), shape=(len(ordered), len(leaves))
        )
        return Hierarchy(leaves, table, sums)

    @cached_property
    def is_fine(self) -> Flags:
        """Whether a series is below type, and needs `LEAST_REQUESTS`."""
        return np.asarray(self.table["level"].isin(_FINE))

    def panel(
        self,
        counts: Floats,
        first_day: date,
        *,
        names: Sequence[str] | None = None,
        least_requests: int = LEAST_REQUESTS,
    ) -> Panel:
        """Requests a day of the series that matter on the last day.

        Args:
            counts: Requests of each leaf a day, leaves x days; NaN on days that are not known.
            first_day: The day of the first column.
            names: These series instead, whatever their counts; unknown ones are left out.
            least_requests: What a series below type needs in the newest `ACTIVE_DAYS`.

        Returns:
            A panel whose series have a request in the newest `ACTIVE_DAYS`, below type at least
            `least_requests`. Days before a series' first request are unknown, not zero.
        """
        unknown = np.isnan(counts).all(axis=0)
        values = np.asarray(self.sums @ np.nan_to_num(counts))
        if names is None:
            newest = values[:, -ACTIVE_DAYS:].sum(axis=1)
            rows = np.flatnonzero(newest >= np.where(self.is_fine, least_requests, 1))
        else:
            rows = np.flatnonzero(self.table["series"].isin(set(names)))
        values = values[rows]
        values[np.cumsum(values, axis=1) == 0] = np.nan
        values[:, unknown] = np.nan
        return Panel(tuple(self.table["series"].iloc[rows]), first_day, values)


def _groups(
    leaves: pd.DataFrame, columns: tuple[str, ...]
) -> list[tuple[tuple[str, ...], Integers]]:
    """Values of the columns, and the leaves that have them."""
    if not columns:
        return [((), np.arange(len(leaves), dtype=np.int64))]
    found = leaves.groupby(list(columns), sort=True).indices
    return [
        (key if isinstance(key, tuple) else (key,), np.sort(rows).astype(np.int64))
        for key, rows in found.items()
    ]


def name_of(parts: Mapping[str, str]) -> str:
    """The name of a series, as `type: Illegal Parking | borough: BRONX`; `city` for all requests."""
    shown = [f"{_LABELS[column]}: {parts[column]}" for column in LEAF if column in parts]
    return " | ".join(shown) or "city"


def series_table(hierarchy: Hierarchy, counts: Floats, first_day: date) -> pd.DataFrame:
    """The rows of gold.series.

    Args:
        hierarchy: The series.
        counts: Requests of each leaf a day, leaves x days; NaN on days that are not known.
        first_day: The day of the first column.

    Returns:
        The columns of gold.series, one row for each series that ever had a request.
    """
    values = np.asarray(hierarchy.sums @ np.nan_to_num(counts))
    known = np.where(np.isnan(counts).all(axis=0), np.nan, values)
    has_any = values > 0
    days = pd.date_range(first_day, periods=values.shape[1]).date
    volume = recent_volume(known, VOLUME_DAYS)
    newest = values[:, -ACTIVE_DAYS:].sum(axis=1)
    table = hierarchy.table.assign(
        volume=volume,
        tier=[TIER_NAMES[tier] for tier in tier_of(volume)],
        first_day=days[has_any.argmax(axis=1)],
        last_day=days[values.shape[1] - 1 - has_any[:, ::-1].argmax(axis=1)],
        is_active=newest >= np.where(hierarchy.is_fine, LEAST_REQUESTS, 1),
    )
    return table.iloc[np.flatnonzero(has_any.any(axis=1))].reset_index(drop=True)
