"""silver.staged: a run's rows, typed and judged, before anything is published from them."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from uuid import uuid4

from pyspark.sql import Column, DataFrame, SparkSession, Window
from pyspark.sql import functions as F

from nyc311_assets.pipeline.cities import City
from nyc311_assets.pipeline.contracts import silver_staged
from nyc311_assets.pipeline.landed_days import LandedDay, rows_of
from nyc311_assets.pipeline.masking import mask
from nyc311_assets.pipeline.masks import Masks
from nyc311_assets.pipeline.rows import judge, parse
from nyc311_assets.pipeline.tables import Lakehouse, Table, within

# Newest first. The row id breaks ties between two copies of one request in the same pull.
VERSION = ("source_updated_at", "ingested_at", "source_row_id")
CLASSIFICATION = ("unique_key", "complaint_type", "agency")
_ROW = ("batch_id", "source_row_id")
_DATES = ("first_seen", "last_changed", "classified_since")
_STAMP = "%Y%m%dT%H%M%S"
# Staged rows of a run that was killed are cleared by a run a day later.
_LONGEST_RUN = timedelta(days=1)
# Up to here repeated keys travel through the driver, which spares every query their search.
_FEW_KEYS = 20_000


@dataclass(frozen=True, slots=True)
class StagedDay:
    """What one pull brought of one request date.

    Attributes:
        batch_id: The pull.
        ingestion_date: Its daily partition.
        request_date: The date of the query.
        pulled_us: When the pull began, microseconds since 1970.
        rows_read: Rows staged.
        rows_rejected: Of them, those that break the contract.
        rows_superseded: Of the sound ones, older or equal copies of a request in the same pull.
    """

    batch_id: str
    ingestion_date: date
    request_date: date
    pulled_us: int
    rows_read: int
    rows_rejected: int
    rows_superseded: int

    @property
    def rows_kept(self) -> int:
        """Requests: sound rows, each request once."""
        return self.rows_read - self.rows_rejected - self.rows_superseded


@dataclass(frozen=True)
class Repeated:
    """Requests with more than one sound row in a run.

    Attributes:
        keys: Column unique_key.
        are_few: They can be sent to every worker, with a row of each.
        come_often: Some of them may have come in more than one pull.
    """

    keys: DataFrame
    are_few: bool
    come_often: bool

    @property
    def searched(self) -> DataFrame:
        """The keys as a join looks them up: at every worker if they are few."""
        return F.broadcast(self.keys) if self.are_few else self.keys


@dataclass(frozen=True)
class Staged:
    """One run's staged rows.

    Attributes:
        rows: Columns of silver.staged.
        days: What was staged, by pull and request date.
        keys: Least and greatest unique_key among the sound rows; None if there is none.
        repeated: Requests with more than one sound row; None if there is none.
    """

    rows: DataFrame
    days: tuple[StagedDay, ...]
    keys: tuple[str, str] | None
    repeated: Repeated | None

    @property
    def request_dates(self) -> tuple[date, ...]:
        """The request dates, oldest first."""
        return tuple(sorted({day.request_date for day in self.days}))

    @property
    def sound(self) -> DataFrame:
        """The rows that break no rule."""
        return self.rows.where(F.size("reasons") == 0)

    def newest(self, columns: Collection[str], in_newest_pull: Column) -> DataFrame:
        """The newest sound row of each request.

        Args:
            columns: Those wanted of silver.staged.
            in_newest_pull: Whether a row came in the newest pull of its day.

        Returns:
            These columns, plus first_seen, last_changed and classified_since: the first ingestion
            dates in the run with this request, with this content of it and with this
            classification; and is_current: whether any copy of the request came in the newest
            pull of its day.
        """
        merged = {name: F.col("ingestion_date") for name in _DATES} | {"is_current": in_newest_pull}
        if self.repeated is None:
            return self.sound.withColumns(merged).select(*columns, *merged)
        chosen = self._chosen(self.repeated, in_newest_pull)
        chosen = F.broadcast(chosen) if self.repeated.are_few else chosen
        # Each row is read in full once only, whether its request has others or not.
        return (
            self.sound.withColumns(merged)
            .join(
                self.repeated.searched.withColumn("is_repeated", F.lit(True)),
                "unique_key",
                "left",
            )
            .join(chosen, list(_ROW), "left")
            .where("is_repeated IS NULL OR chosen_is_current IS NOT NULL")
            .select(*columns, *(F.coalesce(f"chosen_{name}", name).alias(name) for name in merged))
        )

    def _chosen(self, repeated: Repeated, in_newest_pull: Column) -> DataFrame:
        """The newest rows of these requests: _ROW, and as chosen_… what `newest` adds to each."""
        per_request = Window.partitionBy("unique_key")
        first = F.min("ingestion_date")
        return (
            self._one_per_pull(repeated, in_newest_pull)
            .withColumns(
                {
                    "rank": F.row_number().over(per_request.orderBy(*_newest_first())),
                    "first_seen": first.over(per_request),
                    "last_changed": first.over(Window.partitionBy("unique_key", "content_hash")),
                    "classified_since": first.over(Window.partitionBy(*CLASSIFICATION)),
                    "is_current": F.bool_or("in_newest_pull").over(per_request),
                }
            )
            .where(F.col("rank") == 1)
            .select(
                *_ROW, *(F.col(name).alias(f"chosen_{name}") for name in (*_DATES, "is_current"))
            )
        )

    def observed(self) -> DataFrame:
        """Every classification that a pull of the run shows of a request.

        Returns:
            unique_key, complaint_type, agency; complaint_type_raw, one of them if there are
            several; since, the first ingestion date in the run that shows it; is_mixed, whether
            the run shows several of the request.
        """
        columns = [*CLASSIFICATION, "complaint_type_raw"]
        alone = {"since": F.col("ingestion_date"), "is_mixed": F.lit(False)}
        wanted = [*columns, *alone]
        if self.repeated is None:
            return self.sound.withColumns(alone).select(*wanted)
        often = (
            self._one_per_pull(self.repeated, F.lit(False))
            .groupBy(*CLASSIFICATION)
            .agg(
                F.min("complaint_type_raw").alias("complaint_type_raw"),
                F.min("ingestion_date").alias("since"),
            )
            .withColumn("is_mixed", F.count("*").over(Window.partitionBy("unique_key")) > 1)
        )
        return (
            self._once(self.repeated)
            .withColumns(alone)
            .select(*wanted)
            .unionByName(often.select(*wanted))
        )

    def _once(self, repeated: Repeated) -> DataFrame:
        """Sound rows of requests that have no other; next to all, and they need no sorting."""
        return self.sound.join(repeated.searched, "unique_key", "left_anti")

    def _one_per_pull(self, repeated: Repeated, in_newest_pull: Column) -> DataFrame:
        """Of the other requests the newest sound row in each pull: the older ones never stood.

        Returns:
            The columns of silver.staged, plus in_newest_pull: whether it holds for any of the
            pull's rows of the request.
        """
        per_pull = Window.partitionBy("unique_key", "batch_id")
        return (
            self.sound.join(repeated.searched, "unique_key", "left_semi")
            .withColumns(
                {
                    "rank_in_pull": F.row_number().over(per_pull.orderBy(*_newest_first())),
                    "in_newest_pull": F.bool_or(in_newest_pull).over(per_pull),
                }
            )
            .where(F.col("rank_in_pull") == 1)
        )


def _newest_first() -> list[Column]:
    return [F.desc(name) for name in VERSION]


def of_pulls(days: Iterable[StagedDay]) -> str:
    """A SQL condition on staged rows that holds for what these pulls brought."""
    pulled: dict[str, list[date]] = {}
    for day in days:
        pulled.setdefault(day.batch_id, []).append(day.request_date)
    each = (
        f"batch_id = '{batch}' AND {within(dates, 'pulled_date')}"
        for batch, dates in sorted(pulled.items())
    )
    return " OR ".join(f"({condition})" for condition in each) or "false"


def stage(
    spark: SparkSession,
    lakehouse: Lakehouse,
    city: City,
    landed: Collection[LandedDay],
    now: datetime,
    masks: Masks,
) -> Staged:
    """Parse, judge and mask what landed once, into rows that later steps only read."""
    table = Table(spark, lakehouse, silver_staged(city)).create()
    run = f"{now.strftime(_STAMP)}-{uuid4().hex[:8]}"
    stale = (now - _LONGEST_RUN).strftime(_STAMP)
    bronze = rows_of(spark, lakehouse, landed)
    table.replace_where(
        mask(judge(parse(bronze, city), city), city, masks).withColumn("run", F.lit(run)),
        f"run = '{run}' OR run < '{stale}'",
    )
    rows = table.read().where(F.col("run") == run).drop("run")
    return _counted(spark, rows)


def _counted(spark: SparkSession, rows: DataFrame) -> Staged:
    is_sound = F.size("reasons") == 0
    key = F.when(is_sound, F.col("unique_key")).alias("key")
    found = (
        rows.groupBy("batch_id", "ingestion_date", "pulled_date", key)
        .agg(F.count("*").alias("rows"), F.max(F.unix_micros("ingested_at")).alias("pulled_us"))
        .groupBy("batch_id", "ingestion_date", "pulled_date")
        .agg(
            F.sum("rows").alias("read"),
            F.sum(F.when(F.col("key").isNull(), F.col("rows"))).alias("rejected"),
            F.sum(F.when(F.col("key").isNotNull(), F.col("rows") - 1)).alias("superseded"),
            F.max("pulled_us").alias("pulled_us"),
            F.min("key").alias("least"),
            F.max("key").alias("greatest"),
        )
        .collect()
    )
    least = min((row["least"] for row in found if row["least"] is not None), default=None)
    greatest = max((row["greatest"] for row in found if row["greatest"] is not None), default=None)
    days = (
        StagedDay(
            batch_id=row["batch_id"],
            ingestion_date=row["ingestion_date"],
            request_date=row["pulled_date"],
            pulled_us=row["pulled_us"],
            rows_read=row["read"],
            rows_rejected=row["rejected"] or 0,
            rows_superseded=row["superseded"] or 0,
        )
        for row in found
    )
    return Staged(
        rows=rows,
        days=tuple(sorted(days, key=lambda day: (day.request_date, day.pulled_us, day.batch_id))),
        keys=(least, greatest) if least is not None and greatest is not None else None,
        repeated=_repeated(spark, rows.where(is_sound)),
    )


def _repeated(spark: SparkSession, sound: DataFrame) -> Repeated | None:
    keys = (
        sound.groupBy("unique_key")
        .agg(F.count("*").alias("rows"), F.min("batch_id") != F.max("batch_id"))
        .where("rows > 1")
        .drop("rows")
    )
    few = keys.limit(_FEW_KEYS + 1).collect()
    if not few:
        return None
    if len(few) > _FEW_KEYS:
        return Repeated(keys.select("unique_key"), are_few=False, come_often=True)
    return Repeated(
        spark.createDataFrame([(key,) for key, _ in few], "unique_key STRING"),
        are_few=True,
        come_often=any(in_several for _, in_several in few),
    )
