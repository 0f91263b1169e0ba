"""silver.requests: one typed row per request, in its newest version; broken rows kept apart."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import date
from functools import reduce

from pyspark.sql import DataFrame, SparkSession, Window
from pyspark.sql import functions as F

from nyc311_assets.pipeline.cities import City
from nyc311_assets.pipeline.contracts import (
    BATCHES,
    RAW_311,
    REJECTS,
    TableContract,
    silver_requests,
    silver_staged,
)
from nyc311_assets.pipeline.rows import judge, parse
from nyc311_assets.pipeline.tables import Lakehouse, Table, date_list

# Newest first. The row id breaks ties between two copies of one request in the same pull.
_VERSION = ("source_updated_at", "ingested_at", "source_row_id")


class NothingToRefine(RuntimeError):
    """Bronze holds no whole, reconciled batch for the partitions asked for."""


@dataclass(frozen=True, slots=True)
class PartitionCounts:
    """What became of one partition's rows: read = kept + superseded + rejected.

    Attributes:
        rows_read: Rows of its newest batch, in reconciled request dates.
        rows_kept: Rows that are the newest version of their request in this run.
        rows_superseded: Older copies of a request that also came in a newer one.
        rows_rejected: Rows that break the contract.
    """

    rows_read: int = 0
    rows_kept: int = 0
    rows_superseded: int = 0
    rows_rejected: int = 0

    @property
    def reject_rate(self) -> float:
        """Rejected rows as a share of the rows read; 0 for none read."""
        return self.rows_rejected / self.rows_read if self.rows_read else 0.0


@dataclass(frozen=True, slots=True)
class KeyAudit:
    """silver.requests, as it stands, over the request dates of a run.

    Attributes:
        rows: Its rows.
        distinct_keys: Different unique_keys among them.
        rows_with_nulls: Rows with a null in a column that the contract requires.
    """

    rows: int
    distinct_keys: int
    rows_with_nulls: int


@dataclass(frozen=True, slots=True)
class Refinement:
    """What a run of the silver step did.

    Attributes:
        partitions: Counts per ingestion date.
        rows_in_bronze: Per ingestion date, what bronze.batches says its newest batch landed.
        audit: The published table over the run's request dates.
        request_dates: Request dates of the rows read.
        inserted: Requests that were new to silver.
        updated: Requests whose version was newer than the one in silver.
        table_version: Version of silver.requests afterwards.
    """

    partitions: Mapping[date, PartitionCounts]
    rows_in_bronze: Mapping[date, int]
    audit: KeyAudit
    request_dates: tuple[date, ...]
    inserted: int
    updated: int
    table_version: int


def refine(
    spark: SparkSession,
    lakehouse: Lakehouse,
    city: City,
    *,
    ingestion_dates: Collection[date],
) -> Refinement:
    """Merge the newest whole batch of each partition into silver.

    The result does not depend on the order or the number of runs: a request's row is replaced
    only by a version that is newer at the source.

    Raises:
        NothingToRefine: No partition has a reconciled batch.
    """
    requests = Table(spark, lakehouse, silver_requests(city)).create()
    rejects = Table(spark, lakehouse, REJECTS).create()
    staged = Table(spark, lakehouse, silver_staged(city)).create()
    # The JSON is parsed once, into a table that is audited before anything is published from it.
    staged.replace_where(
        judge(parse(newest_batches(spark, lakehouse, ingestion_dates), city), city),
        "batch_id IS NOT NULL",
    )
    counts, request_dates = _count(staged.read())
    if not counts:
        raise NothingToRefine(
            f"No reconciled batch in bronze for {min(ingestion_dates)} to {max(ingestion_dates)}: "
            "materialize raw_311 for these partitions first."
        )
    if any(partition.rows_rejected for partition in counts.values()):
        _keep_rejects(staged.read(), rejects)
    before = requests.version()
    changes(staged.read(), requests.read(), request_dates).select(
        *requests.contract.column_names
    ).createOrReplaceTempView("changed_requests")
    requests.merge(
        "changed_requests",
        _same_request(request_dates),
        f"WHEN MATCHED AND {_IS_NEWER} THEN {_take_over(requests.contract)} "
        f"WHEN MATCHED AND ({_IS_EARLIER}) THEN {_EARLIER_DATES} "
        "WHEN NOT MATCHED THEN INSERT *",
    )
    version, metrics = _merge_metrics(requests, before)
    return Refinement(
        partitions=counts,
        rows_in_bronze={
            row["ingestion_date"]: row["rows"]
            for row in _newest_days(spark, lakehouse, ingestion_dates)
            .groupBy("ingestion_date")
            .agg(F.sum("rows_landed").alias("rows"))
            .collect()
        },
        audit=audit(requests, request_dates),
        request_dates=request_dates,
        inserted=int(metrics.get("numTargetRowsInserted", 0)),
        updated=int(metrics.get("numTargetRowsUpdated", 0)),
        table_version=version,
    )


def newest_batches(
    spark: SparkSession, lakehouse: Lakehouse, ingestion_dates: Collection[date]
) -> DataFrame:
    """Rows of each partition's newest batch, without the request dates that did not reconcile."""
    days = _newest_days(spark, lakehouse, ingestion_dates).drop("rows_landed")
    raw = Table(spark, lakehouse, RAW_311).create().read()
    return raw.where(f"ingestion_date IN ({date_list(ingestion_dates)})").join(
        F.broadcast(days), ["ingestion_date", "batch_id", "request_date"]
    )


