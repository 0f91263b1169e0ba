"""What `nyc311 kpis` shows."""

from __future__ import annotations

import json
from dataclasses import asdict
from datetime import UTC, datetime

from rich.console import Console

from nyc311_assets.cli.errors import OperationFailed, WrongUse
from nyc311_assets.cli.formats import say
from nyc311_assets.dashboard.queries.kpis import Kpi, Spend, read_kpis
from nyc311_assets.dashboard.queries.lakehouse import TableUnreadable
from nyc311_assets.dashboard.reading import open_tables
from nyc311_assets.resources.costs.spend import read_month
from nyc311_assets.settings import LakehouseUnknown, Settings

_MET = {True: "✓", False: "✗", None: "-"}


def show_kpis(console: Console, settings: Settings, *, as_json: bool) -> None:
    """Show each target, where it stands and how that is computed.

    Raises:
        WrongUse: Where the tables are is not set.
        OperationFailed: There are no tables, or one cannot be read.
    """
    now = datetime.now(UTC)
    try:
        tables = open_tables(settings)
        if not tables.exists("gold.daily_counts"):
            through = settings.dashboard_warehouse_id
            place = f"the catalog {settings.catalog}" if through else settings.tables_url
            raise OperationFailed(
                f"There are no tables in {place}: run `make demo`, or name their place with "
                "NYC311_LAKEHOUSE_URL."
            )
        month = read_month(settings, now)
        spend = Spend(month.name, month.to_date_usd, month.forecast_usd, month.budget_usd)
        kpis = read_kpis(tables, spend, now)
    except LakehouseUnknown as error:
        raise WrongUse(str(error)) from None
    except TableUnreadable as error:
        raise OperationFailed(f"{error.table} cannot be read now: {error.reason}") from None
    if as_json:
        console.print_json(json.dumps([asdict(each) for each in kpis]))
        return
    for each in kpis:
        _show(console, each)


def _show(console: Console, kpi: Kpi) -> None:
    say(console, f"{_MET[kpi.met]} {kpi.name}: {kpi.now or 'no data'} (target: {kpi.target})")
    say(console, f"    of {kpi.n}; {kpi.how}")
