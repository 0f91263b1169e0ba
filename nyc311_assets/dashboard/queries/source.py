"""What a query is asked of: anything that answers SQL over the tables of a lakehouse."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Protocol

import pyarrow as pa

Value = str | int | float | bool | date | datetime | None
Parameter = Value | Sequence[Value]


@dataclass(frozen=True, slots=True)
class Version:
    """A version of one table.

    Attributes:
        number: Its number in the table's log.
        table_id: The table's own id, if it is told: one that was removed and made again starts at
            0 anew.
        written_at: When it was written, UTC.
    """

    number: int
    table_id: str
    written_at: datetime


class Source(Protocol):
    """Answers SQL over Delta tables; `Lakehouse` does, and `Reader`, which remembers answers."""

    def exists(self, table: str) -> bool:
        """Whether there is such a table; `layer.table`."""
        ...

    def version(self, table: str) -> Version:
        """The version of a table that answers are of."""
        ...

    def query(
        self,
        sql: str,
        tables: Mapping[str, str],
        parameters: Mapping[str, Parameter] | None = None,
    ) -> pa.Table:
        """The answer to a query; see `Lakehouse.query`."""
        ...


class Tables(Source, Protocol):
    """A lakehouse that answers for any of the last two versions of its tables."""

    def last_version(self, table: str) -> Version | None:
        """The newest version that was found so far, without looking."""
        ...

    def query(
        self,
        sql: str,
        tables: Mapping[str, str],
        parameters: Mapping[str, Parameter] | None = None,
        *,
        versions: Mapping[str, Version] | None = None,
    ) -> pa.Table:
        """The answer to a query; see `Lakehouse.query`."""
        ...


def rows(table: pa.Table) -> list[dict[str, Any]]:
    """The rows of an answer."""
    return list(table.to_pylist())
