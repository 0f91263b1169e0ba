"""Where requests come from: ZIP codes with their centres, and kinds of addresses."""

from __future__ import annotations

from typing import Any

import pandas as pd

from nyc311_assets.pipeline.cities import NEW_YORK

# Kinds of address, in the order of their shares. Block faces and unrecognized addresses have no
# coordinates; unspecified ones have nothing at all.
KINDS = ("ADDRESS", "INTERSECTION", "BLOCKFACE", "UNRECOGNIZED", "PLACENAME", "UNSPECIFIED")
_LEAST_ROWS = 15
_GROUPS = {"NYPD": "police", "HPD": "housing"}


def zip_table(now: pd.DataFrame, full: pd.DataFrame, page_2019: pd.DataFrame) -> list[list[Any]]:
    """One record per ZIP code of a borough that has enough rows.

    Fields: ZIP, borough, rows of the police, of housing and of all other agencies, latitude and
    longitude of the centre, their standard deviations in degrees, city, community board, council
    district, police precinct; None where unknown.
    """
    located = now.dropna(subset=["incident_zip", "latitude"]).astype(
        {"latitude": float, "longitude": float}
    )
    table = []
    for (borough, code), rows in located.groupby(["borough", "incident_zip"]):
        if len(rows) < _LEAST_ROWS or borough not in NEW_YORK.boroughs:
            continue
        group = rows["agency"].map(_GROUPS).fillna("other").value_counts()
        older = full[(full["incident_zip"] == code) & (full["borough"] == borough)]
        dated = page_2019[page_2019["incident_zip"] == code]
        table.append(
            [
                code,
                borough,
                *(int(group.get(name, 0)) for name in ("police", "housing", "other")),
                round(float(rows["latitude"].median()), 5),
                round(float(rows["longitude"].median()), 5),
                round(float(rows["latitude"].std()), 5),
                round(float(rows["longitude"].std()), 5),
                _commonest(rows["city"]),
                _commonest(older["community_board"]),
                _commonest(dated["council_district"]),
                _commonest(dated["police_precinct"]),
            ]
        )
    return table


def kind_shares(now: pd.DataFrame, full: pd.DataFrame) -> dict[str, list[float]]:
    """Shares of the kinds of address per agency, in the order of KINDS.

    Missing boroughs and coordinates are counted in the rows of 2026; the kinds of address, which
    those do not name, in the older ones.
    """
    table = {}
    for agency, rows in now.groupby("agency"):
        older = full.loc[full["agency"] == agency, "address_type"]
        share = older.value_counts(normalize=True)
        unspecified = float((rows["borough"] == "Unspecified").mean())
        without = max(0.0, float(rows["latitude"].isna().mean()) - unspecified)
        unrecognized = min(float(share.get("UNRECOGNIZED", 0.0)), without)
        crossing = float(share.get("INTERSECTION", 0.0))
        named = float(share.get("PLACENAME", 0.0) + share.get("PLACE", 0.0))
        block = without - unrecognized
        address = max(0.0, 1 - unspecified - without - crossing - named)
        table[str(agency)] = [address, crossing, block, unrecognized, named, unspecified]
    return table


def _commonest(values: pd.Series[str]) -> str | None:
    known = values.dropna()
    counts = known[~known.str.contains("Unspecified")].value_counts()
    return str(counts.index[0]) if len(counts) else None
