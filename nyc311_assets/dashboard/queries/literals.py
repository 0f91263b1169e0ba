"""Values in SQL: DataFusion, as delta-rs exposes it, takes no parameters beside the text."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime

from nyc311_assets.dashboard.queries.source import Parameter, Value

# A value's place in a statement.
NAMED = re.compile(r"(?<![:\w]):([a-z_][a-z0-9_]*)")


def bind(sql: str, parameters: Mapping[str, Parameter]) -> str:
    """Put values in the places of `:name`, each as a literal.

    All places are found before any value is put in, so that a value which looks like a place stays
    a value.

    Args:
        sql: The statement. It holds no texts of its own with a `:name` in them.
        parameters: A value for each name; a sequence becomes a list for IN, and an empty one a
            list that holds nothing.

    Raises:
        KeyError: A name has no value.
    """
    return NAMED.sub(lambda place: literal(parameters[place.group(1)]), sql)


def literal(value: Parameter) -> str:
    """A value as it is written in SQL.

    Raises:
        TypeError: There is no literal for values like it.
    """
    if isinstance(value, Sequence) and not isinstance(value, str):
        return f"({', '.join(map(_one, value))})" if value else "(NULL)"
    return _one(value)


def _one(value: Value) -> str:
    if value is None:
        return "NULL"
    if isinstance(value, bool):
        return "TRUE" if value else "FALSE"
    if isinstance(value, str):
        quoted = value.replace("'", "''")
        return f"'{quoted}'"
    if isinstance(value, datetime):
        if value.tzinfo is None:
            raise TypeError(f"A time needs a zone, or nobody knows which it is: {value}")
        return f"TIMESTAMP '{value.astimezone(UTC).strftime('%Y-%m-%dT%H:%M:%S.%fZ')}'"
    if isinstance(value, date):
        return f"DATE '{value.isoformat()}'"
    if isinstance(value, int) or math.isfinite(value):
        return repr(value)
    raise TypeError(f"There is no SQL literal for {value!r}")
