"""This month's spend, from ops.runs and the price list."""

from __future__ import annotations

import os
from datetime import UTC, datetime

from nyc311_assets.resources.costs.month import Month, month_start, sum_month
from nyc311_assets.resources.costs.options import Workload, around, hosting_options
from nyc311_assets.resources.costs.prices import price_list
from nyc311_assets.resources.run_log import RunLog
from nyc311_assets.settings import Settings


def fixed_usd(settings: Settings) -> float:
    """What a month costs without any run: as set, or by the price list; nothing on a laptop."""
    if settings.fixed_usd_per_month is not None:
        return settings.fixed_usd_per_month
    if not os.environ.get("DATABRICKS_HOST"):
        return 0.0
    prices = price_list()
    return hosting_options(prices)[0].month_usd + around(Workload(), prices).month_usd


def read_month(settings: Settings, now: datetime) -> Month:
    """Sum up the month of a moment.

    Args:
        settings: Where the tables are, and the budget.
        now: The moment, aware.

    Raises:
        LakehouseUnknown: The tables are in a catalog, and their place is not set.
    """
    now = now.astimezone(UTC)
    runs = RunLog(settings.operations_url).runs(since=month_start(now))
    return sum_month(
        runs, now=now, fixed_month_usd=fixed_usd(settings), budget_usd=settings.budget_usd
    )
