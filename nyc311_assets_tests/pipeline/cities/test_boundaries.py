"""The borough boundaries as they are read from the package."""

from __future__ import annotations

from dataclasses import replace
from importlib.resources import files

import pytest

from nyc311_assets.pipeline.cities import NEW_YORK, load_boundaries
from nyc311_assets.pipeline.cities.boundaries import BAND_UNITS, UNITS_PER_DEGREE, BoundariesError

FILE = files("nyc311_assets.pipeline.cities") / NEW_YORK.borough_clues.boundaries_file


def test_the_file_is_small_and_names_its_source_and_licence() -> None:
    text = FILE.read_text(encoding="utf-8")
    assert len(text) < 25_000
    for member in ('"source": "Borough Boundaries', '"licence": ', '"method": '):
        assert member in text


def test_the_boundaries_are_those_of_the_city() -> None:
    boundaries = load_boundaries(NEW_YORK)
    assert boundaries.boroughs == NEW_YORK.boroughs
    assert (boundaries.west, boundaries.south) == pytest.approx((-74.2556, 40.4961), abs=0.002)
    assert (boundaries.east, boundaries.north) == pytest.approx((-73.7000, 40.9155), abs=0.002)
    bits = {edge[0] for band in boundaries.bands for edge in band}
    assert bits == {1, 2, 4, 8, 16}


def test_each_band_has_every_edge_that_touches_it_and_no_other() -> None:
    bands = load_boundaries(NEW_YORK).bands
    edges = {edge for band in bands for edge in band}
    for number, band in enumerate(bands):
        south, north = number * BAND_UNITS, (number + 1) * BAND_UNITS
        assert set(band) == {
            edge
            for edge in edges
            if min(edge[2], edge[4]) < north and max(edge[2], edge[4]) >= south
        }


def test_the_edges_close_around_each_borough() -> None:
    """Across any line of latitude that meets no corner, each borough's edges come in pairs."""
    boundaries = load_boundaries(NEW_YORK)
    height = round((boundaries.north - boundaries.south) * UNITS_PER_DEGREE)
    for row in range(0, height, 7):
        y = row + 0.5
        crossed = [
            edge[0]
            for edge in boundaries.bands[row // BAND_UNITS]
            if (edge[2] > y) != (edge[4] > y)
        ]
        assert all(crossed.count(bit) % 2 == 0 for bit in (1, 2, 4, 8, 16)), y


def test_a_file_without_one_of_the_citys_boroughs_is_refused() -> None:
    with pytest.raises(BoundariesError, match=r"HOBOKEN.*one MultiPolygon feature for each"):
        load_boundaries(replace(NEW_YORK, boroughs=(*NEW_YORK.boroughs, "HOBOKEN")))
