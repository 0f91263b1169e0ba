"""Where the rows of each day are: source = bronze = silver + rejects + duplicates."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from pathlib import Path

import pyarrow as pa
from deltalake import DeltaTable, QueryBuilder

_QUERY = """
SELECT days.request_date, rows_at_source, rows_in_bronze, coalesce(counted.requests, 0) AS requests,
       rejects, duplicates
FROM days
LEFT JOIN (
    SELECT request_date, count(*) AS requests FROM requests WHERE is_current GROUP BY request_date
) AS counted ON counted.request_date = days.request_date
"""
_NOT_IN_SILVER = """
SELECT request_date, rows_expected, rows_landed, held_back
FROM (
    SELECT *, row_number() OVER (
        PARTITION BY request_date ORDER BY ingested_at DESC, batch_id DESC
    ) AS age FROM batches
)
WHERE age = 1 AND request_date NOT IN (SELECT request_date FROM days)
"""


@dataclass(frozen=True, slots=True)
class DayLine:
    """One request date, by the newest pull of it that silver has merged, else by the newest one.

    Attributes:
        request_date: The local day.
        source: Rows that the source counted itself.
        bronze: Rows that landed.
        silver: Current requests in silver.requests.
        rejects: Rows that break the contract.
        duplicates: Further copies of a request in the pull, and requests that stand on another day.
        left_out: Why silver has no pull of the day; None if it has one.
    """

    request_date: date
    source: int
    bronze: int
    silver: int
    rejects: int
    duplicates: int
    left_out: str | None = None

    @property
    def adds_up(self) -> bool:
        """Whether every row of the source is in exactly one place."""
        return self.source == self.bronze == self._accounted

    @property
    def _accounted(self) -> int:
        return self.silver + self.rejects + self.duplicates

    def __str__(self) -> str:
        def sign(is_equal: bool) -> str:
            return "=" if is_equal else "≠"

        line = (
            f"{self.request_date}  source {self.source:,} {sign(self.source == self.bronze)} "
            f"bronze {self.bronze:,} {sign(self.bronze == self._accounted)} "
            f"silver {self.silver:,} + rejects {self.rejects:,} + duplicates {self.duplicates:,}"
        )
        return line if self.left_out is None else f"{line}: {self.left_out}"


def day_lines(lakehouse: Path) -> tuple[DayLine, ...]:
    """The account of every request date that was pulled, oldest first.

    Counts what is published now, without Spark.

    Args:
        lakehouse: Root of a lakehouse of folders.
    """
    tables = {name: lakehouse / "silver" / name for name in ("days", "requests")}
    tables["batches"] = lakehouse / "bronze" / "batches"
    if not all(DeltaTable.is_deltatable(str(path)) for path in tables.values()):
        return ()
    builder = QueryBuilder()
    for name, path in tables.items():
        builder = builder.register(name, DeltaTable(str(path)))
    rows = pa.table(builder.execute(_QUERY).read_all()).to_pylist()
    lines = [DayLine(*row.values()) for row in rows]
    for row in pa.table(builder.execute(_NOT_IN_SILVER).read_all()).to_pylist():
        day, source, bronze, held_back = row.values()
        lines.append(
            DayLine(day, source, bronze, 0, 0, 0, _why_left_out(source, bronze, held_back))
        )
    return tuple(sorted(lines, key=lambda line: line.request_date))


def _why_left_out(source: int, bronze: int, held_back: str | None) -> str:
    if held_back is not None:
        return f"held back, {held_back}"
    if source == 0:
        return "the source has no row of it"
    return "not merged yet" if source == bronze else "kept out until a pull brings what is counted"
