"""The synthetic address book: entries of each kind in each ZIP code.

ZIP codes, their centres and spreads, districts and cities are measured; streets, house numbers
and tax lots are drawn, so that no entry is anybody's address.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from nyc311_assets.local.feed.rows import Codebook
from nyc311_assets.local.feed.synthetic.state_plane import state_plane_feet
from nyc311_assets.pipeline.cities import NEW_YORK

Floats = npt.NDArray[np.float64]

# Entries of each kind in a ZIP code, in the order of the measured kinds.
_ENTRIES = {"ADDRESS": 96, "INTERSECTION": 24, "BLOCKFACE": 10, "UNRECOGNIZED": 2, "PLACENAME": 4}
KIND_SIZES = np.array(list(_ENTRIES.values()), dtype=np.int64)
KIND_STARTS = np.concatenate([[0], np.cumsum(KIND_SIZES)[:-1]])
ENTRIES_PER_ZIP = int(KIND_SIZES.sum())
_WITHOUT_COORDINATES = ("BLOCKFACE", "UNRECOGNIZED")

_STREAM = 21
_NAMES = [
    "ATLANTIC",
    "BEDFORD",
    "BROADWAY",
    "CENTRAL",
    "CHURCH",
    "CLINTON",
    "COLLEGE",
    "CRESCENT",
    "DIVISION",
    "FOREST",
    "FRANKLIN",
    "FULTON",
    "GRAND",
    "GREENE",
    "HIGHLAND",
    "HILLSIDE",
    "HUDSON",
    "JEFFERSON",
    "JEROME",
    "LAFAYETTE",
    "LIBERTY",
    "LINDEN",
    "MADISON",
    "MAIN",
    "MAPLE",
    "MARINE",
    "MYRTLE",
    "NORTHERN",
    "OCEAN",
    "PARK",
    "PROSPECT",
    "RIVER",
    "RIVERDALE",
    "SEAVIEW",
    "SOUTHERN",
    "UNION",
    "VERNON",
    "VICTORY",
    "WASHINGTON",
    "WEBSTER",
    "WILLIAM",
    "WILSON",
    "WOODSIDE",
]
_SUFFIXES = ("STREET", "AVENUE", "PLACE", "ROAD", "BOULEVARD")
# The first digit of a tax lot's number.
_BOROUGH_CODES = {"MANHATTAN": 1, "BRONX": 2, "BROOKLYN": 3, "QUEENS": 4, "STATEN ISLAND": 5}
_OUTSIDE_ZIPS = ("88888", "99999", "07310")
_POINT_DECIMALS = 12
_ZIP_FIELDS = [
    "zip",
    "borough",
    "police",
    "housing",
    "other",
    "latitude",
    "longitude",
    "latitude_spread",
    "longitude_spread",
    "city",
    "community_board",
    "council_district",
    "police_precinct",
]


@dataclass(frozen=True, slots=True)
class AddressBook:
    """Entries that rows point at.

    Attributes:
        codebook: The entries; those of ZIP number z begin at z * ENTRIES_PER_ZIP, kind by kind.
            The last one is unspecified: it says nothing.
        zip_shares: For police, housing and other agencies, and for each borough, the cumulative
            shares of the ZIP codes from `zip_starts` on.
        zip_starts: First ZIP number of each borough.
    """

    codebook: Codebook
    zip_shares: tuple[tuple[Floats, ...], ...]
    zip_starts: tuple[int, ...]

    @property
    def unspecified(self) -> int:
        """The entry that says nothing."""
        return len(self.codebook.columns["borough"]) - 1


def address_book(seed: int, figures: dict[str, Any]) -> AddressBook:
    """Draw the entries; they depend on the seed alone."""
    zips = [dict(zip(_ZIP_FIELDS, record, strict=True)) for record in figures["zips"]]
    zips.sort(key=lambda record: (NEW_YORK.boroughs.index(record["borough"]), record["zip"]))
    in_borough = [
        [number for number, record in enumerate(zips) if record["borough"] == borough]
        for borough in NEW_YORK.boroughs
    ]
    shares = tuple(
        tuple(
            _cumulative([zips[number][group] + 1 for number in numbers]) for numbers in in_borough
        )
        for group in ("police", "housing", "other")
    )
    entries = _entries(np.random.default_rng([seed, _STREAM]), zips, figures["dirt"])
    return AddressBook(Codebook(entries), shares, tuple(numbers[0] for numbers in in_borough))


def _cumulative(weights: list[int]) -> Floats:
    total: Floats = np.cumsum(np.array(weights, dtype=np.float64))
    shares: Floats = total / total[-1]
    return shares


def _entries(
    draw: np.random.Generator, zips: list[dict[str, Any]], dirt: dict[str, float]
) -> dict[str, pa.Array]:
    count = len(zips) * ENTRIES_PER_ZIP
    records = [record for record in zips for _ in range(ENTRIES_PER_ZIP)]
    kinds = [kind for kind, size in _ENTRIES.items() for _ in range(size)] * len(zips)

    def of_zip(field: str) -> list[Any]:
        return [record[field] for record in records]

    is_address = np.array([kind in ("ADDRESS", "UNRECOGNIZED", "PLACENAME") for kind in kinds])
    is_block = np.array([kind == "BLOCKFACE" for kind in kinds])
    located = np.array([kind not in _WITHOUT_COORDINATES for kind in kinds])
    streets, first, second = (_streets(draw, count) for _ in range(3))
    numbers = draw.integers(1, 2500, count)
    lot = [
        f"{_BOROUGH_CODES[record['borough']]}{block:05d}{lot:04d}"
        for record, block, lot in zip(
            records, draw.integers(1, 9999, count), draw.integers(1, 99, count), strict=True
        )
    ]
    zip_codes = np.array(of_zip("zip"), dtype=object)
    outside = draw.random(count) < dirt["zip_outside_city"]
    zip_codes[outside] = draw.choice(np.array(_OUTSIDE_ZIPS, dtype=object), int(outside.sum()))
    cities = np.array(of_zip("city"), dtype=object)
    odd = draw.random(count) < dirt["odd_case_city"]
    cities[odd] = [city.title() if city else None for city in cities[odd]]
    cities[draw.random(count) < dirt["without_city"]] = None
    columns: dict[str, Any] = {
        "incident_zip": zip_codes,
        "incident_address": _where(
            is_address,
            [f"{number} {street}" for number, street in zip(numbers, streets, strict=True)],
            _where(is_block, streets, None),
        ),
        "street_name": _where(is_address | is_block, streets, None),
        "cross_street_1": _where(is_address | is_block, first, None),
        "cross_street_2": _where(is_address | is_block, second, None),
        "intersection_street_1": _where(~is_block, first, None),
        "intersection_street_2": _where(~is_block, second, None),
        "address_type": kinds,
        "city": cities,
        "landmark": _where(is_address, streets, None),
        "community_board": [record["community_board"] or "0 Unspecified" for record in records],
        "council_district": of_zip("council_district"),
        "police_precinct": of_zip("police_precinct"),
        "bbl": _where(is_address & located, lot, None),
        "borough": of_zip("borough"),
        "park_borough": of_zip("borough"),
    }
    columns |= _coordinates(draw, records, located)
    nothing = dict.fromkeys(columns) | {
        "community_board": "0 Unspecified",
        "police_precinct": "Unspecified",
        "borough": "Unspecified",
        "park_borough": "Unspecified",
    }
    return {
        name: pa.array([*values, nothing[name]], pa.string()) for name, values in columns.items()
    }


def _where(condition: npt.NDArray[np.bool_], yes: Any, no: Any) -> npt.NDArray[np.object_]:
    return np.where(condition, np.array(yes, dtype=object), np.array(no, dtype=object))


def _streets(draw: np.random.Generator, count: int) -> npt.NDArray[np.object_]:
    names = draw.integers(0, len(_NAMES), count)
    suffixes = draw.integers(0, len(_SUFFIXES), count)
    numbered = draw.random(count) < 0.5  # noqa: PLR2004 - one in two
    numbers = draw.integers(1, 190, count)
    return np.array(
        [
            (
                f"{number} {_SUFFIXES[suffix % 2]}"
                if is_numbered
                else f"{_NAMES[name]} {_SUFFIXES[suffix]}"
            )
            for name, suffix, is_numbered, number in zip(
                names, suffixes, numbered, numbers, strict=True
            )
        ],
        dtype=object,
    )


def _coordinates(
    draw: np.random.Generator, records: list[dict[str, Any]], located: npt.NDArray[np.bool_]
) -> dict[str, Any]:
    def around(axis: str) -> Floats:
        centre = np.array([record[axis] for record in records])
        spread = np.array([record[f"{axis}_spread"] for record in records])
        # Evenly, with the measured deviation: a ZIP code has edges, a normal has none.
        found: Floats = centre + spread * draw.uniform(-np.sqrt(3), np.sqrt(3), len(records))
        return found

    latitude, longitude = around("latitude"), around("longitude")
    x, y = state_plane_feet(latitude, longitude)
    points = [
        f'{{"type":"Point","coordinates":[{round(east, _POINT_DECIMALS)!r},{round(north, _POINT_DECIMALS)!r}]}}'
        for east, north in zip(longitude.tolist(), latitude.tolist(), strict=True)
    ]
    return {
        "x_coordinate_state_plane": _where(located, [str(int(v)) for v in np.rint(x)], None),
        "y_coordinate_state_plane": _where(located, [str(int(v)) for v in np.rint(y)], None),
        "latitude": _where(located, [repr(v) for v in latitude.tolist()], None),
        "longitude": _where(located, [repr(v) for v in longitude.tolist()], None),
        "location": _where(located, points, None),
    }
