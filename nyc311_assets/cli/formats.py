"""How the command reads times, and shows figures, sentences and progress."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

from rich.console import Console
from rich.markup import escape
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    TextColumn,
    TimeRemainingColumn,
)
from rich.table import Table

from nyc311_assets.cli.errors import WrongUse
from nyc311_assets.pipeline.cities import NEW_YORK

_SHOWN = 5


def parse_time(text: str) -> datetime:
    """A time as a person writes it; without a zone it is New York's.

    Raises:
        WrongUse: It is none.
    """
    try:
        time = datetime.fromisoformat(text)
    except ValueError:
        raise WrongUse(
            f"{text!r} is not a time. Write it as 2026-03-01T05:30, in New York's time, or with a "
            "zone as 2026-03-01T10:30+00:00."
        ) from None
    return time if time.tzinfo else time.replace(tzinfo=NEW_YORK.time_zone)


def local_time(text: str) -> str:
    """An ISO time in New York's zone, to the second."""
    time = datetime.fromisoformat(text).astimezone(UTC).astimezone(NEW_YORK.time_zone)
    return time.strftime("%Y-%m-%d %H:%M:%S")


def page_of(*headings: str, left: int = 1) -> Table:
    """An empty table of these columns; the first `left` of them are text."""
    page = Table(box=None, pad_edge=False)
    for place, heading in enumerate(headings):
        is_text = place < left or heading in {"operation", "written (New York)", "run"}
        page.add_column(heading, justify="left" if is_text else "right", overflow="fold")
    return page


def number(value: int | None) -> str:
    """A number with separators; a dash for none."""
    return "-" if value is None else f"{value:,}"


def moved(before: object, after: object) -> str:
    """What a value was and is, or the one value if it has not changed."""
    return str(after) if before == after else f"{before} → {after}"


def printable(text: str) -> str:
    """A text of the source as it can be shown: what would move the cursor is written as an escape."""
    return "".join(
        each if each.isprintable() else each.encode("unicode_escape").decode() for each in text
    )


def say(console: Console, text: str) -> None:
    """Show a sentence as it is, whatever a source's names in it hold."""
    console.print(escape(printable(text)), highlight=False, soft_wrap=True)


def some(names: Sequence[str]) -> str:
    """The first few of some names, and how many more there are."""
    more = f" and {len(names) - _SHOWN:,} more" if len(names) > _SHOWN else ""
    return "; ".join(names[:_SHOWN]) + more


def progress_bar(console: Console, time: ProgressColumn | None = None) -> Progress:
    """Steps done of those there are, and the time that is left, or another column on time."""
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        time or TimeRemainingColumn(),
        console=console,
    )
