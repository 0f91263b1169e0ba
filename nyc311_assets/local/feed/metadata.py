"""A dataset's metadata, as the portal's `/api/views` gives it."""

from __future__ import annotations

from typing import Any

from nyc311_assets.local.feed.source import FeedSource
from nyc311_assets.pipeline.cities import NEW_YORK

_DATA_TYPE_NAMES = {"floating_timestamp": "calendar_date"}
# The portal's display names, where they are not the API name in title case.
_DISPLAY_NAMES = {
    "complaint_type": "Problem (formerly Complaint Type)",
    "descriptor": "Problem Detail (formerly Descriptor)",
    "descriptor_2": "Additional Details",
    "bbl": "BBL",
    "x_coordinate_state_plane": "X Coordinate (State Plane)",
    "y_coordinate_state_plane": "Y Coordinate (State Plane)",
}
_FIRST_COLUMN_ID = 623546765
_DESCRIPTIONS = {
    "synthetic": "Synthetic service requests, computed from a seed to follow measured figures of "
    "the city's 311 data. No row of it is a real request.",
    "files": "Service requests read from files; this is not the city's own endpoint.",
}


def view(source: FeedSource, dataset_id: str) -> dict[str, Any]:
    """The metadata of one dataset.

    Raises:
        UnknownDataset: No such dataset.
    """
    publication = source.publication(dataset_id)
    return {
        "id": dataset_id,
        "name": source.name(dataset_id),
        "assetType": "dataset",
        "description": _DESCRIPTIONS[source.provenance],
        "provenance": source.provenance,
        "rowsUpdatedAt": int(publication.rows_updated_at.timestamp()),
        "viewType": "tabular",
        "columns": columns(),
    }


def display_name(field_name: str) -> str:
    """A column's name for people, as portal exports head it."""
    return _DISPLAY_NAMES.get(field_name, field_name.replace("_", " ").title())


def columns() -> list[dict[str, Any]]:
    """The columns of both datasets."""
    return [
        {
            "id": _FIRST_COLUMN_ID + position,
            "name": display_name(field.name),
            "dataTypeName": _DATA_TYPE_NAMES.get(field.soda_type, field.soda_type),
            "fieldName": field.name,
            "position": position + 1,
            "renderTypeName": _DATA_TYPE_NAMES.get(field.soda_type, field.soda_type),
        }
        for position, field in enumerate(NEW_YORK.fields)
    ]
