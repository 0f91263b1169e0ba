"""How far a read has come, told by one small file per finished request day."""

from __future__ import annotations

from datetime import date
from pathlib import Path

_SUFFIX = ".fetched"


def mark_fetched(progress_path: Path, request_date: date) -> None:
    """Say that a request day's rows have all been handed over. Saying it twice changes nothing."""
    progress_path.mkdir(parents=True, exist_ok=True)
    (progress_path / f"{request_date.isoformat()}{_SUFFIX}").write_text("1", encoding="ascii")


def fetched_days(progress_path: Path) -> int:
    """Request days fetched so far; 0 before the first."""
    return sum(1 for _ in progress_path.glob(f"*{_SUFFIX}"))
