"""Daily counts of many series as one matrix, and how it is read from a table."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from functools import cached_property

import numpy as np
import pandas as pd

from nyc311_assets.pipeline.forecasting.arrays import Floats, Integers

COLUMNS = ("series", "ds", "y")
_SHOWN = 3


class PanelError(ValueError):
    """A table of daily counts breaks a rule that every forecast relies on."""


@dataclass(frozen=True, eq=False)
class Panel:
    """Daily counts of many series over one unbroken range of days.

    Attributes:
        series: Names, sorted.
        first_day: The day of the first column.
        values: Requests a day, series x days; NaN where a day is unknown or incomplete.
    """

    series: tuple[str, ...]
    first_day: date
    values: Floats

    @property
    def last_day(self) -> date:
        """The day of the last column."""
        return self.first_day + timedelta(days=self.values.shape[1] - 1)

    @cached_property
    def starts(self) -> Integers:
        """Column of each series' first known day; the number of columns where there is none."""
        known = ~np.isnan(self.values)
        return np.asarray(np.where(known.any(axis=1), known.argmax(axis=1), self.values.shape[1]))

    def column(self, day: date) -> int:
        """The column of a day, which may lie outside the matrix."""
        return (day - self.first_day).days

    def day(self, column: int) -> date:
        """The day of a column, which may lie outside the matrix."""
        return self.first_day + timedelta(days=column)

    def until(self, as_of: date) -> Panel:
        """What was known at the end of a day: every later column is gone.

        Raises:
            PanelError: The day is before the first one.
        """
        width = self.column(as_of) + 1
        if width < 1:
            raise PanelError(
                f"Nothing is known on {as_of}: the counts begin on {self.first_day}. "
                "Choose a later day."
            )
        return Panel(self.series, self.first_day, self.values[:, :width])

    def only(self, rows: Integers) -> Panel:
        """The panel of some of its series, by row number."""
        return Panel(tuple(self.series[row] for row in rows), self.first_day, self.values[rows])

    def missing_days(self) -> dict[str, tuple[date, ...]]:
        """Unknown days between a series' first and last known one; series without any are left out."""
        missing: dict[str, tuple[date, ...]] = {}
        for name, row in zip(self.series, np.isnan(self.values), strict=True):
            known = np.flatnonzero(~row)
            if known.size and (inner := row[known[0] : known[-1]]).any():
                missing[name] = tuple(
                    self.day(int(known[0] + gap)) for gap in np.flatnonzero(inner)
                )
        return missing


def read_panel(frame: pd.DataFrame) -> Panel:
    """Build a panel from a table of counts, in any order of rows.

    Args:
        frame: `series` (name), `ds` (day) and `y` (requests of that day); other columns are
            ignored. A day without a row, or with an empty `y`, is unknown, which is not zero.

    Raises:
        PanelError: A column is missing, there is no row, a name is empty, a day cannot be read, a
            count is negative, infinite or no number, or a series has two rows for one day.
    """
    missing = [column for column in COLUMNS if column not in frame.columns]
    if missing:
        raise PanelError(
            f"The counts have no column {', '.join(missing)}; there are "
            f"{', '.join(map(str, frame.columns)) or 'none'}. Name them series, ds and y."
        )
    if frame.empty:
        raise PanelError("The counts have no rows. Give at least one series and day.")
    names = _names(frame["series"])
    days = _days(frame["ds"])
    counts = _counts(frame["y"], names, days)
    _reject(
        pd.DataFrame({"series": names, "ds": days}).duplicated(keep=False).to_numpy(),
        names + " " + days.dt.strftime("%Y-%m-%d"),
        "more than one row for a series and day",
        "Keep one row for each.",
    )
    series, rows = np.unique(names.to_numpy(dtype=str), return_inverse=True)
    first = days.min()
    columns = (days - first).dt.days.to_numpy()
    values = np.full((series.size, int(columns.max()) + 1), np.nan)
    values[rows, columns] = counts
    return Panel(tuple(map(str, series)), first.date(), values)


def _names(column: pd.Series[str]) -> pd.Series[str]:
    names = column.astype("string").str.strip()
    _reject(
        (names.isna() | (names == "")).fillna(True).to_numpy(dtype=bool),
        pd.Series([f"row {number}" for number in range(1, len(column) + 1)]),
        "an empty series name",
        "Name the series of every row.",
    )
    return names.reset_index(drop=True)


def _days(column: pd.Series[str]) -> pd.Series[pd.Timestamp]:
    text = column.astype("string").reset_index(drop=True)
    days = pd.to_datetime(text, format="ISO8601", errors="coerce")
    if days.dt.tz is not None:
        raise PanelError(
            f"A ds has a time zone ({text.iloc[0]}). Give local days, as 2026-03-01, without one."
        )
    _reject(
        days.isna().to_numpy(),
        text.fillna("(empty)"),
        "a ds that is no day",
        "Write it as 2026-03-01.",
    )
    _reject(
        (days != days.dt.normalize()).to_numpy(),
        text,
        "a ds with a time of day",
        "Count by local day first; write the day as 2026-03-01.",
    )
    return days


def _counts(
    column: pd.Series[float], names: pd.Series[str], days: pd.Series[pd.Timestamp]
) -> Floats:
    raw = column.reset_index(drop=True)
    counts = pd.to_numeric(raw, errors="coerce").to_numpy(dtype=float)
    where = names + " " + days.dt.strftime("%Y-%m-%d") + ": " + raw.astype("string")
    _reject(
        (np.isnan(counts) & raw.notna().to_numpy()) | np.isinf(counts),
        where,
        "a y that is no number",
        "Give a count, or leave it empty where it is unknown.",
    )
    _reject(counts < 0, where, "a negative y", "A count of requests is zero or more.")
    return counts


def _reject(wrong: np.ndarray, labels: pd.Series[str], what: str, remedy: str) -> None:
    """Raise an error that names the first rows that break a rule."""
    if wrong.any():
        shown = "; ".join(str(label) for label in labels[wrong].head(_SHOWN))
        more = f" and {wrong.sum() - _SHOWN:,} more" if wrong.sum() > _SHOWN else ""
        raise PanelError(f"{int(wrong.sum()):,} rows have {what}: {shown}{more}. {remedy}")
