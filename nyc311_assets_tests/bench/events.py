"""What it takes to write a backfill's checks to Dagster's event log."""

from __future__ import annotations

from pathlib import Path

import dagster as dg
from dagster._core.events import DagsterEvent, DagsterEventType
from dagster._core.events.log import EventLogEntry
from dagster._core.storage.event_log import SqliteEventLogStorage

EVENTS = 840
ASSET = dg.AssetKey("raw_311")


def log_evaluations(storage: SqliteEventLogStorage, run_id: str) -> None:
    """Log seven checks of each of 120 partitions, and see that they are there.

    Raises:
        RuntimeError: Some are missing.
    """
    for number in range(EVENTS):
        storage.store_event(_evaluation(run_id, number))
    found = len(storage.get_logs_for_run(run_id))
    if found != EVENTS:
        raise RuntimeError(f"{type(storage).__name__} kept {found} of {EVENTS} events.")


def event_folder(home: Path, name: str) -> str:
    """A folder of its own for each storage."""
    folder = home / "event-logs" / name
    folder.mkdir(parents=True, exist_ok=True)
    return str(folder)


def _evaluation(run_id: str, number: int) -> EventLogEntry:
    evaluation = dg.AssetCheckEvaluation(
        asset_key=ASSET,
        check_name=f"check_{number % 7}",
        passed=True,
        severity=dg.AssetCheckSeverity.WARN,
        metadata={"rows": number},
    )
    return EventLogEntry(
        error_info=None,
        level="debug",
        user_message="",
        run_id=run_id,
        timestamp=1_760_000_000.0 + number,
        step_key="raw_311",
        job_name="daily",
        dagster_event=DagsterEvent(
            DagsterEventType.ASSET_CHECK_EVALUATION.value,
            "daily",
            step_key="raw_311",
            event_specific_data=evaluation,
        ),
    )
