"""How far gold has followed silver: the watermark in gold's commits, and silver's change feed."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from typing import Any

from pyspark.errors import PySparkException
from pyspark.sql import Row

from nyc311_assets.pipeline.tables import Table

_WATERMARK = "silver_version"
_TABLE = "silver_table"
# Commits looked at first: the whole history is read only if none of them tells.
_NEWEST_COMMITS = 8
# Why a change feed cannot begin where gold left off: too old, or its files or log are gone.
_FEED_IS_GONE = frozenset(
    {
        "DELTA_CHANGE_DATA_FILE_NOT_FOUND",
        "DELTA_FILE_NOT_FOUND_DETAILED",
        "DELTA_UNSUPPORTED_TIME_TRAVEL_BEYOND_DELETED_FILE_RETENTION_DURATION",
        "DELTA_VERSION_NOT_FOUND",
        "FAILED_READ_FILE.DBR_FILE_NOT_EXIST",
        "FAILED_READ_FILE.FILE_NOT_EXIST",
    }
)


@dataclass(frozen=True, slots=True)
class Watermark:
    """What gold holds of silver.

    Attributes:
        version: Silver's version.
        table: Delta's id of the table that had it: one that was dropped and built again counts
            its versions anew. None in marks from before it was noted.
    """

    version: int
    table: str | None

    @property
    def metadata(self) -> dict[str, Any]:
        """User metadata of a commit after which gold holds what silver did in that version."""
        return {_WATERMARK: self.version, _TABLE: self.table}


def read_watermark(counts: Table) -> Watermark | None:
    """Silver's version as of the rows that gold holds; None if gold does not tell."""
    newest = _watermark_in(counts.history(limit=_NEWEST_COMMITS).collect())
    return _watermark_in(counts.history().toLocalIterator()) if newest is None else newest


def silver_version_of(counts: Table, version: int | None) -> int | None:
    """Silver's version as of the rows that a version of gold held; None if it does not tell."""
    if version is None:
        return None
    mark = _watermark_in(
        commit for commit in counts.history().toLocalIterator() if commit["version"] <= version
    )
    return None if mark is None else mark.version


def _watermark_in(commits: Iterable[Row]) -> Watermark | None:
    below: int | None = None
    for commit in commits:
        if below is not None and commit["version"] > below:
            continue
        below = None
        if commit["operation"] == "RESTORE":
            # What was written after the version gone back to does not count any more.
            restored = commit["operationParameters"].get("version")
            if restored is None:
                # RESTORE … TO TIMESTAMP does not say which version that was.
                return None
            below = int(restored)
        elif commit["userMetadata"]:
            metadata = json.loads(commit["userMetadata"])
            if _WATERMARK in metadata:
                return Watermark(int(metadata[_WATERMARK]), metadata.get(_TABLE))
    return None


def changed_days(
    requests: Table, since: Watermark | None, until: Watermark
) -> frozenset[date] | None:
    """Request dates that silver's change feed names after one version, up to another.

    Returns:
        The days; None if the change feed cannot tell, also because the table is another one.
    """
    if since is None or since.version > until.version or since.table not in (None, until.table):
        return None
    if since.version == until.version:
        return frozenset()
    try:
        rows = (
            requests.changes(since.version + 1, until.version)
            .select("request_date")
            .distinct()
            .collect()
        )
    except PySparkException as error:
        if error.getCondition() not in _FEED_IS_GONE:
            raise
        return None
    return frozenset(row["request_date"] for row in rows)
