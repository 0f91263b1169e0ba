"""Files of daily counts that a user gives, and files of results."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
from rich.console import Console

from nyc311_assets.cli.errors import WrongUse
from nyc311_assets.cli.formats import say, some
from nyc311_assets.pipeline.forecasting.panel import Panel, PanelError, read_panel


def read_counts(path: Path) -> Panel:
    """Read a CSV file with the columns series, ds and y.

    Raises:
        WrongUse: It is not there, is no such file, or breaks a rule of `read_panel`.
    """
    try:
        # As text: a name such as NA is a name, and a wrong count can be shown as it was written.
        frame = pd.read_csv(
            path, dtype=str, encoding="utf-8-sig", keep_default_na=False, na_values={"y": [""]}
        )
        return read_panel(frame)
    except FileNotFoundError:
        raise WrongUse(f"There is no file {path}.") from None
    except (OSError, UnicodeDecodeError, pd.errors.ParserError, pd.errors.EmptyDataError) as error:
        raise WrongUse(
            f"{path} cannot be read as a CSV file: {str(error).strip()}. "
            "Give one in UTF-8 with the columns series, ds and y."
        ) from None
    except PanelError as error:
        raise WrongUse(f"{path}: {error}") from None


def tell_missing(console: Console, panel: Panel, consequence: str = "") -> None:
    """Say which days the file lacks, if any, and what follows from it beside their being unknown."""
    missing = panel.missing_days()
    if missing:
        count = sum(map(len, missing.values()))
        shown = [f"{name} ({len(gaps)}, first {gaps[0]})" for name, gaps in missing.items()]
        say(
            console,
            f"{count:,} days are missing in {len(missing):,} series and taken as unknown, not as "
            f"zero{consequence}: {some(shown)}.",
        )


def check_output(out: Path, counts: Path) -> None:
    """Refuse a file that results cannot be written to, before any work is done.

    Raises:
        WrongUse: It lies in no folder, is one, or holds the counts.
    """
    if not out.parent.is_dir() or out.is_dir():
        raise WrongUse(f"Nothing can be written to {out}. Name a file in a folder that is there.")
    if out.exists() and counts.exists() and out.samefile(counts):
        raise WrongUse(f"{out} holds the counts. Name another file for the results.")


def write_table(table: pd.DataFrame, out: Path) -> None:
    """Write a CSV file whole or not at all: half a table must not look like a whole one.

    Raises:
        WrongUse: It cannot be written there.
    """
    partial = out.with_name(f".{out.name}.partial")
    try:
        table.to_csv(partial, index=False)
        partial.replace(out)
    except OSError as error:
        raise WrongUse(f"Nothing can be written to {out}: {error.strerror}.") from None
