"""What tells the borough of a place in New York City.

ZIP codes: the first three digits belong to one borough, as the United States Postal Service gives
them out; so codes of post boxes and single buildings are decided too. Decided by nothing are the
codes that lie in two boroughs by the city's own ZIP areas (10463: the Bronx and Marble Hill;
11370: Queens and Rikers Island) and those on the city's border, most of whose addresses are in
Nassau County (110xx but for 11004 and 11005). No other ZIP area has more than 1 % of its land in a
second borough. Invented codes (66666, 88888, 99999, 00000) are nowhere.

Community boards: Bronx 8 serves Marble Hill too, which is in Manhattan; 8 of its 257 requests in
the real rows are named MANHATTAN.

Marble Hill: the source itself names its requests both ways (of 145, 102 BRONX, mostly by the
police, and 43 MANHATTAN), so the boundaries leave it out and its coordinates decide nothing.
"""

from __future__ import annotations

from nyc311_assets.pipeline.cities.city import BoroughClues

CLUES = BoroughClues(
    shared_boards=frozenset({"8 BRONX"}),
    zip_prefixes={
        "100": "MANHATTAN",
        "101": "MANHATTAN",
        "102": "MANHATTAN",
        "103": "STATEN ISLAND",
        "104": "BRONX",
        "111": "QUEENS",
        "112": "BROOKLYN",
        "113": "QUEENS",
        "114": "QUEENS",
        "116": "QUEENS",
    },
    zip_codes={"10463": None, "11370": None, "11004": "QUEENS", "11005": "QUEENS"},
    boundaries_file="new_york_boroughs.json",
)
