"""New York City: NYC Open Data's two 311 datasets."""

from __future__ import annotations

from datetime import date, time
from zoneinfo import ZoneInfo

from nyc311_assets.pipeline.cities.city import City, Dataset, Field, SodaType
from nyc311_assets.pipeline.cities.new_york_places import CLUES
from nyc311_assets.pipeline.cities.new_york_types import TYPES

_TIMESTAMPS = frozenset(
    {"created_date", "closed_date", "due_date", "resolution_action_updated_date"}
)
_NUMBERS = frozenset(
    {"x_coordinate_state_plane", "y_coordinate_state_plane", "latitude", "longitude"}
)
# As the API lists them in its x-soda2-fields header.
_NAMES = [
    "unique_key",
    "created_date",
    "closed_date",
    "agency",
    "agency_name",
    "complaint_type",
    "descriptor",
    "descriptor_2",
    "location_type",
    "incident_zip",
    "incident_address",
    "street_name",
    "cross_street_1",
    "cross_street_2",
    "intersection_street_1",
    "intersection_street_2",
    "address_type",
    "city",
    "landmark",
    "facility_type",
    "status",
    "due_date",
    "resolution_description",
    "resolution_action_updated_date",
    "community_board",
    "council_district",
    "police_precinct",
    "bbl",
    "borough",
    "x_coordinate_state_plane",
    "y_coordinate_state_plane",
    "open_data_channel_type",
    "park_facility_name",
    "park_borough",
    "vehicle_type",
    "taxi_company_borough",
    "taxi_pick_up_location",
    "bridge_highway_name",
    "bridge_highway_direction",
    "road_ramp",
    "bridge_highway_segment",
    "latitude",
    "longitude",
    "location",
]


def _soda_type(name: str) -> SodaType:
    if name in _TIMESTAMPS:
        return "floating_timestamp"
    if name in _NUMBERS:
        return "number"
    return "point" if name == "location" else "text"


NEW_YORK = City(
    name="New York City",
    portal_url="https://data.cityofnewyork.us",
    time_zone=ZoneInfo("America/New_York"),
    datasets=(
        Dataset("76ig-c548", date(2010, 1, 1), date(2019, 12, 31)),
        Dataset("erm2-nwe9", date(2020, 1, 1), None),
    ),
    fields=tuple(Field(name, _soda_type(name)) for name in _NAMES),
    complaint_types=TYPES,
    boroughs=("BRONX", "BROOKLYN", "MANHATTAN", "QUEENS", "STATEN ISLAND"),
    borough_clues=CLUES,
    publication_time=time(21, 40),
    settling_days=7,
    lookback_days=7,
    country="US",
)
