"""Grouped queries: aggregates per day first, then over the days."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, datetime, time

import pyarrow as pa
import pyarrow.compute as pc

from nyc311_assets.local.feed.rows import FLOATING_TIMESTAMP, Rows
from nyc311_assets.local.feed.soql.binding import (
    Bound,
    BoundAggregate,
    BoundCall,
    BoundColumn,
    Grouping,
)
from nyc311_assets.local.feed.soql.evaluation import evaluate
from nyc311_assets.local.feed.soql.functions import number_text

_ALL = "@all"
_MERGES = {"count": "sum", "sum": "sum", "min": "min", "max": "max"}
_MOST_PARTIALS = 64

CREATED = BoundColumn("floating_timestamp", "created_date")
CREATED_DAY = BoundCall("floating_timestamp", "date_trunc_ymd", (CREATED,))
ROW_COUNT = BoundAggregate("number", "count/*", None)


def counts_days_only(grouping: Grouping) -> bool:
    """Whether it asks for nothing but row counts, in all or per local day."""
    return grouping.keys in ((), (CREATED_DAY,)) and set(grouping.aggregates) == {ROW_COUNT}


def groups_of_counts(counts: Iterable[tuple[date, int]], grouping: Grouping) -> Rows:
    """The groups of a query that `counts_days_only`, from the row count of each day."""
    found = [(day, count) for day, count in counts if count]
    if not grouping.keys:
        return Rows(1, {"@aggregate0": pa.array([str(sum(count for _, count in found))])})
    days = [datetime.combine(day, time.min) for day, _ in found]
    return Rows(
        len(found),
        {
            "@key0": pa.array(days, FLOATING_TIMESTAMP),
            "@aggregate0": pa.array([str(count) for _, count in found], pa.string()),
        },
    )


def extreme_of_created(grouping: Grouping) -> str | None:
    """`min` or `max` if one of these of created_date is all that is asked for."""
    if grouping.keys or len(grouping.aggregates) != 1:
        return None
    aggregate = grouping.aggregates[0]
    if aggregate.argument == CREATED and aggregate.function in ("min", "max"):
        return aggregate.function
    return None


def grouped(days: Iterable[Rows], grouping: Grouping) -> Rows:
    """One row per group: `@key…` and `@aggregate…`, in their storage types."""
    partials: list[pa.Table] = []
    for rows in days:
        partials.append(_partial(rows, grouping))
        if len(partials) >= _MOST_PARTIALS:
            partials = [_merged(partials, grouping)]
    if not partials:
        return _no_groups(grouping)
    return _finished(_merged(partials, grouping), grouping)


def _parts(aggregate: BoundAggregate) -> tuple[str, ...]:
    if aggregate.function == "avg":
        return ("sum", "count")
    return ("count",) if aggregate.function == "count/*" else (aggregate.function,)


def _keys(grouping: Grouping) -> list[str]:
    return [_ALL, *(f"@key{number}" for number in range(len(grouping.keys)))]


def _array(bound: Bound, rows: Rows) -> pa.Array:
    values = evaluate(bound, rows)
    return pa.repeat(values, len(rows)) if isinstance(values, pa.Scalar) else values


def _partial(rows: Rows, grouping: Grouping) -> pa.Table:
    columns = {_ALL: pa.repeat(pa.scalar(0, pa.int8()), len(rows))}
    for number, key in enumerate(grouping.keys):
        columns[f"@key{number}"] = _array(key, rows)
    work: list[tuple[str, str]] = []
    names: list[str] = []
    for number, aggregate in enumerate(grouping.aggregates):
        source = f"argument{number}"
        columns[source] = (
            columns[_ALL] if aggregate.argument is None else _array(aggregate.argument, rows)
        )
        for part in _parts(aggregate):
            work.append((source, part))
            names.append(f"{part}{number}")
    keys = _keys(grouping)
    table = pa.table(columns).group_by(keys).aggregate(work)
    return table.select([*keys, *(f"{source}_{part}" for source, part in work)]).rename_columns(
        [*keys, *names]
    )


def _merged(partials: list[pa.Table], grouping: Grouping) -> pa.Table:
    table = pa.concat_tables(partials)
    names = [name for name in table.column_names if not name.startswith("@")]
    keys = _keys(grouping)
    merged = table.group_by(keys).aggregate(
        [(name, _MERGES[name.rstrip("0123456789")]) for name in names]
    )
    order = [*keys, *(f"{name}_{_MERGES[name.rstrip('0123456789')]}" for name in names)]
    return merged.select(order).rename_columns([*keys, *names])


def _finished(table: pa.Table, grouping: Grouping) -> Rows:
    columns: dict[str, pa.Array] = {}
    for number, key in enumerate(grouping.keys):
        values = table[f"@key{number}"].combine_chunks()
        columns[f"@key{number}"] = number_text(values) if key.type == "number" else values
    for number, aggregate in enumerate(grouping.aggregates):
        parts = [table[f"{part}{number}"].combine_chunks() for part in _parts(aggregate)]
        if aggregate.function == "avg":
            some = pc.if_else(pc.equal(parts[1], 0), None, parts[1])
            parts = [pc.divide(parts[0], pc.cast(some, pa.float64()))]
        columns[f"@aggregate{number}"] = (
            number_text(parts[0]) if aggregate.type == "number" else parts[0]
        )
    return Rows(table.num_rows, columns)


def _no_groups(grouping: Grouping) -> Rows:
    """Without keys there is one group even of no rows: it counts 0 and has nothing else."""
    if grouping.keys:
        return Rows(0, _finished_types(grouping, 0))
    return Rows(1, _finished_types(grouping, 1))


def _finished_types(grouping: Grouping, length: int) -> dict[str, pa.Array]:
    empty = _partial(Rows(0, {}), grouping)
    columns = dict(_finished(empty, grouping).plain)
    for number, aggregate in enumerate(grouping.aggregates):
        name = f"@aggregate{number}"
        value = "0" if aggregate.function.startswith("count") else None
        columns[name] = pa.array([value] * length, columns[name].type)
    return columns
