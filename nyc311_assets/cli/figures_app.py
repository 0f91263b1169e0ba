"""`nyc311 cost` and `kpis`: what it costs, and whether it keeps its promises."""

from __future__ import annotations

from typing import Annotated

import typer

from nyc311_assets.cli.shell import console, fail, failures
from nyc311_assets.settings import Settings

commands = typer.Typer()


@commands.command()
def cost(
    *,
    what_if: Annotated[
        bool, typer.Option("--what-if", help="Compare ways to run the steps and host Dagster.")
    ] = False,
    docs: Annotated[
        bool, typer.Option("--docs", help="Print docs/cost_analysis.md instead.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="As JSON.")] = False,
) -> None:
    """Show what this month has cost, what it comes to, and what other choices would cost."""
    from nyc311_assets.cli.cost import show_month, show_options
    from nyc311_assets.cli.cost_docs import cost_docs

    if docs and (what_if or as_json):
        raise fail("--docs prints a page of its own: give it without --what-if and --json.", code=2)
    if docs:
        typer.echo(cost_docs(), nl=False)
        return
    with failures():
        (show_options if what_if else show_month)(console, Settings(), as_json=as_json)


@commands.command()
def kpis(*, as_json: Annotated[bool, typer.Option("--json", help="As JSON.")] = False) -> None:
    """Show each target of the project, where it stands, and how that is computed."""
    from nyc311_assets.cli.kpis import show_kpis

    with failures():
        show_kpis(console, Settings(), as_json=as_json)
