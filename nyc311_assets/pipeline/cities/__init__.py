"""Everything that belongs to one city and its source, as one value."""

from nyc311_assets.pipeline.cities.boundaries import Boundaries, load_boundaries
from nyc311_assets.pipeline.cities.city import BoroughClues, City, ComplaintTypes, Dataset, Field
from nyc311_assets.pipeline.cities.new_york import NEW_YORK

__all__ = [
    "NEW_YORK",
    "BoroughClues",
    "Boundaries",
    "City",
    "ComplaintTypes",
    "Dataset",
    "Field",
    "load_boundaries",
]
