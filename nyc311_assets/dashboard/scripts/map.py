"""The page Map."""

from nyc311_assets.dashboard import page
from nyc311_assets.dashboard.map.view import NEEDS, draw

page.show("Map", draw, needs=NEEDS)
