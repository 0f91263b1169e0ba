"""Counts rows of real files by themselves: csv and zoneinfo, nothing of the product's reader."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

from nyc311_assets.pipeline.cities import NEW_YORK

_NEW_YORK_TIME = ZoneInfo("America/New_York")
# NA: R wrote the file.
_NO_TIME = ("", "NA")


@dataclass(frozen=True)
class SourceRow:
    """One request as a file has it; None for an empty cell."""

    key: str
    request_date: date
    complaint_type: str | None
    borough: str | None
    agency: str
    is_closed: bool

    @property
    def canonical_type(self) -> str:
        types = NEW_YORK.complaint_types
        name = " ".join((self.complaint_type or "").split())
        at_agency = types.renamed_at.get(self.agency, {})
        return at_agency.get(name) or types.renamed.get(name) or name


def row_files(real_data: Path) -> list[Path]:
    """Every file of rows but the weekly snapshots, oldest rows first."""
    return [*sorted((real_data / "rows").glob("*.csv")), *sorted(real_data.glob("soda_api/*.csv"))]


def snapshot_files(real_data: Path) -> list[Path]:
    """The weekly snapshots, oldest first."""
    return sorted((real_data / "rows" / "weekly_snapshots_2026").glob("snapshot_*.csv"))


def rows_of(paths: Iterable[Path]) -> dict[str, SourceRow]:
    """Each request in the state of the last file that has it, by its key."""
    rows: dict[str, SourceRow] = {}
    for path in paths:
        with path.open(newline="", encoding="utf-8", errors="replace") as file:
            for cells in csv.DictReader(file):
                named = {_column(heading): cell for heading, cell in cells.items()}
                row = SourceRow(
                    key=named["unique_key"],
                    request_date=_local_day(named["created_date"]),
                    complaint_type=named["complaint_type"] or None,
                    borough=named.get("borough") or None,
                    agency=named["agency"],
                    is_closed=named.get("closed_date", "") not in _NO_TIME,
                )
                rows[row.key] = row
    return rows


def _column(heading: str) -> str:
    return re.sub(r"\W+", "_", heading.lower()).strip("_")


def _local_day(text: str) -> date:
    """New York's day. A carrier's Z is true; its " UTC" stands after New York time."""
    if text.endswith("Z"):
        moment = datetime.fromisoformat(text.removesuffix("Z")).replace(tzinfo=UTC)
        return moment.astimezone(_NEW_YORK_TIME).date()
    if "/" in text:
        month, day, year = text.split(maxsplit=1)[0].split("/")
        return date(int(year), int(month), int(day))
    return date.fromisoformat(text[:10])
