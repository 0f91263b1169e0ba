"""Which local days a condition can hold on, so that a query looks at no others."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, time, timedelta

from nyc311_assets.local.feed.soql.binding import Bound, BoundCall, BoundColumn, BoundConstant

_FLIPPED = {"op$<": "op$>", "op$<=": "op$>=", "op$>": "op$<", "op$>=": "op$<=", "op$=": "op$="}


@dataclass(frozen=True, slots=True)
class Window:
    """A range of local days of created_date.

    Attributes:
        first: First day, or None for no bound.
        last: Last day, or None for no bound.
        is_whole: The condition holds for every row of these days, and for no other row.
    """

    first: date | None = None
    last: date | None = None
    is_whole: bool = False

    def within(self, days: tuple[date, date]) -> tuple[date, date] | None:
        """The part of a range of days that is in the window; None if there is none."""
        first = days[0] if self.first is None else max(days[0], self.first)
        last = days[1] if self.last is None else min(days[1], self.last)
        return (first, last) if first <= last else None

    def intersection(self, other: Window) -> Window:
        """The days of both."""
        firsts = [day for day in (self.first, other.first) if day is not None]
        lasts = [day for day in (self.last, other.last) if day is not None]
        return Window(
            max(firsts, default=None), min(lasts, default=None), self.is_whole and other.is_whole
        )

    def hull(self, other: Window) -> Window:
        """The shortest range that has the days of either."""
        first = None if self.first is None or other.first is None else min(self.first, other.first)
        last = None if self.last is None or other.last is None else max(self.last, other.last)
        return Window(first, last)


# `hull` and `intersection` treat it rightly as it is: its first day is later than any last one.
_NO_DAY = Window(date.max, date.min, is_whole=True)


def window_of(condition: Bound | None) -> Window:
    """The days that a condition can hold on: never too few, as few as its comparisons show."""
    if condition is None:
        return Window(is_whole=True)
    if not isinstance(condition, BoundCall):
        return Window()
    if condition.function == "op$AND":
        left, right = condition.arguments
        return window_of(left).intersection(window_of(right))
    if condition.function == "op$OR":
        left, right = condition.arguments
        return window_of(left).hull(window_of(right))
    if condition.function == "#IS_NULL" and _is_created_date(condition.arguments[0]):
        # No source has a row without it: a day's rows are those created on it.
        return _NO_DAY
    return _of_comparison(condition)


def _of_comparison(call: BoundCall) -> Window:
    if call.function == "#BETWEEN" and _is_created_date(call.arguments[0]):
        low, high = (_moment(argument) for argument in call.arguments[1:])
        return Window(low and low.date(), high and high.date())
    if call.function not in _FLIPPED:
        return Window()
    left, right = call.arguments
    function = call.function
    if _is_created_date(right):
        left, right, function = right, left, _FLIPPED[function]
    moment = _moment(right)
    if moment is None or not _is_created_date(left):
        return Window()
    day = moment.date()
    is_midnight = moment.time() == time.min and isinstance(left, BoundColumn)
    if function in ("op$>=", "op$>"):
        return Window(first=day, is_whole=is_midnight and function == "op$>=")
    if function == "op$=":
        return Window(first=day, last=day)
    before = function == "op$<" and is_midnight
    return Window(last=day - timedelta(days=int(before)), is_whole=before)


def _is_created_date(bound: Bound) -> bool:
    if isinstance(bound, BoundCall) and bound.function == "date_trunc_ymd":
        return _is_created_date(bound.arguments[0])
    return isinstance(bound, BoundColumn) and bound.name == "created_date"


def _moment(bound: Bound) -> datetime | None:
    if isinstance(bound, BoundConstant) and bound.type == "floating_timestamp":
        moment: datetime | None = bound.value.as_py()
        return moment
    return None
