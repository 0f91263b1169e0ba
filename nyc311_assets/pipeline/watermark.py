"""How far gold has followed silver: the watermark in gold's commits, and silver's change feed."""

from __future__ import annotations

import json
from collections.abc import Iterable
from datetime import date
from typing import Any

from pyspark.errors import PySparkException
from pyspark.sql import Row

from nyc311_assets.pipeline.tables import Table

_WATERMARK = "silver_version"
# Commits looked at first: the whole history is read only if none of them tells.
_NEWEST_COMMITS = 8
# Why a change feed cannot begin where gold left off: too old, or its files or log are gone.
_FEED_IS_GONE = frozenset(
    {
        "DELTA_CHANGE_DATA_FILE_NOT_FOUND",
        "DELTA_FILE_NOT_FOUND_DETAILED",
        "DELTA_UNSUPPORTED_TIME_TRAVEL_BEYOND_DELETED_FILE_RETENTION_DURATION",
        "DELTA_VERSION_NOT_FOUND",
        "FAILED_READ_FILE.FILE_NOT_EXIST",
    }
)


def watermark(silver_version: int) -> dict[str, Any]:
    """User metadata of a commit after which gold holds what silver did in that version."""
    return {_WATERMARK: silver_version}


def read_watermark(counts: Table) -> int | None:
    """Silver's version as of the rows that gold holds; None before it was first written."""
    newest = _watermark_in(counts.history(limit=_NEWEST_COMMITS).collect())
    return _watermark_in(counts.history().toLocalIterator()) if newest is None else newest


def silver_version_of(counts: Table, version: int | None) -> int | None:
    """Silver's version as of the rows that a version of gold held; None if it does not tell."""
    if version is None:
        return None
    return _watermark_in(
        commit for commit in counts.history().toLocalIterator() if commit["version"] <= version
    )


def _watermark_in(commits: Iterable[Row]) -> int | None:
    below: int | None = None
    for commit in commits:
        if below is not None and commit["version"] > below:
            continue
        below = None
        if commit["operation"] == "RESTORE":
            # What was written after the version gone back to does not count any more.
            below = int(commit["operationParameters"]["version"])
        elif commit["userMetadata"]:
            metadata = json.loads(commit["userMetadata"])
            if _WATERMARK in metadata:
                return int(metadata[_WATERMARK])
    return None


def changed_days(requests: Table, since: int | None, until: int) -> frozenset[date] | None:
    """Request dates that silver's change feed names after one version, up to another.

    Returns:
        The days; None if the change feed cannot tell.
    """
    if since is None:
        return None
    if since >= until:
        return frozenset()
    try:
        rows = requests.changes(since + 1, until).select("request_date").distinct().collect()
    except PySparkException as error:
        if error.getCondition() not in _FEED_IS_GONE:
            raise
        return None
    return frozenset(row["request_date"] for row in rows)
