"""What every table holds: its columns, types, rules, keys and layout, stated once.

The tables are created from these contracts, rows are judged by their rules, and Dagster and
docs/tables.md show them.
"""

from nyc311_assets.pipeline.contracts.bronze import BATCHES, RAW_311
from nyc311_assets.pipeline.contracts.gold import DAILY_COUNTS
from nyc311_assets.pipeline.contracts.schema import Column, TableContract
from nyc311_assets.pipeline.contracts.silver import (
    DAYS,
    REJECTS,
    local_name,
    silver_requests,
    silver_staged,
)

__all__ = [
    "BATCHES",
    "DAILY_COUNTS",
    "DAYS",
    "RAW_311",
    "REJECTS",
    "Column",
    "TableContract",
    "local_name",
    "silver_requests",
    "silver_staged",
]
