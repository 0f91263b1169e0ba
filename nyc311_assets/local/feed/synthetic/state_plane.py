"""New York's state plane coordinates (Long Island zone, EPSG:2263) from degrees."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]

_SEMI_MAJOR_METRES = 6_378_137.0
_FLATTENING = 1 / 298.257222101
_FEET_PER_METRE = 3937 / 1200
_FALSE_EASTING_METRES = 300_000.0
_PARALLELS = (41 + 2 / 60, 40 + 40 / 60)
_ORIGIN = (40 + 10 / 60, -74.0)
_ECCENTRICITY = np.sqrt(2 * _FLATTENING - _FLATTENING**2)


def _m(latitude: Floats) -> Floats:
    found: Floats = np.cos(latitude) / np.sqrt(1 - (_ECCENTRICITY * np.sin(latitude)) ** 2)
    return found


def _t(latitude: Floats) -> Floats:
    along = _ECCENTRICITY * np.sin(latitude)
    found: Floats = np.tan(np.pi / 4 - latitude / 2) / ((1 - along) / (1 + along)) ** (
        _ECCENTRICITY / 2
    )
    return found


def state_plane_feet(latitude: Floats, longitude: Floats) -> tuple[Floats, Floats]:
    """Easting and northing in US survey feet, of degrees (Snyder 1987, Lambert conformal conic)."""
    first, second = (np.radians(np.array([parallel])) for parallel in _PARALLELS)
    n = np.log(_m(first) / _m(second)) / np.log(_t(first) / _t(second))
    scale = _SEMI_MAJOR_METRES * _m(first) / (n * _t(first) ** n)
    radius = scale * _t(np.radians(latitude)) ** n
    origin = scale * _t(np.radians(np.array([_ORIGIN[0]]))) ** n
    angle = n * np.radians(longitude - _ORIGIN[1])
    x = (_FALSE_EASTING_METRES + radius * np.sin(angle)) * _FEET_PER_METRE
    y = (origin - radius * np.cos(angle)) * _FEET_PER_METRE
    return x, y
