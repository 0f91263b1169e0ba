"""Data-quality checks as pure functions: figures in, verdicts out."""

from nyc311_assets.pipeline.checks.fields import check_fields
from nyc311_assets.pipeline.checks.gold import GOLD_CHECKS, check_gold
from nyc311_assets.pipeline.checks.history import (
    check_gold_history,
    check_raw_history,
    check_silver_history,
)
from nyc311_assets.pipeline.checks.raw import RAW_CHECKS, check_raw
from nyc311_assets.pipeline.checks.silver import SILVER_CHECKS, check_silver
from nyc311_assets.pipeline.checks.spec import CheckSpec, Figure, Severity, Verdict

__all__ = [
    "GOLD_CHECKS",
    "RAW_CHECKS",
    "SILVER_CHECKS",
    "CheckSpec",
    "Figure",
    "Severity",
    "Verdict",
    "check_fields",
    "check_gold",
    "check_gold_history",
    "check_raw",
    "check_raw_history",
    "check_silver",
    "check_silver_history",
]
