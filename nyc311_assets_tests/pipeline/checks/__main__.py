"""Measures the checks with history, on real days where there are some, and prints a table."""

from __future__ import annotations

import argparse
from datetime import date
from pathlib import Path

from rich.console import Console
from rich.table import Table

from nyc311_assets_tests.pipeline.checks.walk import (
    CHECKS,
    Walk,
    real_series,
    synthetic_series,
    walk,
)
from nyc311_assets_tests.pipeline.checks.walk_silver import silver_walks


def main() -> None:
    """Walk every check through every file."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("real_data", type=Path, help="folder of the real data")
    arguments = parser.parse_args()
    table = Table("check", "days", "judged", "good days that fail", "troubled days found")
    for series, days in {**real_series(arguments.real_data), **synthetic_series()}.items():
        for name in CHECKS:
            _add(table, name, series, walk(name, days))
    for name, result in silver_walks(date(2025, 5, 1), 150).items():
        _add(table, name, "synthetic, all types, 150 days", result)
    Console(width=160).print(table)


def _add(table: Table, name: str, series: str, result: Walk) -> None:
    found = (
        f"{trouble}: {days / max(result.days, 1):.0%}" for trouble, days in result.found.items()
    )
    alarms = ", ".join(map(str, result.alarms))
    table.add_row(
        name, series, str(result.days), f"{len(result.alarms)} {alarms}", "; ".join(found)
    )


if __name__ == "__main__":
    main()
