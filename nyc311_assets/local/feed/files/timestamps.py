"""Timestamps in files: ISO or American, with or without a zone, to New York wall time."""

from __future__ import annotations

from typing import Literal

import pyarrow as pa
import pyarrow.compute as pc

from nyc311_assets.local.feed.files.errors import RowFileError
from nyc311_assets.local.feed.rows import FLOATING_TIMESTAMP
from nyc311_assets.pipeline.cities import NEW_YORK

ZoneSuffix = Literal["auto", "utc", "local"]

_ISO = r"^\d{4}-\d{2}-\d{2}(?:[T ]\d{2}:\d{2}(?::\d{2}(?:\.\d{1,9})?)?)?$"
_ISO_DATE = r"^\d{4}-\d{2}-\d{2}$"
_AMERICAN = r"^\d{1,2}/\d{1,2}/\d{4} \d{1,2}:\d{2}:\d{2} [AaPp][Mm]$"
_AMERICAN_24_HOURS = r"^\d{1,2}/\d{1,2}/\d{4} \d{1,2}:\d{2}(?::\d{2})?$"
_AMERICAN_DATE = r"^\d{1,2}/\d{1,2}/\d{4}$"
_FRACTION_BEYOND_MILLISECONDS = r"(\.\d{3})\d+$"
_ZONE_Z = "Z"
_ZONE_WORD = " UTC"


def wall_time(text: pa.Array, zone_suffix: ZoneSuffix, place: str) -> pa.Array:
    """Read a column of timestamps as New York wall time.

    Args:
        text: The column as it stands in the file; null stays null.
        zone_suffix: What a written zone means. "utc": the time is UTC and is converted; "local":
            it is wall time and the zone is wrong. "auto": a `Z` is believed and ` UTC`, which
            BigQuery writes after a time that has no zone, is not.
        place: File and column, for the error.

    Raises:
        RowFileError: Some values are in no known form.
    """
    text = pc.utf8_trim_whitespace(text)
    ends_in_z = pc.ends_with(text, _ZONE_Z)
    ends_in_word = pc.ends_with(text, _ZONE_WORD)
    bare = pc.utf8_rtrim(pc.if_else(ends_in_word, pc.utf8_rtrim(text, "UTC"), text), " Z")
    moments = _read(bare)
    unread = pc.and_(pc.is_valid(text), pc.is_null(moments))
    if pc.any(unread).as_py():
        odd = text.filter(unread)
        raise RowFileError(
            f"{place}: {len(odd)} values are no timestamps in a known form, such as "
            f"{odd[0].as_py()!r}. Known are 2026-02-18T02:25:16.000 and 02/18/2026 02:25:16 AM."
        )
    is_utc = ends_in_z if zone_suffix == "auto" else pc.or_(ends_in_z, ends_in_word)
    if zone_suffix == "local" or not pc.any(is_utc).as_py():
        return moments
    return pc.if_else(is_utc, _from_utc(moments), moments)


def _from_utc(moments: pa.Array) -> pa.Array:
    aware = pc.assume_timezone(moments, "UTC").cast(pa.timestamp("ms", NEW_YORK.time_zone.key))
    return pc.local_timestamp(aware)


def _read(text: pa.Array) -> pa.Array:
    moments = pa.nulls(len(text), FLOATING_TIMESTAMP)
    iso = pc.replace_substring_regex(text, _FRACTION_BEYOND_MILLISECONDS, r"\1")
    is_date = pc.match_substring_regex(iso, _ISO_DATE)
    iso = pc.if_else(is_date, pc.binary_join_element_wise(iso, "T00:00:00", ""), iso)
    moments = _where(text, _ISO, iso, moments, None)
    moments = _where(text, _AMERICAN, text, moments, "%m/%d/%Y %I:%M:%S %p")
    with_seconds = pc.if_else(
        pc.match_substring_regex(text, r" \d{1,2}:\d{2}$"),
        pc.binary_join_element_wise(text, ":00", ""),
        text,
    )
    moments = _where(text, _AMERICAN_24_HOURS, with_seconds, moments, "%m/%d/%Y %H:%M:%S")
    return _where(text, _AMERICAN_DATE, text, moments, "%m/%d/%Y")


def _where(
    text: pa.Array, pattern: str, readable: pa.Array, moments: pa.Array, form: str | None
) -> pa.Array:
    """Fill in the moments of those values that are of one form."""
    matches = pc.fill_null(pc.match_substring_regex(text, pattern), False)
    if not pc.any(matches).as_py():
        return moments
    candidates = pc.if_else(matches, readable, None)
    if form is None:
        read = candidates.cast(FLOATING_TIMESTAMP)
    else:
        read = pc.strptime(candidates, format=form, unit="ms", error_is_null=True)
    return pc.coalesce(moments, read)
