"""The borough of a request, and how it was found.

The source names the borough of nearly every request. Where it does not, other columns may: the
community board, then the ZIP code, then the coordinates. How often each alone gives the borough
that the source names, over the real rows with a named borough (2013 to 2026, seven of ten from
2026), of those that have the column:

===============  ======  ====================  =========
way              n       right when decided    undecided
===============  ======  ====================  =========
community board  18,260  100.000 %             1.407 %
ZIP code         67,592   99.997 %             1.469 %
coordinates      67,102   99.964 %             0.341 %
all, in order    68,213   99.999 %             0.484 %
===============  ======  ====================  =========

Undecided are mostly the places that the source itself names both ways (`new_york_places`), and
points on piers and bridges. Rows without a named borough rarely have a place at all: of 108 in the
same files, 2 could be found; of 8,000 rows of 2010 to 2018 published without the column, 7,433.
test_places.py measures again and logs the figures (coordinates on a fifth of the points).
"""

from __future__ import annotations

import json

from pyspark.sql import Column
from pyspark.sql import functions as F

from nyc311_assets.pipeline.cities import City, load_boundaries
from nyc311_assets.pipeline.cities.boundaries import BAND_UNITS, UNITS_PER_DEGREE
from nyc311_assets.pipeline.contracts.rules import UNSPECIFIED
from nyc311_assets.pipeline.vocabulary import looked_up, one_line

_LONGEST = 2**31 - 1
_BOARD = r"^\s*(?:0*(\d{1,2})|UNSPECIFIED)\s+(\S.*?)\s*$"
_ZIP = r"^\s*(\d{5})(?:\s*-?\s*\d{4})?\s*$"


def borough_of(
    city: City,
    *,
    borough: Column,
    incident_zip: Column,
    community_board: Column,
    latitude: Column,
    longitude: Column,
) -> tuple[Column, Column]:
    """The canonical borough of a request and how it was found.

    A named borough is trusted first, then the community board, the ZIP code and the coordinates.
    Spark evaluates each only where those before it told nothing.

    Args:
        city: Whose boroughs they are.
        borough: As the source has it, a string.
        incident_zip: A string; ZIP+4 and stray blanks are understood.
        community_board: A string such as "12 MANHATTAN", "Unspecified BRONX" or "0 Unspecified".
        latitude: In degrees north (WGS 84), a number or its text.
        longitude: In degrees east, a number or its text.

    Returns:
        Two columns of strings, never null. The borough: in upper case; UNSPECIFIED where nothing
        tells; a name that is no borough of the city comes through, for a rule to reject. The way:
        source, community_board, zip, coordinates or none.
    """
    text = F.upper(one_line(borough))
    ways = {
        "source": F.when(text != UNSPECIFIED, text),
        "community_board": by_community_board(city, community_board),
        "zip": by_zip(city, incident_zip),
        "coordinates": by_coordinates(city, latitude, longitude),
        "none": F.lit(UNSPECIFIED),
    }
    # A digit before the borough tells the way, so that both columns come from one expression, which
    # has each way once and which Spark can share between them; a digit before null is null.
    names = dict(enumerate(ways))
    found = F.coalesce(*(F.concat(F.lit(str(digit)), ways[way]) for digit, way in names.items()))
    return F.substring(found, 2, _LONGEST), looked_up(names, F.left(found, F.lit(1)).cast("int"))


def by_community_board(city: City, community_board: Column) -> Column:
    """The borough that a community board's name ends in; null where it names none or serves two."""
    board = F.upper(community_board)
    name = F.regexp_extract(board, _BOARD, 2)
    number = F.regexp_extract(board, _BOARD, 1)
    shared = F.concat_ws(" ", number, name).isin(*city.borough_clues.shared_boards)
    return F.when(name.isin(*city.boroughs) & ~shared, name)


def by_zip(city: City, incident_zip: Column) -> Column:
    """The borough that a ZIP code lies in; null for none, another city's, or one in two boroughs."""
    clues = city.borough_clues
    code = F.regexp_extract(incident_zip, _ZIP, 1)
    undecided = [zip_code for zip_code, borough in clues.zip_codes.items() if borough is None]
    decided = {zip_code: borough for zip_code, borough in clues.zip_codes.items() if borough}
    return F.when(
        ~code.isin(*undecided),
        F.coalesce(looked_up(decided, code), looked_up(clues.zip_prefixes, F.left(code, F.lit(3)))),
    )


def by_coordinates(city: City, latitude: Column, longitude: Column) -> Column:
    """The borough whose simplified boundary is around a point; null outside them all, or in two.

    Counts, for each borough, its edges that a ray to the east crosses; an odd number is inside.
    """
    boundaries = load_boundaries(city)
    north, east = latitude.try_cast("double"), longitude.try_cast("double")
    y = (north - boundaries.south) * UNITS_PER_DEGREE
    x = (east - boundaries.west) * UNITS_PER_DEGREE
    # Thousands of numbers in the plan would take longer to plan than the few rows that come here
    # take to read their band from a string.
    bands = F.array(
        *(F.lit(json.dumps(edges, separators=(",", ":"))) for edges in boundaries.bands)
    )
    band = F.get(bands, F.floor(y / BAND_UNITS).cast("int"))
    edges = F.from_json(band, "array<array<int>>")
    inside = F.aggregate(
        edges,
        F.lit(0),
        lambda bits, edge: F.when(_crosses(x, y, edge), bits.bitwiseXOR(edge.getItem(0))).otherwise(
            bits
        ),
    )
    names = {1 << number: name for number, name in enumerate(boundaries.boroughs)}
    in_the_box = north.between(boundaries.south, boundaries.north) & east.between(
        boundaries.west, boundaries.east
    )
    return F.when(in_the_box, looked_up(names, inside))


def _crosses(x: Column, y: Column, edge: Column) -> Column:
    """Whether a ray from the point to the east crosses an edge that is not horizontal."""
    x1, y1, x2, y2 = (edge.getItem(position) for position in range(1, 5))
    return ((y1 > y) != (y2 > y)) & (x < (x2 - x1) * (y - y1) / (y2 - y1) + x1)
