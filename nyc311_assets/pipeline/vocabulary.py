"""Canonical complaint types, whatever a type was called when the request came in."""

from __future__ import annotations

from collections.abc import Mapping
from functools import reduce
from itertools import chain

from pyspark.sql import Column
from pyspark.sql import functions as F

from nyc311_assets.pipeline.cities import City

_UNTIDY = ("  ", "\t", "\n", "\r", "\u00a0")


def one_line(text: Column) -> Column:
    """The text without outer white space and with single blanks inside; null for a blank one."""
    # A regexp on each of millions of values is dear, and next to none of them needs it.
    untidy = reduce(lambda left, right: left | right, (text.contains(part) for part in _UNTIDY))
    squeezed = F.when(untidy, F.regexp_replace(text, r"[\s\u00a0]+", " ")).otherwise(text)
    return F.nullif(F.trim(squeezed), F.lit(""))


def canonical_type(city: City, raw: Column, agency: Column) -> Column:
    """Today's name of a complaint type.

    Args:
        city: Whose vocabulary it is.
        raw: The type as the source has it.
        agency: The agency's code; some names are a rename at one agency and another kind of
            request at the next.

    Returns:
        Strings: the type on one line, under today's name where it was renamed; types that the
        city's table does not know, or that are retired, as they are; null for a blank one.
    """
    types = city.complaint_types
    line = one_line(raw)
    at_agency = [
        F.when(agency == code, looked_up(renamed, line))
        for code, renamed in types.renamed_at.items()
    ]
    return F.coalesce(*at_agency, looked_up(types.renamed, line), line)


def looked_up(table: Mapping[str, str] | Mapping[int, str], key: Column) -> Column:
    """The table's value for a key, by one map literal; null for a key that it does not have."""
    if not table:
        return F.lit(None).cast("string")
    literals = (F.lit(part) for part in chain.from_iterable(table.items()))
    return F.try_element_at(F.create_map(*literals), key)
