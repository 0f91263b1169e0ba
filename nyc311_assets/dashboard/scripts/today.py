"""The page Today."""

from nyc311_assets.dashboard import page
from nyc311_assets.dashboard.today.view import NEEDS, draw

page.show("Today", draw, needs=NEEDS)
