"""How the command reads times and shows figures."""

from __future__ import annotations

from datetime import UTC, datetime

from rich.table import Table

from nyc311_assets.cli.errors import WrongUse
from nyc311_assets.pipeline.cities import NEW_YORK


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
