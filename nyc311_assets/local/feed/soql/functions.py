"""The scalar functions and operators of SoQL: their types and their work on Arrow arrays.

Nulls follow SQL's three-valued logic, which Arrow's Kleene functions implement.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal, TypeAlias

import pyarrow as pa
import pyarrow.compute as pc

from nyc311_assets.local.feed.rows import FIXED_TIMESTAMP, FLOATING_TIMESTAMP, ColumnType

ValueType = ColumnType | Literal["boolean", "null"]
# An Arrow array, or a scalar for a constant; Arrow ships no types.
Values: TypeAlias = Any

_TEXT = frozenset({"text", "row_identifier", "null"})
_NUMBER = frozenset({"number", "null"})
_TIMESTAMP = frozenset({"floating_timestamp", "fixed_timestamp", "null"})
_BOOLEAN = frozenset({"boolean", "null"})
ANY: frozenset[str] = _TEXT | _NUMBER | _TIMESTAMP | _BOOLEAN | {"point"}
COMPARABLE: frozenset[str] = _TEXT | _NUMBER | _TIMESTAMP | _BOOLEAN


@dataclass(frozen=True, slots=True)
class Function:
    """A function over single rows.

    Attributes:
        parameters: The types that each argument may have.
        result: Type of the result.
        evaluate: The work; numbers come and go as float64.
        same_types: The arguments must be of one type; text literals are read as that type.
        variadic: The last parameter may be repeated.
    """

    parameters: tuple[frozenset[str], ...]
    result: ValueType
    evaluate: Callable[..., Values]
    same_types: bool = False
    variadic: bool = False


@dataclass(frozen=True, slots=True)
class AggregateFunction:
    """A function over groups of rows.

    Attributes:
        parameter: The types its argument may have.
        result: Type of the result; None for that of the argument.
    """

    parameter: frozenset[str]
    result: ValueType | None


AGGREGATES: Mapping[str, AggregateFunction] = {
    "count": AggregateFunction(ANY, "number"),
    "min": AggregateFunction(COMPARABLE, None),
    "max": AggregateFunction(COMPARABLE, None),
    "sum": AggregateFunction(_NUMBER, "number"),
    "avg": AggregateFunction(_NUMBER, "number"),
}


def parse_timestamp(text: str, value_type: ValueType) -> pa.Scalar | None:
    """Read a timestamp literal: a date, optionally a time, optionally a zone.

    A floating timestamp is wall time: a zone that is written after it is not applied.
    """
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    if value_type == "floating_timestamp":
        return pa.scalar(moment.replace(tzinfo=None), FLOATING_TIMESTAMP)
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return pa.scalar(moment, FIXED_TIMESTAMP)


def _like(values: Values, pattern: Values) -> Values:
    return pc.match_like(values, pattern.as_py())


def _starts_with(values: Values, prefix: Values) -> Values:
    return pc.starts_with(values, prefix.as_py())


def _contains(values: Values, part: Values) -> Values:
    return pc.match_substring(values, part.as_py())


def _between(values: Values, low: Values, high: Values) -> Values:
    return pc.and_kleene(pc.greater_equal(values, low), pc.less_equal(values, high))


def _is_in(values: Values, *options: Values) -> Values:
    found = pc.equal(values, options[0])
    for option in options[1:]:
        found = pc.or_kleene(found, pc.equal(values, option))
    return found


def _truncate(unit: str) -> Callable[[Values], Values]:
    return lambda values: pc.floor_temporal(values, unit=unit).cast(FLOATING_TIMESTAMP)


def _number(part: Callable[[Values], Values]) -> Callable[[Values], Values]:
    return lambda values: part(values).cast(pa.float64())


def _comparison(compare: Callable[[Values, Values], Values]) -> Function:
    return Function((COMPARABLE, COMPARABLE), "boolean", compare, same_types=True)


def _text_function(work: Callable[[Values], Values]) -> Function:
    return Function((_TEXT,), "text", work)


def _part(work: Callable[[Values], Values]) -> Function:
    return Function((_TIMESTAMP,), "number", _number(work))


def _day_of_week(values: Values) -> Values:
    return pc.day_of_week(values, count_from_zero=True, week_start=7)


FUNCTIONS: Mapping[str, Function] = {
    "op$=": _comparison(pc.equal),
    "op$!=": _comparison(pc.not_equal),
    "op$<": _comparison(pc.less),
    "op$<=": _comparison(pc.less_equal),
    "op$>": _comparison(pc.greater),
    "op$>=": _comparison(pc.greater_equal),
    "op$AND": Function((_BOOLEAN, _BOOLEAN), "boolean", pc.and_kleene),
    "op$OR": Function((_BOOLEAN, _BOOLEAN), "boolean", pc.or_kleene),
    "op$NOT": Function((_BOOLEAN,), "boolean", pc.invert),
    "#IS_NULL": Function((ANY,), "boolean", pc.is_null),
    "#IS_NOT_NULL": Function((ANY,), "boolean", pc.is_valid),
    "#BETWEEN": Function((COMPARABLE,) * 3, "boolean", _between, same_types=True),
    "#IN": Function((COMPARABLE,) * 2, "boolean", _is_in, same_types=True, variadic=True),
    "#LIKE": Function((_TEXT, _TEXT), "boolean", _like),
    "starts_with": Function((_TEXT, _TEXT), "boolean", _starts_with),
    "contains": Function((_TEXT, _TEXT), "boolean", _contains),
    "upper": _text_function(pc.utf8_upper),
    "lower": _text_function(pc.utf8_lower),
    "trim": _text_function(pc.utf8_trim_whitespace),
    "date_trunc_y": Function((_TIMESTAMP,), "floating_timestamp", _truncate("year")),
    "date_trunc_ym": Function((_TIMESTAMP,), "floating_timestamp", _truncate("month")),
    "date_trunc_ymd": Function((_TIMESTAMP,), "floating_timestamp", _truncate("day")),
    "date_extract_y": _part(pc.year),
    "date_extract_m": _part(pc.month),
    "date_extract_d": _part(pc.day),
    "date_extract_hh": _part(pc.hour),
    "date_extract_dow": _part(_day_of_week),
}
# Their second argument is a pattern, which must be a literal.
PATTERN_FUNCTIONS = frozenset({"#LIKE", "starts_with", "contains"})

_TRAILING_ZERO = re.compile(r"\.0$").pattern


def number_text(values: pa.Array) -> pa.Array:
    """Float or whole numbers as they are on the wire, without a trailing `.0`."""
    return pc.replace_substring_regex(values.cast(pa.string()), _TRAILING_ZERO, "")
