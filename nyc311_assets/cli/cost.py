"""What `nyc311 cost` shows."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from dataclasses import asdict
from datetime import UTC, datetime, time, timedelta
from typing import TYPE_CHECKING

from rich.console import Console

from nyc311_assets.cli.errors import OperationFailed, WrongUse
from nyc311_assets.cli.formats import page_of, say
from nyc311_assets.resources.costs.month import month_start
from nyc311_assets.resources.costs.options import (
    Option,
    Workload,
    around,
    compute_options,
    hosting_options,
)
from nyc311_assets.resources.costs.prices import price_list
from nyc311_assets.resources.costs.spend import read_month
from nyc311_assets.resources.run_log import RunLog
from nyc311_assets.settings import LakehouseUnknown, Settings

if TYPE_CHECKING:
    from nyc311_assets.resources.costs.billing import Billed

_DAY = timedelta(days=1)


def show_month(console: Console, settings: Settings, *, as_json: bool) -> None:
    """Show this month: by asset, by compute, fixed, to date, forecast, budget.

    Raises:
        WrongUse: Where the tables are is not set.
    """
    now = datetime.now(UTC)
    try:
        month = read_month(settings, now)
        billed = _billed(settings, now)
    except LakehouseUnknown as error:
        raise WrongUse(str(error)) from None
    dated = price_list().date.isoformat()
    if as_json:
        figures = asdict(month) | {"to_date_usd": month.to_date_usd, "price_list": dated}
        if billed is not None:
            figures["billed"] = [asdict(each) | {"newest": str(each.newest)} for each in billed]
        console.print_json(json.dumps(figures))
        return
    page = page_of("asset or operation", "estimated", "on Databricks")
    for asset, would in sorted(month.would_by_asset.items(), key=lambda each: -each[1]):
        page.add_row(asset, dollars(month.by_asset[asset]), dollars(would))
    if month.would_by_asset:
        console.print(page)
    for compute, usd in sorted(month.by_compute.items()):
        say(console, f"Compute {compute}: {dollars(usd)}")
    if month.unpriced_runs:
        say(console, f"{month.unpriced_runs} runs have no price in the list and count nothing.")
    say(console, f"Runs: {dollars(month.runs_usd)}   Fixed: {dollars(month.fixed_usd)}")
    say(
        console,
        f"{month.name} to date: {dollars(month.to_date_usd)}   forecast: "
        f"{dollars(month.forecast_usd)}   budget: {dollars(month.budget_usd)} "
        f"({month.share:.0%} spent)",
    )
    say(console, f"Estimates by list prices of {dated}.")
    if billed is not None:
        _show_billed(console, settings, billed)


def _billed(settings: Settings, now: datetime) -> Sequence[Billed] | None:
    """This month as Databricks has billed it; None where no warehouse is set to ask."""
    if not settings.warehouse_id or not os.environ.get("DATABRICKS_HOST"):
        return None
    # Databricks' SDK takes longer to import than all the rest.
    from nyc311_assets.resources.costs import billing  # noqa: PLC0415
    from nyc311_assets.resources.signing_in import SettingsMissing, sign_in  # noqa: PLC0415
    from nyc311_assets.resources.workspace_errors import WorkspaceError  # noqa: PLC0415

    try:
        return billing.read_billed(
            sign_in(), settings.warehouse_id, first=month_start(now).date(), last=now.date()
        )
    except SettingsMissing as error:
        raise WrongUse(str(error)) from None
    except (billing.BillingUnreadable, WorkspaceError) as error:
        raise OperationFailed(str(error)) from error


def _show_billed(console: Console, settings: Settings, billed: Sequence[Billed]) -> None:
    if not billed:
        say(console, "Databricks has billed nothing yet this month: usage arrives hours late.")
        return
    newest = max(each.newest for each in billed)
    page = page_of("billed by Databricks", "kind", "units", "list price")
    for each in billed:
        page.add_row(each.asset, each.sku, f"{each.units:,.1f}", dollars(each.usd))
    console.print(page)
    until = datetime.combine(newest + timedelta(days=1), time(), UTC)
    runs = RunLog(settings.operations_url).runs(since=month_start(until - _DAY), until=until)
    estimated = sum(each.cost_parts.get("dbu", 0.0) for each in runs if each.cost_usd)
    say(
        console,
        f"Billed through {newest}, units alone at list prices: "
        f"{dollars(sum(each.usd for each in billed))}   estimated: {dollars(estimated)}",
    )


def show_options(console: Console, settings: Settings, *, as_json: bool) -> None:
    """Compare the ways to run the steps and to host Dagster, for one environment and month."""
    prices, work = price_list(), Workload()
    computes, hosts = compute_options(work, prices), hosting_options(prices)
    base = around(work, prices)
    if as_json:
        groups = {"compute": computes, "hosting": hosts, "storage_and_watching": [base]}
        console.print_json(
            json.dumps(
                {
                    name: [asdict(each) | {"month_usd": each.month_usd} for each in options]
                    for name, options in groups.items()
                }
                | {"price_list": prices.date.isoformat(), "budget_usd": settings.budget_usd}
            )
        )
        return
    _show(console, "compute of the steps", computes)
    _show(console, "hosting of Dagster and the dashboard", hosts)
    _show(console, "and always", [base])
    say(console, f"US dollars a month for one environment, by list prices of {prices.date}.")


def _show(console: Console, heading: str, options: Sequence[Option]) -> None:
    page = page_of(heading, "a month")
    for option in sorted(options, key=lambda each: each.month_usd):
        page.add_row(option.name, dollars(option.month_usd))
    console.print(page)
    console.print()


def dollars(usd: float) -> str:
    """An amount, to the cent."""
    return f"${usd:,.2f}"
