"""A month's spend so far, and what it comes to at its end."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from nyc311_assets.resources.run_rows import StepRun


@dataclass(frozen=True, slots=True)
class Month:
    """The spend of a calendar month, UTC, as the providers bill it.

    Attributes:
        name: 2026-03.
        by_asset: Asset or operation -> US dollars of its runs so far.
        by_compute: Compute -> US dollars.
        would_by_asset: The same on Databricks, of runs wherever they ran.
        unpriced_runs: Runs that the price list has no price for; they count nothing.
        fixed_usd: Fixed costs so far.
        runs_usd: Runs so far.
        forecast_usd: The whole month, when it goes on as it did.
        budget_usd: The budget.
    """

    name: str
    by_asset: Mapping[str, float]
    by_compute: Mapping[str, float]
    would_by_asset: Mapping[str, float]
    unpriced_runs: int
    fixed_usd: float
    runs_usd: float
    forecast_usd: float
    budget_usd: float

    @property
    def to_date_usd(self) -> float:
        """All spend so far."""
        return self.fixed_usd + self.runs_usd

    @property
    def share(self) -> float:
        """Spend so far as a share of the budget."""
        return self.to_date_usd / self.budget_usd


def month_start(now: datetime) -> datetime:
    """The first moment of the month, in the zone of `now`."""
    return now.replace(day=1, hour=0, minute=0, second=0, microsecond=0)


def sum_month(
    runs: Iterable[StepRun], *, now: datetime, fixed_month_usd: float, budget_usd: float
) -> Month:
    """Sum up a month.

    Args:
        runs: Those that ended in it; others are passed over.
        now: The present time, UTC.
        fixed_month_usd: What a whole month costs without any run.
        budget_usd: The budget, above 0.
    """
    start = month_start(now)
    end = month_start(start + timedelta(days=32))
    elapsed = (now - start) / (end - start)
    mine = [run for run in runs if start <= run.ended_at < end]
    by_asset: defaultdict[str, float] = defaultdict(float)
    by_compute: defaultdict[str, float] = defaultdict(float)
    would: defaultdict[str, float] = defaultdict(float)
    for run in mine:
        by_asset[run.asset] += run.cost_usd or 0.0
        kind = run.compute if run.workspace == "databricks" else "embedded"
        by_compute[kind] += run.cost_usd or 0.0
        would[run.asset] += run.would_cost_usd or 0.0
    spent = sum(by_asset.values())
    # Within the first day one run would be taken for thirty.
    share = max(elapsed, timedelta(days=1) / (end - start))
    return Month(
        name=f"{start:%Y-%m}",
        by_asset=dict(by_asset),
        by_compute=dict(by_compute),
        would_by_asset=dict(would),
        unpriced_runs=sum(run.cost_usd is None for run in mine),
        fixed_usd=fixed_month_usd * elapsed,
        runs_usd=spent,
        forecast_usd=fixed_month_usd + spent / share,
        budget_usd=budget_usd,
    )
