"""What every command needs: where it prints, and how it fails."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import typer
from pydantic import ValidationError
from pydantic_core import ErrorDetails
from rich.console import Console
from typer.core import TyperGroup

console = Console()
errors = Console(stderr=True)


def fail(message: object, code: int = 1) -> typer.Exit:
    """Show an error and return the exit to raise."""
    errors.print("[bold red]Error:[/]", end=" ")
    errors.print(str(message), highlight=False, markup=False, soft_wrap=True)
    return typer.Exit(code)


class Commands(TyperGroup):
    """Commands that name a setting which cannot be used, instead of raising."""

    def invoke(self, ctx: Any) -> Any:
        """Run the command."""
        try:
            return super().invoke(ctx)
        except ValidationError as error:
            if error.title != "Settings":
                raise
            raise fail(" ".join(map(_told, error.errors())), code=2) from None


def _told(problem: ErrorDetails) -> str:
    setting = "_".join(str(part) for part in problem["loc"]).upper()
    message = problem["msg"].removeprefix("Value error, ")
    return f"NYC311_{setting}: {message}." if setting else message


@contextmanager
def failures() -> Iterator[None]:
    """Turn what can go wrong on whole tables into messages and exit codes."""
    # Not at the top: `nyc311 --help` must not wait for Spark's imports.
    from nyc311_assets.cli.errors import OperationFailed, OperationRefused, WrongUse
    from nyc311_assets.pipeline.catalog import UnknownTable
    from nyc311_assets.resources.storage_errors import StorageRefused

    try:
        yield
    except (OperationRefused, UnknownTable, WrongUse) as error:
        raise fail(error.args[0], code=2) from None
    except (OperationFailed, StorageRefused) as error:
        raise fail(error) from None
