"""The page Quality."""

from nyc311_assets.dashboard import page
from nyc311_assets.dashboard.quality.view import NEEDS, draw

page.show("Quality", draw, needs=NEEDS)
