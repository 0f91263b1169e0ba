"""From staged rows into silver.requests: what is news, and how it is merged."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import date

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from nyc311_assets.pipeline.classifications import known_since, recorded, same_class
from nyc311_assets.pipeline.contracts import TableContract
from nyc311_assets.pipeline.staging import CLASSIFICATION, VERSION, Staged, StagedDay, of_pulls
from nyc311_assets.pipeline.tables import Table, within

# 12 to 16 MB of requests.
_DAYS_IN_A_FILE = 14
# More than one run's own and what upkeep may add meanwhile; the whole log takes longer to read.
_NEWEST_COMMITS = 20
# Commits that change no row.
_UPKEEP = frozenset(
    {
        "OPTIMIZE",
        "VACUUM START",
        "VACUUM END",
        "SET TBLPROPERTIES",
        "COMPUTE STATS",
        "ANALYZE TABLE",
    }
)
_COMPARED = (
    *CLASSIFICATION,
    "complaint_type_raw",
    "request_date",
    "content_hash",
    "ruleset",
    *VERSION,
)


@dataclass(frozen=True, slots=True)
class Published:
    """What a run changed in silver.requests.

    Attributes:
        inserted: Requests that were new.
        updated: Requests of which something changed.
        version: The table's version afterwards.
    """

    inserted: int
    updated: int
    version: int


def publish(
    requests: Table,
    classifications: Table,
    staged: Staged,
    newest: Mapping[date, StagedDay],
    *,
    elsewhere: Collection[date],
    before: int,
    is_known: bool,
) -> Published:
    """Bring silver.requests up to the staged rows.

    Args:
        requests: silver.requests.
        classifications: silver.classifications, brought up to them.
        staged: The run's rows.
        newest: Request dates of which the run holds the newest pull, and that pull.
        elsewhere: Other request dates under which silver knows some of the run's requests.
        before: The version of silver.requests that is there; 0 if it holds nothing.
        is_known: Some of the run's request dates were merged before.
    """
    dates = frozenset(staged.request_dates) | frozenset(elsewhere)
    if before == 0 or not (is_known or elsewhere or _any_row(requests, dates)):
        # Nothing to compare with. replaceWhere notices another run that fills these days meanwhile,
        # which an append would not.
        rows = staged.newest(staged.rows.columns, _in_newest_pull(newest))
        requests.replace_where(_by_date(rows, len(dates)), within(dates))
        return _written(requests, before, "WRITE", "numOutputRows")
    changed = news(staged, requests, recorded(classifications, staged), dates, newest)
    requests.merge(
        changed,
        _same_request(dates),
        f"WHEN MATCHED AND {_IS_NEWER} THEN {_take_over(requests.contract)} "
        f"WHEN MATCHED THEN {_KEEP_CONTENT} "
        "WHEN NOT MATCHED THEN INSERT *",
    )
    return _written(requests, before, "MERGE", "numTargetRowsInserted")


def _by_date(rows: DataFrame, days: int) -> DataFrame:
    """Rows in partitions of some days each, as OPTIMIZE would lay them out.

    Later runs look at a week or two, and need not read the files of all the other days.
    """
    files = math.ceil(days / _DAYS_IN_A_FILE)
    return rows if files == 1 else rows.repartitionByRange(files, "request_date")


def news(
    staged: Staged,
    requests: Table,
    classes: DataFrame,
    dates: Collection[date],
    newest: Mapping[date, StagedDay],
) -> DataFrame:
    """What silver does not know yet: new requests, newer versions, and what is current by now.

    Most of a pull is known already, so this is found on a few narrow columns; only what is left
    is read in full and merged.

    Args:
        staged: The run's rows.
        requests: silver.requests.
        classes: What silver.classifications has of them.
        dates: Request dates under which their rows may be.
        newest: Request dates of which the run holds the newest pull, and that pull.

    Returns:
        The columns of silver.requests. Of a request that its day's newest pull no longer brings,
        and no other pull of the run either, only unique_key, classified_since and is_current are
        set.
    """
    found = staged.newest(["batch_id", *_COMPARED], _in_newest_pull(newest)).alias("source")
    known = requests.read().where(within(dates)).alias("target")
    # The newest pull of a day decides; as long as it is not in this run, earlier ones stand.
    is_current = F.expr(
        "coalesce(source.is_current, false) OR (coalesce(target.is_current, false) "
        f"AND NOT {within(newest, 'target.request_date')})"
    )
    is_new_row = "target.unique_key IS NULL"
    takes_over = F.expr(f"coalesce({is_new_row} OR {_IS_NEWER}, false)")
    has_news = F.expr(f"takes_over OR coalesce({_IS_EARLIER}, false)")
    since = F.expr(
        "least(classes.since, "
        f"IF(takes_over OR {same_class('source', 'target')}, source.classified_since, NULL), "
        f"IF(NOT takes_over OR {same_class('source', 'target')}, known_since, NULL))"
    )
    narrow = (
        found.join(known, F.expr("source.unique_key = target.unique_key"), "full")
        .withColumns(
            {
                "is_current_now": is_current,
                "takes_over": takes_over,
                "known_since": F.expr(known_since("target")),
            }
        )
        .join(
            F.broadcast(classes).alias("classes"),
            F.expr(
                "classes.unique_key = coalesce(source.unique_key, target.unique_key) AND "
                "classes.complaint_type = "
                "IF(takes_over, source.complaint_type, target.complaint_type) AND "
                "classes.agency = IF(takes_over, source.agency, target.agency)"
            ),
            "left",
        )
        .withColumn("since_now", since)
        .where(has_news | F.expr("is_current_now <> target.is_current OR since_now < known_since"))
        .select(
            F.expr("coalesce(source.unique_key, target.unique_key)").alias("key"),
            "source.batch_id",
            "source.source_row_id",
            "source.first_seen",
            "source.last_changed",
            F.col("since_now").alias("classified_since"),
            F.col("is_current_now").alias("is_current"),
        )
    )
    wide = staged.sound.drop("ingestion_date", "pulled_date", "reasons", "payload")
    columns = [name for name in requests.contract.column_names if name != "unique_key"]
    return narrow.join(wide, ["batch_id", "source_row_id"], "left").select(
        F.col("key").alias("unique_key"), *columns
    )


def _any_row(requests: Table, dates: Collection[date]) -> bool:
    return not requests.read().where(within(dates)).isEmpty()


def _in_newest_pull(newest: Mapping[date, StagedDay]) -> Column:
    """Whether a staged row came in the newest pull of its day."""
    return F.expr(of_pulls(newest.values()))


def _written(requests: Table, before: int, operation: str, inserted: str) -> Published:
    """What the write did; a MERGE that changes nothing makes no version."""
    commits = requests.history(limit=_NEWEST_COMMITS).where(F.col("version") > before).collect()
    # Databricks compacts tables on its own accord, which leaves the rows as they are.
    wrote = [row for row in commits if row["operation"] not in _UPKEEP]
    newest = max((row["version"] for row in commits), default=before)
    if not wrote:
        return Published(0, 0, newest)
    if len(wrote) > 1 or wrote[0]["operation"] != operation:
        raise RuntimeError(
            f"{requests.sql_name} was written by another run during this {operation}: see its "
            "history. Let one run at a time write it (Dagster's pools do), then run the step again."
        )
    metrics = wrote[0]["operationMetrics"]
    return Published(
        int(metrics.get(inserted, 0)),
        int(metrics.get("numTargetRowsUpdated", 0)),
        newest,
    )


# A pulled row has one content, however its columns are masked.
_OTHER_CONTENT = (
    "(source.content_hash <> target.content_hash AND NOT "
    "(source.ingested_at = target.ingested_at AND source.source_row_id = target.source_row_id))"
)
_IS_NEWER = (
    "(source.source_updated_at > target.source_updated_at OR "
    f"(source.source_updated_at = target.source_updated_at AND {_OTHER_CONTENT} AND "
    "struct(source.ingested_at, source.source_row_id) > "
    "struct(target.ingested_at, target.source_row_id)) OR "
    f"(source.source_updated_at = target.source_updated_at AND NOT ({_OTHER_CONTENT}) AND "
    "source.ruleset <> target.ruleset))"
)
_IS_EARLIER = (
    "source.first_seen < target.first_seen OR "
    f"(NOT ({_OTHER_CONTENT}) AND source.last_changed < target.last_changed)"
)
# The earliest ingestion date of the request, and of its present content.
_KEEP_CONTENT = (
    "UPDATE SET target.first_seen = least(source.first_seen, target.first_seen), "
    f"target.last_changed = IF({_OTHER_CONTENT}, target.last_changed, "
    "least(source.last_changed, target.last_changed)), "
    "target.classified_since = source.classified_since, target.is_current = source.is_current"
)


def _same_request(dates: Collection[date]) -> str:
    """Join condition between source and target, bounded to the request dates of a run."""
    return f"{within(dates, 'target.request_date')} AND target.unique_key = source.unique_key"


def _take_over(contract: TableContract) -> str:
    """The update to a newer version."""
    values = {name: f"source.{name}" for name in contract.column_names} | {
        "first_seen": "least(source.first_seen, target.first_seen)",
        "last_changed": f"IF({_OTHER_CONTENT}, source.last_changed, "
        "least(source.last_changed, target.last_changed))",
    }
    return "UPDATE SET " + ", ".join(f"target.{name} = {value}" for name, value in values.items())
