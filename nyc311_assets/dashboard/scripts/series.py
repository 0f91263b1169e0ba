"""The page Series."""

from nyc311_assets.dashboard import page
from nyc311_assets.dashboard.series.view import NEEDS, draw

page.show("Series", draw, needs=NEEDS)
