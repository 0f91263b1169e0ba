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
ORDER BY days.request_date
"""


@dataclass(frozen=True, slots=True)
class DayLine:
    """One request date, by the newest pull of it that silver has merged.

    Attributes:
        request_date: The local day.
        source: Rows that the source counted itself.
        bronze: Rows that landed.
        silver: Current requests in silver.requests.
        rejects: Rows that break the contract.
        duplicates: Further copies of a request in the pull.
    """

    request_date: date
    source: int
    bronze: int
    silver: int
    rejects: int
    duplicates: int

    @property
    def adds_up(self) -> bool:
        """Whether every row of the source is in exactly one place."""
        return self.source == self.bronze == self.silver + self.rejects + self.duplicates

    def __str__(self) -> str:
        sign = "=" if self.adds_up else "≠"
        return (
            f"{self.request_date}  source {self.source:,} {sign} bronze {self.bronze:,} {sign} "
            f"silver {self.silver:,} + rejects {self.rejects:,} + duplicates {self.duplicates:,}"
        )


def day_lines(lakehouse: Path) -> tuple[DayLine, ...]:
    """The account of every request date that silver has merged, oldest first.

    Counts what is published now, without Spark.

    Args:
        lakehouse: Root of a lakehouse of folders.
    """
    tables = {name: lakehouse / "silver" / name for name in ("days", "requests")}
    if not all(DeltaTable.is_deltatable(str(path)) for path in tables.values()):
        return ()
    builder = QueryBuilder()
    for name, path in tables.items():
        builder = builder.register(name, DeltaTable(str(path)))
    rows = pa.table(builder.execute(_QUERY).read_all()).to_pylist()
    return tuple(DayLine(*row.values()) for row in rows)
