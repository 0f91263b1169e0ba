"""The page Operations."""

from nyc311_assets.dashboard import page
from nyc311_assets.dashboard.operations.view import NEEDS, draw

page.show("Operations", draw, needs=NEEDS)
