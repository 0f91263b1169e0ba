"""The outlines that the map draws."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Mapping
from importlib.resources import files
from itertools import combinations, pairwise
from typing import Any

import numpy as np
import pytest

from nyc311_assets.dashboard.geometry import DISTRICTS_FILE, borough_shapes, district_shapes
from nyc311_assets.pipeline.cities import NEW_YORK

# Boards of each borough.
BOARDS = {"BRONX": 12, "BROOKLYN": 18, "MANHATTAN": 12, "QUEENS": 14, "STATEN ISLAND": 3}

Point = tuple[float, float]
Shape = Mapping[str, Any]


def rings(shape: Shape) -> Iterator[list[Point]]:
    for polygon in shape["geometry"]["coordinates"]:
        for ring in polygon:
            yield [(x, y) for x, y in ring]


def edges(shape: Shape) -> list[tuple[Point, Point]]:
    return [edge for ring in rings(shape) for edge in pairwise(ring) if edge[0] != edge[1]]


def area(shape: Shape) -> float:
    """Square degrees, holes taken off: an outline runs against a hole's way."""
    return abs(sum((x1 * y2 - x2 * y1) / 2 for (x1, y1), (x2, y2) in edges(shape)))


def inside(shape: Shape, xs: np.ndarray, ys: np.ndarray) -> np.ndarray:
    """Whether points are inside, by the even-odd rule."""
    odd = np.zeros(xs.shape, dtype=bool)
    for (x1, y1), (x2, y2) in edges(shape):
        if y1 != y2:
            crosses = ((y1 > ys) != (y2 > ys)) & (xs < (x2 - x1) * (ys - y1) / (y2 - y1) + x1)
            odd ^= crosses
    return odd


def crossing(one: tuple[Point, Point], other: tuple[Point, Point]) -> bool:
    """Whether two edges cross at a point that is an end of neither."""

    def side(a: Point, b: Point, c: Point) -> float:
        return (b[0] - a[0]) * (c[1] - a[1]) - (b[1] - a[1]) * (c[0] - a[0])

    (a, b), (c, d) = one, other
    return side(a, b, c) * side(a, b, d) < -1e-24 and side(c, d, a) * side(c, d, b) < -1e-24


def scaled(latitude: float, longitude: float) -> Point:
    return longitude * math.cos(math.radians(40.7)), latitude


def test_there_are_59_districts_named_as_in_the_source() -> None:
    expected = {f"{n:02d} {name}" for name, count in BOARDS.items() for n in range(1, count + 1)}
    assert {shape["id"] for shape in district_shapes()} == expected
    assert len(district_shapes()) == 59


def test_the_boroughs_are_the_citys() -> None:
    assert [shape["id"] for shape in borough_shapes()] == list(NEW_YORK.boroughs)


@pytest.mark.parametrize("shapes", [borough_shapes, district_shapes])
def test_every_outline_is_closed_and_crosses_nothing(shapes: Any) -> None:
    for shape in shapes():
        for ring in rings(shape):
            assert ring[0] == ring[-1]
            assert len(set(ring)) >= 3
        own = edges(shape)
        bad = [pair for pair in combinations(own, 2) if crossing(*pair)]
        assert not bad, (shape["id"], bad[:2])


def test_districts_share_their_borders_and_do_not_overlap() -> None:
    shapes = district_shapes()
    times = Counter(frozenset(edge) for shape in shapes for edge in edges(shape))
    directed = Counter(edge for shape in shapes for edge in edges(shape))
    # A common border is one run of edges, walked once in each direction.
    assert set(times.values()) == {1, 2}
    assert set(directed.values()) == {1}
    assert sum(count == 2 for count in times.values()) > 300
    xs, ys = np.meshgrid(np.linspace(-56.31, -55.86, 150), np.linspace(40.49, 40.92, 150))
    holding = np.sum([inside(shape, xs, ys) for shape in shapes], axis=0)
    assert holding.max() == 1
    box = (xs.max() - xs.min()) * (ys.max() - ys.min())
    assert (holding == 1).mean() * box == pytest.approx(sum(map(area, shapes)), rel=0.03)


def test_the_districts_are_about_as_large_as_the_boroughs() -> None:
    """The boroughs hold parks and airports, too, that are in no district."""
    whole = {shape["id"]: area(shape) for shape in borough_shapes()}
    for borough, size in whole.items():
        districts = sum(
            area(each) for each in district_shapes() if str(each["id"]).endswith(f" {borough}")
        )
        assert 0.80 < districts / size < 1.03, borough


@pytest.mark.parametrize(
    ("place", "latitude", "longitude", "district"),
    [
        ("City Hall", 40.7128, -74.0060, "01 MANHATTAN"),
        ("Times Square", 40.7580, -73.9855, "05 MANHATTAN"),
        ("Coney Island", 40.5755, -73.9870, "13 BROOKLYN"),
        ("Flushing Main Street", 40.7596, -73.8301, "07 QUEENS"),
        ("Yankee Stadium", 40.8296, -73.9262, "04 BRONX"),
        ("St. George ferry", 40.6437, -74.0765, "01 STATEN ISLAND"),
    ],
)
def test_a_known_place_is_in_its_district(
    place: str, latitude: float, longitude: float, district: str
) -> None:
    x, y = scaled(latitude, longitude)
    found = [s["id"] for s in district_shapes() if inside(s, np.array([x]), np.array([y]))[0]]
    assert found == [district], place


def test_the_file_is_small_and_names_its_source_and_licence() -> None:
    text = (files("nyc311_assets.dashboard.geometry") / DISTRICTS_FILE).read_text("utf-8")
    assert len(text) < 70_000
    for member in ('"source": "Community Districts', '"licence": ', '"method": '):
        assert member in text
