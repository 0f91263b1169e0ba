"""Every check, by the asset that declares it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from nyc311_assets.pipeline.checks.anomalies import ANOMALY_CHECKS
from nyc311_assets.pipeline.checks.forecasts import FORECAST_CHECKS
from nyc311_assets.pipeline.checks.gold import GOLD_CHECKS
from nyc311_assets.pipeline.checks.models import MODEL_CHECKS
from nyc311_assets.pipeline.checks.raw import RAW_CHECKS
from nyc311_assets.pipeline.checks.silver import SILVER_CHECKS
from nyc311_assets.pipeline.checks.spec import CheckSpec

DECLARED: Mapping[str, Sequence[CheckSpec]] = {
    "raw_311": RAW_CHECKS,
    "silver_requests": SILVER_CHECKS,
    "gold_daily_counts": GOLD_CHECKS,
    "prophet_model": MODEL_CHECKS,
    "forecasts": FORECAST_CHECKS,
    "anomalies": ANOMALY_CHECKS,
}