def _newest_days(
    spark: SparkSession, lakehouse: Lakehouse, ingestion_dates: Collection[date]
) -> DataFrame:
    newest_first = Window.partitionBy("ingestion_date").orderBy(
        F.col("ingested_at").desc(), F.col("batch_id").desc()
    )
    return (
        Table(spark, lakehouse, BATCHES)
        .create()
        .read()
        .where(f"ingestion_date IN ({date_list(ingestion_dates)})")
        .withColumn("newest", F.first("batch_id").over(newest_first))
        .where(F.col("batch_id") == F.col("newest"))
        .where("is_reconciled")
        .select("ingestion_date", "batch_id", "request_date", "rows_landed")
    )


def audit(requests: Table, request_dates: Collection[date]) -> KeyAudit:
    """Count keys and nulls in the published table over some request dates."""
    missing = reduce(
        lambda left, right: left | right,
        (F.col(name).isNull() for name in requests.contract.required),
    )
    row = (
        requests.read()
        .where(f"request_date IN ({date_list(request_dates)})")
        .agg(
            F.count("*").alias("rows"),
            F.count_distinct("unique_key").alias("distinct_keys"),
            F.count_if(missing).alias("rows_with_nulls"),
        )
        .collect()[0]
    )
    return KeyAudit(row["rows"], row["distinct_keys"], row["rows_with_nulls"])


def changes(staged: DataFrame, requests: DataFrame, request_dates: Collection[date]) -> DataFrame:
    """The newest sound version of each request that silver does not have yet.

    Most of a pull is known already, so this is found on a few narrow columns; only what is left
    is read in full and merged.

    Returns:
        The columns of silver.requests, and those of silver.staged.
    """
    narrow = staged.select(
        "batch_id",
        "ingestion_date",
        "unique_key",
        "request_date",
        "content_hash",
        "reasons",
        *_VERSION,
    )
    found = _ranked(narrow).where(F.col("rank") == 1).alias("source")
    known = requests.where(f"request_date IN ({date_list(request_dates)})").alias("target")
    news = (
        found.join(known, F.expr(_same_request(request_dates)), "left")
        .where(F.expr(f"target.unique_key IS NULL OR {_IS_NEWER} OR {_IS_EARLIER}"))
        .select(
            "source.batch_id", "source.source_row_id", "source.first_seen", "source.last_changed"
        )
    )
    return staged.join(news, ["batch_id", "source_row_id"])


