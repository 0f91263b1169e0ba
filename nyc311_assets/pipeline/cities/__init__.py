"""Everything that belongs to one city and its source, as one value."""

from nyc311_assets.pipeline.cities.city import City, Dataset, Field
from nyc311_assets.pipeline.cities.new_york import NEW_YORK

__all__ = ["NEW_YORK", "City", "Dataset", "Field"]
