"""What every table holds: its columns, types, rules, keys and layout, stated once.

The tables are created from these contracts, rows are judged by their rules, and Dagster and
docs/tables.md show them.
"""

from nyc311_assets.pipeline.contracts.bronze import BATCHES, RAW_311
from nyc311_assets.pipeline.contracts.gold import DAILY_COUNTS, SERIES
from nyc311_assets.pipeline.contracts.ml import (
    ANOMALIES,
    EPISODES,
    FORECASTS,
    MODEL_VERSIONS,
    MODELS,
    ORIGINS,
    SERVING,
)
from nyc311_assets.pipeline.contracts.ops import ALERTS, CHECKS, RUNS
from nyc311_assets.pipeline.contracts.schema import Column, TableContract
from nyc311_assets.pipeline.contracts.silver import (
    CLASSIFICATIONS,
    DAYS,
    REJECTS,
    local_name,
    silver_requests,
    silver_staged,
)

__all__ = [
    "ALERTS",
    "ANOMALIES",
    "BATCHES",
    "CHECKS",
    "CLASSIFICATIONS",
    "DAILY_COUNTS",
    "DAYS",
    "EPISODES",
    "FORECASTS",
    "MODELS",
    "MODEL_VERSIONS",
    "ORIGINS",
    "RAW_311",
    "REJECTS",
    "RUNS",
    "SERIES",
    "SERVING",
    "Column",
    "TableContract",
    "local_name",
    "silver_requests",
    "silver_staged",
]
