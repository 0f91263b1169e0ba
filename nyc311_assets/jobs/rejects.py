"""The job of standing_rejects: which rejected rows stand, and how many no longer do."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import Any
from uuid import UUID

from pyspark.sql import DataFrame, Row

from nyc311_assets.jobs.session import Job, open_job
from nyc311_assets.pipeline.rejects import RejectsMissing, Wanted, standing_rejects, summarize

_MOST = 10_000
# A payload may have any length; this much tells what it is.
_SHOWN_CHARACTERS = 4_000


def run(job: Job) -> None:
    """List the rejected rows that stand.

    Parameters:
        day, first_partition, last_partition (ISO dates), reason (text): which rows; None for all.
        limit: Most rows to report.
        payload: Whether to report their payloads.
        remember: A UUID under which to note which rows stand, or None.
        compare: The UUID of an earlier note, to count how many of its rows no longer stand; the
            note is taken away.
    """
    parameters = job.config.parameters
    wanted = Wanted(
        day=_date(parameters["day"]),
        first_partition=_date(parameters["first_partition"]),
        last_partition=_date(parameters["last_partition"]),
        reason=parameters["reason"],
    )
    job.log("Looking at silver.rejects")
    try:
        rows = standing_rejects(job.spark, job.lakehouse, wanted)
    except RejectsMissing as missing:
        job.report_refusal(missing)
        return
    summary = summarize(rows)
    limit = min(parameters["limit"], _MOST) if summary.rows else 0
    shown = rows.orderBy("pulled_date", "source_row_id").limit(limit).collect() if limit else []
    if parameters["remember"] is not None:
        note = _note(job, parameters["remember"])
        note.parent.mkdir(parents=True, exist_ok=True)
        note.write_text(json.dumps(_ids(rows)), encoding="utf-8")
    solved = None
    if parameters["compare"] is not None:
        note = _note(job, parameters["compare"])
        solved = len(set(json.loads(note.read_text(encoding="utf-8"))).difference(_ids(rows)))
        note.unlink()
    job.report_answer(
        {
            "rows": [_described(row, with_payload=parameters["payload"]) for row in shown],
            "rejects": summary.rows,
            "reasons": summary.reasons,
            "partitions": {day.isoformat(): count for day, count in summary.partitions.items()},
            "solved": solved,
        }
    )


def _ids(rows: DataFrame) -> list[str]:
    """What a row is known by, also in a newer pull: the source's own id."""
    return [row["source_row_id"] for row in rows.select("source_row_id").collect()]


def _note(job: Job, name: str) -> Path:
    return job.volume / "rejects" / f"{UUID(name)}.json"


def _date(text: str | None) -> date | None:
    return date.fromisoformat(text) if text is not None else None


def _described(row: Row, *, with_payload: bool) -> Mapping[str, Any]:
    payload: str = row["payload"]
    cut = len(payload) - _SHOWN_CHARACTERS
    shown = f"{payload[:_SHOWN_CHARACTERS]}… {cut:,} more characters" if cut > 0 else payload
    return {
        "day": row["pulled_date"].isoformat(),
        "partition": row["ingestion_date"].isoformat(),
        "source_row_id": row["source_row_id"],
        "unique_key": row["unique_key"],
        "reasons": list(row["reasons"]),
        "payload": shown if with_payload else None,
    }


def main() -> None:
    """Entry of the cluster's task."""
    with open_job() as job:
        run(job)


if __name__ == "__main__":
    main()
