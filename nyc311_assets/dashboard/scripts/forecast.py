"""The page Forecast."""

from nyc311_assets.dashboard import page
from nyc311_assets.dashboard.forecast.view import NEEDS, draw

page.show("Forecast", draw, needs=NEEDS)
