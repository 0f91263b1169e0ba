"""The record of runs and checks, ops.runs and ops.checks, read and written without Spark."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

from nyc311_assets.pipeline.contracts import CHECKS, RUNS
from nyc311_assets.resources.delta_tables import append_once, open_table, read_rows, table_url
from nyc311_assets.resources.run_rows import (
    CheckOutcome,
    StepRun,
    check_of,
    check_row,
    run_of,
    run_row,
)

_STANDING = """
SELECT * FROM (
    SELECT *, row_number() OVER (
        PARTITION BY asset, "check", "partition" ORDER BY evaluated_at DESC, run_id DESC
    ) AS place
    FROM t
) WHERE place = 1 AND NOT passed
ORDER BY "partition" DESC, asset, "check"
"""


class RunLog:
    """Reads and writes ops.runs and ops.checks."""

    def __init__(self, lakehouse_url: str) -> None:
        """Describe a log; the tables are made by the first write.

        Args:
            lakehouse_url: Root of the tables: a folder, or s3://… with AWS_* in the environment.
        """
        self.runs_url = table_url(lakehouse_url, RUNS)
        self.checks_url = table_url(lakehouse_url, CHECKS)

    def write(self, run: StepRun, checks: Sequence[CheckOutcome]) -> None:
        """Record an attempt and what its checks found: one append to each table.

        A run that is recorded already is not recorded again, nor are its checks.
        """
        if checks:
            rows = [check_row(each) for each in checks]
            append_once(self.checks_url, CHECKS, rows, _transaction(run))
        append_once(self.runs_url, RUNS, [run_row(run)], _transaction(run))

    def runs(self, since: datetime | None = None, until: datetime | None = None) -> list[StepRun]:
        """Attempts that ended in a span of time, oldest first.

        Args:
            since: Its beginning, aware; None for all before `until`.
            until: Its end, excluded; None for all since.
        """
        table = open_table(self.runs_url)
        if table is None:
            return []
        limits = [
            *([f"ended_at >= {_literal(since)}"] if since else []),
            *([f"ended_at < {_literal(until)}"] if until else []),
        ]
        where = f" WHERE {' AND '.join(limits)}" if limits else ""
        runs = [run_of(row) for row in read_rows(table, f"SELECT * FROM t{where}")]  # noqa: S608
        return sorted(runs, key=lambda each: (each.ended_at, each.run_id))

    def standing_failures(self) -> list[CheckOutcome]:
        """The checks whose newest evaluation of a partition failed, newest partition first."""
        table = open_table(self.checks_url)
        return [] if table is None else [check_of(row) for row in read_rows(table, _STANDING)]


def _transaction(run: StepRun) -> str:
    return f"nyc311/{run.run_id}"


def _literal(time: datetime) -> str:
    return f"TIMESTAMP '{time.astimezone(UTC).isoformat()}'"
