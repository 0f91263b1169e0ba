"""Simplified borough boundaries, cut into bands of latitude for a quick point-in-polygon test."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from itertools import pairwise
from typing import Any

from nyc311_assets.pipeline.cities.city import City

# Units of a degree; 10000 is about 10 metres of latitude, the precision of the boundary files.
UNITS_PER_DEGREE = 10_000
BAND_UNITS = 100

Edge = tuple[int, int, int, int, int]


class BoundariesError(ValueError):
    """A boundary file does not hold one feature for each borough of its city."""


@dataclass(frozen=True, slots=True, eq=False)
class Boundaries:
    """The edges of a city's borough polygons.

    Attributes:
        west, south, east, north: The box around them, in degrees.
        boroughs: Names; borough number n has the bit 2 ** n.
        bands: For each band of `BAND_UNITS` of latitude, from the south, the edges that touch it:
            the borough's bit and x1, y1, x2, y2 in units east and north of the box's south-west
            corner. No edge is horizontal: none of those is ever crossed by an eastward ray.
    """

    west: float
    south: float
    east: float
    north: float
    boroughs: tuple[str, ...]
    bands: tuple[tuple[Edge, ...], ...]


def load_boundaries(city: City) -> Boundaries:
    """Read a city's boundaries from the package; the second time from memory.

    Raises:
        BoundariesError: The file lacks a borough or has one that the city does not.
    """
    return _load(city.borough_clues.boundaries_file, city.boroughs)


@cache
def _load(file_name: str, boroughs: tuple[str, ...]) -> Boundaries:
    text = (files(__package__) / file_name).read_text(encoding="utf-8")
    polygons = {
        feature["properties"]["borough"]: feature["geometry"]["coordinates"]
        for feature in json.loads(text)["features"]
    }
    if set(polygons) != set(boroughs):
        raise BoundariesError(
            f"{file_name} holds the boroughs {sorted(polygons)}, the city has {sorted(boroughs)}. "
            "Give the file one MultiPolygon feature for each borough, named in its properties."
        )
    return _banded(boroughs, polygons)


def _banded(boroughs: tuple[str, ...], polygons: dict[str, Any]) -> Boundaries:
    rings = [
        (1 << number, [(_units(x), _units(y)) for x, y in ring])
        for number, borough in enumerate(boroughs)
        for polygon in polygons[borough]
        for ring in polygon
    ]
    west, east = _extent([x for _, ring in rings for x, _ in ring])
    south, north = _extent([y for _, ring in rings for _, y in ring])
    bands: list[list[Edge]] = [[] for _ in range((north - south) // BAND_UNITS + 1)]
    for bit, ring in rings:
        for (x1, y1), (x2, y2) in pairwise(ring):
            if y1 == y2:
                continue
            edge = (bit, x1 - west, y1 - south, x2 - west, y2 - south)
            low, high = sorted((edge[2], edge[4]))
            for band in range(low // BAND_UNITS, high // BAND_UNITS + 1):
                bands[band].append(edge)
    return Boundaries(
        west / UNITS_PER_DEGREE,
        south / UNITS_PER_DEGREE,
        east / UNITS_PER_DEGREE,
        north / UNITS_PER_DEGREE,
        boroughs,
        tuple(tuple(band) for band in bands),
    )


def _units(degrees: float) -> int:
    return round(degrees * UNITS_PER_DEGREE)


def _extent(values: list[int]) -> tuple[int, int]:
    return min(values), max(values)
