"""The value of an expression over rows."""

from __future__ import annotations

import pyarrow as pa
import pyarrow.compute as pc

from nyc311_assets.local.feed.rows import Rows
from nyc311_assets.local.feed.soql.binding import Bound, BoundAggregate, BoundColumn, BoundConstant
from nyc311_assets.local.feed.soql.functions import FUNCTIONS, Values, number_text


def evaluate(bound: Bound, rows: Rows) -> Values:
    """One value per row: numbers as float64, everything else in its storage type.

    A constant comes as a scalar.
    """
    if isinstance(bound, BoundConstant):
        return bound.value
    if isinstance(bound, BoundAggregate):
        raise TypeError(f"{bound.function} is over groups, not over rows.")
    if isinstance(bound, BoundColumn):
        values = rows.column(bound.name)
        return values.cast(pa.float64()) if bound.type == "number" else values
    arguments = [evaluate(argument, rows) for argument in bound.arguments]
    return FUNCTIONS[bound.function].evaluate(*arguments)


def output_values(bound: Bound, rows: Rows) -> pa.Array:
    """One value per row in its storage type: what the wire shows."""
    if isinstance(bound, BoundColumn):
        return rows.column(bound.name)
    values = evaluate(bound, rows)
    if isinstance(values, pa.Scalar):
        values = pa.repeat(values, len(rows))
    return number_text(values) if bound.type == "number" else values


def keep(condition: Bound | None, rows: Rows) -> Rows:
    """The rows that a condition holds for."""
    if condition is None:
        return rows
    holds = evaluate(condition, rows)
    if isinstance(holds, pa.Scalar):
        return rows if holds.as_py() else rows.slice(0, 0)
    return rows.filter(holds)


def sort_order(order: tuple[tuple[Bound, bool], ...], rows: Rows) -> pa.Table:
    """The columns to sort by, one pair per key.

    PostgreSQL, which answers for the portal, puts nulls last going up and first going down: each
    key is preceded by whether it is null.
    """
    columns: dict[str, pa.Array] = {}
    for number, (bound, _) in enumerate(order):
        values = evaluate(bound, rows)
        if isinstance(values, pa.Scalar):
            values = pa.repeat(values, len(rows))
        columns[f"null{number}"] = pc.is_null(values)
        columns[f"key{number}"] = values
    return pa.table(columns)


def sorted_indices(order: tuple[tuple[Bound, bool], ...], keys: pa.Table) -> pa.Array:
    """Positions in sorted order; equal keys stay in the order they had."""
    sort_keys = [
        (f"{column}{number}", "descending" if descending else "ascending")
        for number, (_, descending) in enumerate(order)
        for column in ("null", "key")
    ]
    return pc.sort_indices(keys, sort_keys=sort_keys)
