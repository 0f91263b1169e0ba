"""`nyc311 deploy`: the package's files into a workspace."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from nyc311_assets.cli.shell import console, failures
from nyc311_assets.settings import Settings

commands = typer.Typer()


@commands.command()
def deploy(
    target: Annotated[str, typer.Option("--target", help="dev or prod.")],
    source: Annotated[
        Path, typer.Option("--source", help="Folder of the project's pyproject.toml.")
    ] = Path(),
) -> None:
    """Build the cluster's wheel and upload it, with the job entries, to the target's Volume."""
    from nyc311_assets.cli.deploy import run_deploy

    with failures():
        run_deploy(console, Settings(), target, source.absolute())
