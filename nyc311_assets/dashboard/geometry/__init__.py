"""The outlines that the map draws: boroughs and community districts, from files of the package."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from typing import Any

DISTRICTS_FILE = "new_york_districts.json"
_BOROUGHS = ("nyc311_assets.pipeline.cities", "new_york_boroughs.json")
# A degree of longitude is this much shorter than one of latitude in the middle of the city.
_LONGITUDE_SCALE = math.cos(math.radians(40.7))


@cache
def borough_shapes() -> tuple[Mapping[str, Any], ...]:
    """The five boroughs as GeoJSON features whose `id` is the borough in capitals.

    Longitudes are scaled by the cosine of the city's latitude, so that the plane that they are
    drawn in needs no projection.
    """
    package, name = _BOROUGHS
    return tuple(_shape(each["properties"]["borough"], each) for each in _features(package, name))


@cache
def district_shapes() -> tuple[Mapping[str, Any], ...]:
    """The 59 community districts, scaled in the same way; `id` as in silver, "03 BROOKLYN"."""
    return tuple(
        _shape(each["properties"]["district"], each)
        for each in _features(str(__package__), DISTRICTS_FILE)
    )


def _features(package: str, name: str) -> list[dict[str, Any]]:
    rows = json.loads((files(package) / name).read_text(encoding="utf-8"))["features"]
    return list(rows)


def _shape(name: str, feature: Mapping[str, Any]) -> Mapping[str, Any]:
    polygons = [
        [[[x * _LONGITUDE_SCALE, y] for x, y in ring] for ring in polygon]
        for polygon in feature["geometry"]["coordinates"]
    ]
    return {
        "type": "Feature",
        "id": name,
        "properties": {"place": name},
        "geometry": {"type": "MultiPolygon", "coordinates": polygons},
    }
