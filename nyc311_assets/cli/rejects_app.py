"""`nyc311 rejects`: its subcommands."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

import typer

from nyc311_assets.cli.shell import console, failures
from nyc311_assets.settings import Settings

rejects = typer.Typer(
    help="Rows that break the contract: which stand, and their way back.", no_args_is_help=True
)

Partitions = Annotated[
    str | None,
    typer.Option(
        "--partition", metavar="DATE or A...B", help="Only of this daily partition, or this range."
    ),
]


@rejects.command("list")
def list_(
    partition: Partitions = None,
    day: Annotated[
        datetime | None, typer.Option(formats=["%Y-%m-%d"], help="Only of this request date.")
    ] = None,
    reason: Annotated[
        str | None, typer.Option(help="Only with a reason that holds this text.")
    ] = None,
    limit: Annotated[int, typer.Option(min=0, max=10_000, help="Most rows to show.")] = 50,
    *,
    payload: Annotated[bool, typer.Option("--payload", help="Show the rows' JSON, too.")] = False,
) -> None:
    """Show the rejected rows that stand: those of the newest merged pull of each day."""
    from nyc311_assets.cli.rejects import list_rejects

    with failures():
        list_rejects(
            console,
            Settings(),
            partitions=partition,
            day=day.date() if day else None,
            reason=reason,
            limit=limit,
            payload=payload,
        )


@rejects.command()
def replay(partition: Partitions = None) -> None:
    """Judge rejected rows again, after a rule was mended: run silver and what follows."""
    from nyc311_assets.cli.rejects import replay_rejects

    with failures():
        replay_rejects(console, Settings(), partitions=partition)