def _ranked(staged: DataFrame) -> DataFrame:
    per_request = Window.partitionBy("unique_key")
    newest_first = per_request.orderBy(*(F.col(name).desc() for name in _VERSION))
    same_content = Window.partitionBy("unique_key", "content_hash")
    return staged.where(F.size("reasons") == 0).withColumns(
        {
            "rank": F.row_number().over(newest_first),
            "first_seen": F.min("ingestion_date").over(per_request),
            "last_changed": F.min("ingestion_date").over(same_content),
        }
    )


def _count(staged: DataFrame) -> tuple[dict[date, PartitionCounts], tuple[date, ...]]:
    rank = _ranked(staged).select("ingestion_date", "pulled_date", "rank")
    broken = staged.where(F.size("reasons") > 0).select(
        "ingestion_date", "pulled_date", F.lit(0).alias("rank")
    )
    rows = (
        rank.unionByName(broken)
        .groupBy("ingestion_date", "pulled_date")
        .agg(
            F.count("*").alias("read"),
            F.count_if(F.col("rank") == 1).alias("kept"),
            F.count_if(F.col("rank") > 1).alias("superseded"),
            F.count_if(F.col("rank") == 0).alias("rejected"),
        )
        .orderBy("ingestion_date")
        .collect()
    )
    counts: dict[date, PartitionCounts] = {}
    for row in rows:
        before = counts.get(row["ingestion_date"], PartitionCounts())
        counts[row["ingestion_date"]] = PartitionCounts(
            before.rows_read + row["read"],
            before.rows_kept + row["kept"],
            before.rows_superseded + row["superseded"],
            before.rows_rejected + row["rejected"],
        )
    return counts, tuple(sorted({row["pulled_date"] for row in rows}))


def _keep_rejects(staged: DataFrame, rejects: Table) -> None:
    broken = staged.where(F.size("reasons") > 0)
    broken.select(*rejects.contract.column_names).createOrReplaceTempView("broken_rows")
    rejects.merge(
        "broken_rows",
        "target.batch_id = source.batch_id AND target.source_row_id = source.source_row_id",
        "WHEN NOT MATCHED THEN INSERT *",
    )


def _merge_metrics(requests: Table, before: int) -> tuple[int, Mapping[str, str]]:
    """Version after a MERGE and what it did; a MERGE that changes nothing makes no version."""
    row = requests.history().select("version", "operation", "operationMetrics").first()
    if row is None or row["version"] == before:
        return before, {}
    if row["version"] > before + 1 or row["operation"] != "MERGE":
        raise RuntimeError(
            f"{requests.sql_name} was written by another run during this MERGE: see its history. "
            "Let one run at a time write it (Dagster's pools do), then run the step again."
        )
    return row["version"], row["operationMetrics"]


_OTHER_CONTENT = "source.content_hash <> target.content_hash"
_IS_NEWER = (
    "(source.source_updated_at > target.source_updated_at OR "
    f"(source.source_updated_at = target.source_updated_at AND {_OTHER_CONTENT} AND "
    "struct(source.ingested_at, source.source_row_id) > "
    "struct(target.ingested_at, target.source_row_id)))"
)
_IS_EARLIER = (
    "source.first_seen < target.first_seen OR "
    f"(NOT ({_OTHER_CONTENT}) AND source.last_changed < target.last_changed)"
)
# The earliest ingestion date of the request, and of its present content.
_EARLIER_DATES = (
    "UPDATE SET target.first_seen = least(source.first_seen, target.first_seen), "
    f"target.last_changed = IF({_OTHER_CONTENT}, target.last_changed, "
    "least(source.last_changed, target.last_changed))"
)


def _same_request(request_dates: Collection[date]) -> str:
    """Join condition between source and target, bounded to the request dates of a run."""
    return (
        f"target.request_date IN ({date_list(request_dates)}) "
        "AND target.unique_key = source.unique_key"
    )


def _take_over(contract: TableContract) -> str:
    """The update to a newer version."""
    values = {name: f"source.{name}" for name in contract.column_names} | {
        "first_seen": "least(source.first_seen, target.first_seen)",
        "last_changed": f"IF({_OTHER_CONTENT}, source.last_changed, "
        "least(source.last_changed, target.last_changed))",
    }
    return "UPDATE SET " + ", ".join(f"target.{name} = {value}" for name, value in values.items())
