"""One file of rows as a table of text columns by API name."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import orjson
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pa_csv
import pyarrow.parquet as pq

from nyc311_assets.local.feed.files.errors import RowFileError
from nyc311_assets.pipeline.cities import NEW_YORK

SUFFIXES = (".csv", ".json", ".jsonl", ".ndjson", ".parquet")
REQUIRED = ("unique_key", "created_date")

_FIELDS = frozenset(field.name for field in NEW_YORK.fields)
_TIMESTAMPS = tuple(f.name for f in NEW_YORK.fields if f.soda_type == "floating_timestamp")
# Headings of portal exports that are not the API name in other letters.
_HEADINGS = {
    "problem": "complaint_type",
    "problem_formerly_complaint_type": "complaint_type",
    "problem_detail": "descriptor",
    "problem_detail_formerly_descriptor": "descriptor",
    "additional_details": "descriptor_2",
}
# R's way to write that there is no value.
_R_NULL = "NA"


class NoRows(RowFileError):
    """The file's columns are not those of service requests."""


def api_name(heading: str) -> str:
    """A heading in the API's style: "X Coordinate (State Plane)" is x_coordinate_state_plane."""
    name = re.sub(r"[^a-z0-9]+", "_", heading.lower().lstrip("\ufeff")).strip("_")
    return _HEADINGS.get(name, name)


def read_rows(path: Path) -> pa.Table:
    """Read a file's known columns as text; empty cells are null; unknown columns are left out.

    Raises:
        NoRows: It has no unique_key or created_date.
        RowFileError: It cannot be read, or two headings stand for one column.
    """
    try:
        table = _READERS[path.suffix.lower()](path)
    except (OSError, pa.ArrowInvalid, orjson.JSONDecodeError) as error:
        raise RowFileError(f"{path} cannot be read: {error}. Is it whole?") from error
    return _without_r_nulls(table)


def _known_columns(path: Path, headings: Iterable[str]) -> dict[str, str]:
    """Heading -> API name, of the columns that the datasets have."""
    known: dict[str, str] = {}
    for heading in headings:
        name = api_name(heading)
        if name in _FIELDS:
            if name in known.values():
                raise RowFileError(f"{path} has two columns for {name}; leave one of them out.")
            known[heading] = name
    missing = [name for name in REQUIRED if name not in known.values()]
    if missing:
        raise NoRows(
            f"{path} has no column {' and '.join(missing)}, so its lines are no service requests. "
            "Name a portal export, an API page or a Parquet file of them."
        )
    return known


def _read_csv(path: Path) -> pa.Table:
    encoding = _encoding(path)
    with path.open(newline="", encoding=encoding) as file:
        headings = next(csv.reader(file), [])
    known = _known_columns(path, headings)
    table = pa_csv.read_csv(
        path,
        read_options=pa_csv.ReadOptions(encoding=encoding, column_names=headings, skip_rows=1),
        parse_options=pa_csv.ParseOptions(newlines_in_values=True),
        convert_options=pa_csv.ConvertOptions(
            column_types=dict.fromkeys(known, pa.string()),
            include_columns=list(known),
            null_values=[""],
            strings_can_be_null=True,
        ),
    )
    return table.rename_columns([known[heading] for heading in table.column_names])


def _encoding(path: Path) -> str:
    """UTF-8, as the portal writes; Windows' western encoding for what is not valid UTF-8."""
    with path.open(encoding="utf-8", newline="") as file:
        try:
            while file.read(1 << 24):
                pass
        except UnicodeDecodeError:
            return "cp1252"
    return "utf-8"


def _read_json(path: Path) -> pa.Table:
    content = orjson.loads(path.read_bytes())
    if not isinstance(content, list) or not all(isinstance(row, dict) for row in content):
        raise RowFileError(f"{path} is no API page: it is not a JSON array of objects.")
    return _from_objects(path, content)


def _read_json_lines(path: Path) -> pa.Table:
    lines = path.read_bytes().splitlines()
    return _from_objects(path, [orjson.loads(line) for line in lines if line.strip()])


def _from_objects(path: Path, rows: list[Mapping[str, Any]]) -> pa.Table:
    headings = dict.fromkeys(heading for row in rows for heading in row)
    known = _known_columns(path, headings)
    return pa.table(
        {
            name: pa.array([_json_text(row.get(heading)) for row in rows], pa.string())
            for heading, name in known.items()
        }
    )


def _json_text(value: Any) -> str | None:
    if value is None or isinstance(value, str):
        return value
    return orjson.dumps(value).decode()


def _read_parquet(path: Path) -> pa.Table:
    known = _known_columns(path, pq.read_schema(path).names)
    table = pq.read_table(path, columns=list(known))
    flat = [heading for heading in known if not pa.types.is_nested(table[heading].type)]
    return pa.table({known[heading]: table[heading].cast(pa.string()) for heading in flat})


_READERS = {
    ".csv": _read_csv,
    ".json": _read_json,
    ".jsonl": _read_json_lines,
    ".ndjson": _read_json_lines,
    ".parquet": _read_parquet,
}


def _without_r_nulls(table: pa.Table) -> pa.Table:
    """Where a timestamp column has `NA`, R wrote the file, and `NA` is null in all its columns."""
    timestamps = [name for name in _TIMESTAMPS if name in table.column_names]
    if not any(pc.any(pc.equal(table[name], _R_NULL)).as_py() for name in timestamps):
        return table
    return pa.table(
        {
            name: pc.if_else(pc.equal(table[name], _R_NULL), None, table[name])
            for name in table.column_names
        }
    )
