"""`nyc311 tables`: how the tables of a lakehouse of folders stand, read without Spark."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute
from deltalake import DeltaTable, QueryBuilder
from rich.console import Console
from rich.filesize import decimal

from nyc311_assets.cli.errors import WrongUse
from nyc311_assets.cli.formats import local_time, page_of
from nyc311_assets.pipeline.catalog import OPERATIONS, layers
from nyc311_assets.pipeline.cities import NEW_YORK
from nyc311_assets.pipeline.tables import Lakehouse
from nyc311_assets.pipeline.versions import History, Version, retention_of, version_of
from nyc311_assets.settings import Settings


@dataclass(frozen=True, slots=True)
class Standing:
    """One table.

    Attributes:
        table: `layer.table`.
        rows: Its rows.
        files: Its data files.
        size_bytes: Their size.
        versions: Versions in the log.
        oldest_at: When the oldest version was written that can be restored for certain.
    """

    table: str
    rows: int
    files: int
    size_bytes: int
    versions: int
    oldest_at: datetime


def read_standing(lakehouse: Path, name: str, *, now: datetime) -> Standing | None:
    """How a table stands; None if it has not been created.

    Args:
        lakehouse: Root of the tables.
        name: `layer.table`.
        now: The present time, aware.
    """
    path = Lakehouse(str(lakehouse)).path(name)
    if not DeltaTable.is_deltatable(path):
        return None
    table = DeltaTable(path)
    counted = QueryBuilder().register("counted", table).execute("SELECT count(*) FROM counted")
    rows = int(pa.table(counted.read_all()).column(0)[0].as_py())
    files = pa.table(table.get_add_actions(flatten=True))
    history = History(
        tuple(_version(commit) for commit in table.history()),
        retention_of(table.metadata().configuration),
        now,
    )
    return Standing(
        table=name,
        rows=rows,
        files=files.num_rows,
        size_bytes=pyarrow.compute.sum(files.column("size_bytes")).as_py() or 0,
        versions=len(history.versions),
        oldest_at=history.oldest.written_at,
    )


def _version(commit: dict[str, Any]) -> Version:
    return version_of(
        commit["version"],
        datetime.fromtimestamp(commit["timestamp"] / 1000, UTC),
        commit["operation"],
        commit.get("operationMetrics") or {},
        commit.get("operationParameters") or {},
    )


def show_tables(console: Console, settings: Settings) -> None:
    """Show all tables of a lakehouse of folders, read without Spark.

    Raises:
        WrongUse: The tables are in a catalog.
    """
    if settings.catalog:
        raise WrongUse(
            f"The tables are in the catalog {settings.catalog}, which only its cluster can read: "
            "`nyc311 maintain --dry-run` shows the same."
        )
    now = datetime.now(UTC)
    standings = list(
        filter(
            None,
            (
                read_standing(settings.lakehouse_path, contract.name, now=now)
                for contract in (
                    *(each for layer in layers(NEW_YORK) for each in layer.contracts),
                    *OPERATIONS,
                )
            ),
        )
    )
    if not standings:
        console.print(
            f"There are no tables in {settings.lakehouse_path} yet: `nyc311 demo` makes some."
        )
        return
    page = page_of("table", "rows", "files", "size", "versions", "restorable since")
    for standing in standings:
        page.add_row(*_row(standing))
    console.print(page)
    console.print(f"Tables: {settings.lakehouse_path}", highlight=False, soft_wrap=True)


def _row(standing: Standing) -> Sequence[str]:
    return (
        standing.table,
        f"{standing.rows:,}",
        f"{standing.files:,}",
        decimal(standing.size_bytes),
        f"{standing.versions:,}",
        local_time(standing.oldest_at.isoformat())[: len("2026-01-01 00:00")],
    )
