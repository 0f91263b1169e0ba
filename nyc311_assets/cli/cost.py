"""What `nyc311 cost` shows."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from datetime import UTC, datetime

from rich.console import Console

from nyc311_assets.cli.errors import WrongUse
from nyc311_assets.cli.formats import page_of, say
from nyc311_assets.resources.costs.options import (
    Option,
    Workload,
    around,
    compute_options,
    hosting_options,
)
from nyc311_assets.resources.costs.prices import price_list
from nyc311_assets.resources.costs.spend import read_month
from nyc311_assets.settings import LakehouseUnknown, Settings


def show_month(console: Console, settings: Settings, *, as_json: bool) -> None:
    """Show this month: by asset, by compute, fixed, to date, forecast, budget.

    Raises:
        WrongUse: Where the tables are is not set.
    """
    try:
        month = read_month(settings, datetime.now(UTC))
    except LakehouseUnknown as error:
        raise WrongUse(str(error)) from None
    dated = price_list().date.isoformat()
    if as_json:
        figures = asdict(month) | {"to_date_usd": month.to_date_usd, "price_list": dated}
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
