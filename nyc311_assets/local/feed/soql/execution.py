"""Running a checked query against one publication, day by day."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import islice

import pyarrow as pa
import pyarrow.compute as pc

from nyc311_assets.local.feed.rows import Rows
from nyc311_assets.local.feed.soql.binding import Bound, BoundColumn, Output, Plan
from nyc311_assets.local.feed.soql.evaluation import keep, sort_order, sorted_indices
from nyc311_assets.local.feed.soql.grouping import (
    CREATED,
    counts_days_only,
    extreme_of_created,
    grouped,
    groups_of_counts,
)
from nyc311_assets.local.feed.soql.window import window_of
from nyc311_assets.local.feed.source import Publication

_ROW_ID = BoundColumn("row_identifier", ":id")
_CANDIDATES_KEPT = 200_000


@dataclass(frozen=True, slots=True)
class Result:
    """The rows of an answer.

    Attributes:
        outputs: The columns.
        chunks: The rows; taken together they are the answer, unless an order is given.
        order: Positions in the chunks taken together, in the order of the answer; or None.
    """

    outputs: tuple[Output, ...]
    chunks: tuple[Rows, ...]
    order: pa.Array | None = None


def execute(plan: Plan, publication: Publication) -> Result:
    """Answer a query.

    Without an order, rows come in the order of `(created_date, :id)`.
    """
    span = publication.days
    window = window_of(plan.where)
    days = window.within(span) if span else None
    if plan.grouping is None:
        return _rows(plan, publication, days)
    if window.is_whole and counts_days_only(plan.grouping):
        counts = ((day, publication.row_count(day)) for day in _days(days))
        groups = groups_of_counts(counts, plan.grouping)
    elif extreme := extreme_of_created(plan.grouping):
        found = _matching(plan, publication, days, descending=extreme == "max")
        groups = grouped((rows for _, rows in islice(found, 1)), plan.grouping)
    else:
        found = _matching(plan, publication, days, descending=False)
        groups = grouped((rows for _, rows in found), plan.grouping)
    groups = keep(plan.having, groups)
    if plan.order:
        groups = groups.take(sorted_indices(plan.order, sort_order(plan.order, groups)))
    return Result(plan.outputs, (groups.slice(plan.offset, plan.limit),))


def _days(span: tuple[date, date] | None, *, descending: bool = False) -> Iterator[date]:
    if span is None:
        return
    first, last = span
    ages = range((last - first).days + 1)
    for age in reversed(ages) if descending else ages:
        yield first + timedelta(days=age)


def _matching(
    plan: Plan, publication: Publication, span: tuple[date, date] | None, *, descending: bool
) -> Iterator[tuple[date, Rows]]:
    for day in _days(span, descending=descending):
        rows = keep(plan.where, publication.rows(day))
        if len(rows):
            yield day, rows


def _rows(plan: Plan, publication: Publication, span: tuple[date, date] | None) -> Result:
    order = plan.order
    if not order or order[0][0] == CREATED:
        return _in_order_of_days(plan, publication, span)
    return _in_any_order(plan, publication, span)


def _is_kept_order(order: tuple[tuple[Bound, bool], ...]) -> bool:
    """Whether a day's rows are in this order as they are."""
    return order in ((), ((CREATED, False),), ((CREATED, False), (_ROW_ID, False)))


def _in_order_of_days(
    plan: Plan, publication: Publication, span: tuple[date, date] | None
) -> Result:
    chunks: list[Rows] = []
    to_skip, wanted = plan.offset, plan.limit
    descending = bool(plan.order) and plan.order[0][1]
    if not wanted:
        return Result(plan.outputs, ())
    for _, found in _matching(plan, publication, span, descending=descending):
        if to_skip >= len(found):
            to_skip -= len(found)
            continue
        rows = found
        if not _is_kept_order(plan.order):
            rows = rows.take(sorted_indices(plan.order, sort_order(plan.order, rows)))
        rows = rows.slice(to_skip, wanted)
        chunks.append(rows)
        to_skip, wanted = 0, wanted - len(rows)
        if not wanted:
            break
    return Result(plan.outputs, tuple(chunks))


def _in_any_order(plan: Plan, publication: Publication, span: tuple[date, date] | None) -> Result:
    """Keep the best `offset + limit` rows while the days go by, then read those rows again."""
    needed = plan.offset + plan.limit
    days: list[date] = []
    candidates: list[pa.Table] = []
    held = 0
    for day, rows in _matching(plan, publication, span, descending=False):
        table = sort_order(plan.order, rows)
        table = table.append_column("@day", pa.repeat(pa.scalar(len(days), pa.int32()), len(rows)))
        table = table.append_column("@row", pa.array(range(len(rows)), pa.int32()))
        days.append(day)
        candidates.append(table)
        held += len(rows)
        if held > 2 * needed + _CANDIDATES_KEPT:
            best = _best(plan, candidates, needed)
            candidates, held = [best], best.num_rows
    if not candidates:
        return Result(plan.outputs, ())
    chosen = _best(plan, candidates, needed).slice(plan.offset)
    return _read_again(plan, publication, days, chosen)


def _best(plan: Plan, candidates: list[pa.Table], needed: int) -> pa.Table:
    table = pa.concat_tables(candidates)
    return table.take(sorted_indices(plan.order, table).slice(0, needed))


def _read_again(plan: Plan, publication: Publication, days: list[date], chosen: pa.Table) -> Result:
    places = chosen.select(["@day", "@row"]).append_column(
        "@position", pa.array(range(chosen.num_rows), pa.int64())
    )
    chunks: list[Rows] = []
    positions: list[pa.Array] = []
    for number in sorted(set(places["@day"].to_pylist())):
        here = places.filter(pc.equal(places["@day"], number))
        rows = keep(plan.where, publication.rows(days[number]))
        chunks.append(rows.take(here["@row"].combine_chunks()))
        positions.append(here["@position"].combine_chunks())
    if not chunks:
        return Result(plan.outputs, ())
    order = pc.sort_indices(pa.concat_arrays(positions))
    return Result(plan.outputs, tuple(chunks), order)
