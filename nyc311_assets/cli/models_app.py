"""`nyc311 models`: its subcommands."""

from __future__ import annotations

from typing import Annotated

import typer

from nyc311_assets.cli.shell import console, failures
from nyc311_assets.settings import Settings

models = typer.Typer(
    help="The models that were trained, and which one serves.", no_args_is_help=True
)


@models.command("list")
def list_() -> None:
    """Show all trainings, newest first, and the one that serves."""
    from nyc311_assets.cli.models import list_models

    with failures():
        list_models(console, Settings())


@models.command()
def rollback(
    to: Annotated[
        str | None, typer.Option(metavar="VERSION", help="The version that is to serve.")
    ] = None,
) -> None:
    """Take the model in service back: the one before it serves from the next run on."""
    from nyc311_assets.cli.models import roll_back_model

    with failures():
        roll_back_model(console, Settings(), to=to)
