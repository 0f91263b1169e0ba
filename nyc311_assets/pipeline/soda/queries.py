"""The SoQL queries of an ingestion, as values."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta

SYSTEM_FIELDS = (":id", ":updated_at")
_MOST_DAYS = 50_000


@dataclass(frozen=True, slots=True)
class Query:
    """One SoQL query of one dataset.

    Attributes:
        dataset_id: The portal's four-by-four id.
        clauses: The `$` parameters, by name without the `$`, in the order they are sent.
    """

    dataset_id: str
    clauses: tuple[tuple[str, str], ...]

    @property
    def parameters(self) -> dict[str, str]:
        """The URL parameters."""
        return {f"${name}": value for name, value in self.clauses}

    @property
    def text(self) -> str:
        """The query in one line, the same for the same query."""
        return " ".join(f"${name}={value}" for name, value in self.clauses)

    def __str__(self) -> str:
        where = dict(self.clauses).get("where")
        return f"dataset {self.dataset_id}" + (f" where {where}" if where else "")


@dataclass(frozen=True, slots=True)
class RowKey:
    """The key that rows are ordered by, of one row.

    Attributes:
        created: The source's floating timestamp, local wall time, as it was sent.
        row_id: `:id`. Its order is the source's own; as text it does not sort.
    """

    created: str
    row_id: str


def floating_timestamp(day: date) -> str:
    """Midnight at the start of a day as SODA writes local wall time."""
    return f"{day.isoformat()}T00:00:00.000"


def _floating(moment: datetime) -> str:
    """Naive local time as SODA writes it, to the millisecond."""
    return moment.isoformat(timespec="milliseconds")


def window(request_date: date) -> tuple[str, str]:
    """First timestamp of a day, and of the day after.

    Both are wall time, so that the 23 and 25 hour days need no rule of their own.
    """
    return floating_timestamp(request_date), floating_timestamp(request_date + timedelta(days=1))


def _text(value: str) -> str:
    return "'" + value.replace("'", "''") + "'"


def _between(created_field: str, first: date, last: date) -> str:
    start, _ = window(first)
    _, end = window(last)
    return f"{created_field} >= {_text(start)} AND {created_field} < {_text(end)}"


def page_query(
    dataset_id: str,
    request_date: date,
    columns: tuple[str, ...],
    page_size: int,
    *,
    after: RowKey | None = None,
    created_field: str = "created_date",
) -> Query:
    """One page of a request day's rows, in the order of `(created_field, :id)`.

    Keyset paging ("seek method"): the next page asks for the rows after the last key instead of
    an offset, so that every page costs the same and rows that move do not shift the pages.

    Args:
        dataset_id: The dataset.
        request_date: The local calendar day.
        columns: Columns to read, by API name; `:id` and `:updated_at` come before them.
        page_size: Most rows in the page.
        after: Key of the last row of the page before; None for the first page.
        created_field: The column of the request's creation time.
    """
    where = _between(created_field, request_date, request_date)
    if after is not None:
        created, row_id = _text(after.created), _text(after.row_id)
        where += (
            f" AND ({created_field} > {created}"
            f" OR ({created_field} = {created} AND :id > {row_id}))"
        )
    return Query(
        dataset_id,
        (
            ("select", ",".join((*SYSTEM_FIELDS, *columns))),
            ("where", where),
            ("order", f"{created_field},:id"),
            ("limit", str(page_size)),
        ),
    )


def rows_per_day_query(
    dataset_id: str, first: date, last: date, *, created_field: str = "created_date"
) -> Query:
    """Rows of each request day from first to last: columns `day` and `row_count`."""
    return Query(
        dataset_id,
        (
            ("select", f"date_trunc_ymd({created_field}) AS day,count(*) AS row_count"),
            ("where", _between(created_field, first, last)),
            ("group", "day"),
            ("order", "day"),
            ("limit", str(_MOST_DAYS)),
        ),
    )


def reach_query(dataset_id: str, until: datetime, *, created_field: str = "created_date") -> Query:
    """The newest creation time in a dataset that can be true: column `reach`.

    A row created later than the publication that shows it cannot be true. Counted in, one such
    row would make every day before it look published to its end.

    Args:
        dataset_id: The dataset.
        until: When it was published, naive local time; what is later is passed over.
        created_field: The column of the request's creation time.
    """
    return Query(
        dataset_id,
        (
            ("select", f"max({created_field}) AS reach"),
            ("where", f"{created_field} <= {_text(_floating(until))}"),
        ),
    )


def rows_without_day_queries(
    dataset_id: str, first: date, until: datetime, *, created_field: str = "created_date"
) -> tuple[Query, ...]:
    """The rows that belong to no request day: column `row_count` of each, to be added up.

    Three queries and not one with OR, so that the embedded feed looks at few days for each.

    Args:
        dataset_id: The dataset.
        first: First request day that the dataset holds.
        until: Last moment at which a row of it can have been created, naive local time.
        created_field: The column of the request's creation time.
    """
    conditions = (
        f"{created_field} IS NULL",
        f"{created_field} < {_text(floating_timestamp(first))}",
        f"{created_field} > {_text(_floating(until))}",
    )
    return tuple(
        Query(dataset_id, (("select", "count(*) AS row_count"), ("where", condition)))
        for condition in conditions
    )
