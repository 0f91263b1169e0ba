"""Text columns of files in the form in which rows are kept."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from nyc311_assets.local.feed.files.errors import RowFileError
from nyc311_assets.local.feed.files.timestamps import ZoneSuffix, wall_time
from nyc311_assets.local.feed.rows import FIELD_TYPES

_NUMBER = r"^-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?$"
_LONGITUDE_FIRST = r"(?s)^[^(\[]*(?:POINT \(|\[)(?P<x>-?[\d.eE+-]+)[ ,]+(?P<y>-?[\d.eE+-]+)[)\]]"
_LATITUDE_FIRST = r"(?s)^[^(]*\((?P<y>-?[\d.eE+-]+), *(?P<x>-?[\d.eE+-]+)\)"
# The portal's points have twelve decimals, its latitudes and longitudes more.
_POINT_DECIMALS = 12


def typed(table: pa.Table, zone_suffix: ZoneSuffix, file: str) -> pa.Table:
    """A file's text columns in their storage types.

    Raises:
        RowFileError: A value that its column cannot hold, or a row without its key or date.
    """
    columns: dict[str, pa.Array] = {}
    for name in table.column_names:
        text = table[name].combine_chunks()
        place = f"{file}, column {name}"
        column_type = FIELD_TYPES[name]
        if column_type == "floating_timestamp":
            columns[name] = wall_time(text, zone_suffix, place)
        elif column_type == "number":
            columns[name] = _numbers(text, place)
        else:
            columns[name] = _points(text, place) if column_type == "point" else text
    for name in ("unique_key", "created_date"):
        if columns[name].null_count:
            raise RowFileError(
                f"{file}: {columns[name].null_count} rows have no {name}. Remove them, or "
                "export the file again."
            )
    return pa.table(columns)


def _numbers(text: pa.Array, place: str) -> pa.Array:
    """Numbers stay text, without the thousands commas of older exports."""
    plain = pc.replace_substring(text, ",", "")
    odd = text.filter(pc.invert(pc.match_substring_regex(plain, _NUMBER)))
    if len(odd):
        raise RowFileError(
            f"{place}: {len(odd)} values are no numbers, such as {odd[0].as_py()!r}."
        )
    return plain


def _points(text: pa.Array, place: str) -> pa.Array:
    """GeoJSON, WKT or "(latitude, longitude)" to GeoJSON."""
    first = pc.extract_regex(text, _LONGITUDE_FIRST)
    second = pc.extract_regex(text, _LATITUDE_FIRST)
    rounded = [_rounded(pc.struct_field(second, axis)) for axis in ("x", "y")]
    x, y = (
        pc.coalesce(pc.struct_field(first, axis), rounded[number])
        for number, axis in enumerate(("x", "y"))
    )
    odd = text.filter(pc.and_(pc.is_valid(text), pc.is_null(x)))
    if len(odd):
        raise RowFileError(f"{place}: {len(odd)} values are no points, such as {odd[0].as_py()!r}.")
    return pc.binary_join_element_wise('{"type":"Point","coordinates":[', x, ",", y, "]}", "")


def _rounded(text: pa.Array) -> pa.Array:
    degrees = text.cast(pa.float64()).to_numpy(zero_copy_only=False)
    # Arrow's own rounding multiplies by 1e-12 and leaves a wrong last digit.
    rounded = np.round(degrees, _POINT_DECIMALS)
    return pa.array(rounded, mask=np.isnan(degrees)).cast(pa.string())
