"""One module per asset: its definition, its checks, its metadata."""

from nyc311_assets.assets.anomalies import anomalies
from nyc311_assets.assets.forecasts import forecasts
from nyc311_assets.assets.gold_daily_counts import gold_daily_counts
from nyc311_assets.assets.prophet_model import prophet_model
from nyc311_assets.assets.raw_311 import raw_311
from nyc311_assets.assets.silver_requests import silver_requests

__all__ = [
    "anomalies",
    "forecasts",
    "gold_daily_counts",
    "prophet_model",
    "raw_311",
    "silver_requests",
]
