"""The real row files as one table, each row with the name of its file."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import pyarrow as pa

from nyc311_assets.local.feed.files.reading import read_rows


def real_rows(real_data: Path, columns: Iterable[str]) -> pa.Table:
    """The named columns of every file of rows, as text, plus `file`; null where a file has none."""
    tables = []
    for path in sorted([*real_data.glob("rows/**/*.csv"), *real_data.glob("soda_api/*.csv")]):
        if path.name == "INDEX.csv":
            continue
        rows = read_rows(path)
        tables.append(
            pa.table(
                {"file": pa.array([path.stem] * len(rows), pa.string())}
                | {
                    name: (
                        rows[name]
                        if name in rows.column_names
                        else pa.nulls(len(rows), pa.string())
                    )
                    for name in columns
                }
            )
        )
    return pa.concat_tables(tables)
