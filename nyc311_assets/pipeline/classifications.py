"""silver.classifications: requests that the source has filed under another type or agency since."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from nyc311_assets.pipeline.staging import Staged
from nyc311_assets.pipeline.tables import Table, within

# Up to here findings travel through the driver, so that a day without any writes nothing.
_FEW = 20_000
_FINDINGS = (
    "unique_key STRING, complaint_type STRING, agency STRING, since DATE, known_type STRING, "
    "known_agency STRING, known_since DATE, request_date DATE, is_news BOOLEAN"
)


def known_since(target: str) -> str:
    """A SQL expression: since when a row of silver.requests is known to be classified as it is.

    In a row from before classified_since was kept: no later than its present content.
    """
    return f"coalesce({target}.classified_since, {target}.last_changed)"


def same_class(left: str, right: str) -> str:
    """A SQL condition: two rows name one classification, if need be by different rules.

    The same words of the source under another name are a change of ours, not of the request.

    Args:
        left: Alias of a row with complaint_type, complaint_type_raw and agency.
        right: Alias of the other one.
    """
    return (
        f"({left}.agency = {right}.agency AND ({left}.complaint_type = {right}.complaint_type OR "
        f"{left}.complaint_type_raw <=> {right}.complaint_type_raw))"
    )


@dataclass(frozen=True)
class Findings:
    """What silver holds of a run's requests, where that is not just what the run brings.

    Attributes:
        elsewhere: Request dates outside the run's under which silver knows some of its requests.
        reclassified: Columns unique_key, complaint_type, agency and since: every classification
            that is to be recorded, with the earliest ingestion date known here; None for none.
    """

    elsewhere: frozenset[date]
    reclassified: DataFrame | None


def look_up(requests: Table, classifications: Table, staged: Staged, *, is_empty: bool) -> Findings:
    """Compare a run's requests with the rows that silver has of them, in one narrow query.

    A request whose creation time was corrected moves to another day, and would stand twice if its
    row were not looked for outside the run's days. Keys grow with time, so that their range leaves
    few files to look at.

    Args:
        requests: silver.requests.
        classifications: silver.classifications.
        staged: The run's rows.
        is_empty: silver.requests holds nothing.
    """
    come_often = staged.repeated is not None and staged.repeated.come_often
    if staged.keys is None or (is_empty and not come_often):
        return Findings(frozenset(), None)
    found = _compared(requests, classifications, staged, staged.keys)
    rows = found.limit(_FEW + 1).collect()
    if len(rows) > _FEW:
        outside = found.where(f"NOT {within(staged.request_dates)}").select("request_date")
        days = {row["request_date"] for row in outside.distinct().collect()}
        return Findings(frozenset(days), _every_class(found.where("is_news")))
    news = [row for row in rows if row["is_news"]]
    days = {row["request_date"] for row in rows} - {None, *staged.request_dates}
    if not news:
        return Findings(frozenset(days), None)
    return Findings(frozenset(days), _every_class(requests.spark.createDataFrame(news, _FINDINGS)))


def record(classifications: Table, findings: Findings) -> None:
    """Record every classification of the requests that have had several.

    It must be done before the requests are published: afterwards silver.requests no longer has
    the earlier classification. Recording twice, or in another order, gives the same rows.
    """
    if findings.reclassified is None:
        return
    classifications.merge(
        findings.reclassified,
        " AND ".join(f"target.{name} = source.{name}" for name in classifications.contract.key),
        "WHEN MATCHED AND source.since < target.since THEN UPDATE SET target.since = source.since "
        "WHEN NOT MATCHED THEN INSERT *",
    )


def recorded(classifications: Table, staged: Staged) -> DataFrame:
    """The rows of silver.classifications that may be of a run's requests."""
    rows = classifications.read()
    if staged.keys is None:
        return rows.limit(0)
    return rows.where(F.col("unique_key").between(*staged.keys))


def _compared(
    requests: Table, classifications: Table, staged: Staged, keys: tuple[str, str]
) -> DataFrame:
    """Columns of _FINDINGS: requests that stand elsewhere, or whose classification is news.

    Of a request that is recorded, all classifications are. So one that is recorded no later than
    it is seen now is no news, and neither is the one that silver.requests has beside it.
    """
    known = (
        requests.read()
        .alias("target")
        .where(F.col("unique_key").between(*keys))
        .select(
            "unique_key",
            "request_date",
            "complaint_type",
            "complaint_type_raw",
            "agency",
            F.expr(known_since("target")).alias("since"),
        )
    )
    is_news = (
        "(recorded.since IS NULL OR recorded.since > source.since) AND (source.is_mixed OR "
        f"recorded.since IS NOT NULL OR NOT {same_class('source', 'target')})"
    )
    recorded_rows = F.broadcast(recorded(classifications, staged)).alias("recorded")
    return (
        staged.observed()
        .alias("source")
        .join(known.alias("target"), F.expr("source.unique_key = target.unique_key"), "left")
        .join(
            recorded_rows,
            F.expr(
                "source.unique_key = recorded.unique_key AND source.agency = recorded.agency AND "
                "source.complaint_type = recorded.complaint_type"
            ),
            "left",
        )
        .withColumn("is_news", F.expr(f"coalesce({is_news}, false)"))
        .where(f"is_news OR NOT {within(staged.request_dates, 'target.request_date')}")
        .select(
            "source.unique_key",
            "source.complaint_type",
            "source.agency",
            "source.since",
            F.col("target.complaint_type").alias("known_type"),
            F.col("target.agency").alias("known_agency"),
            F.col("target.since").alias("known_since"),
            "target.request_date",
            "is_news",
        )
    )


def _every_class(news: DataFrame) -> DataFrame:
    """The classifications that a run brings and those that silver.requests has, each once."""
    key = ("unique_key", "complaint_type", "agency")
    before = news.where("known_type IS NOT NULL").select(
        "unique_key",
        F.col("known_type").alias("complaint_type"),
        F.col("known_agency").alias("agency"),
        F.col("known_since").alias("since"),
    )
    every = news.select(*key, "since").unionByName(before)
    return every.groupBy(*key).agg(F.min("since").alias("since"))
