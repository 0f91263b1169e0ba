"""silver.staged: a run's rows, typed and judged, before anything is published from them."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from uuid import uuid4

from pyspark.sql import Column, DataFrame, SparkSession, Window
from pyspark.sql import functions as F

from nyc311_assets.pipeline.batches import USABLE
from nyc311_assets.pipeline.cities import City
from nyc311_assets.pipeline.contracts import BATCHES, RAW_311, silver_staged
from nyc311_assets.pipeline.masking import mask
from nyc311_assets.pipeline.masks import Masks
from nyc311_assets.pipeline.rows import judge, parse
from nyc311_assets.pipeline.tables import Lakehouse, Table, within

# Newest first. The row id breaks ties between two copies of one request in the same pull.
VERSION = ("source_updated_at", "ingested_at", "source_row_id")
_STAMP = "%Y%m%dT%H%M%S"
# Staged rows of a run that was killed are cleared by a run a day later.
_LONGEST_RUN = timedelta(days=1)
# Up to here repeated keys travel through the driver, which spares every query their search.
_FEW_KEYS = 20_000


@dataclass(frozen=True, slots=True)
class LandedDay:
    """A usable request date of a batch, as recorded in bronze.batches.

    Attributes:
        batch_id: The pull.
        ingestion_date: Its daily partition.
        request_date: The date of the query.
        rows_expected: The source's own count.
        rows_landed: Rows in bronze.raw_311.
    """

    batch_id: str
    ingestion_date: date
    request_date: date
    rows_expected: int
    rows_landed: int


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
class Staged:
    """One run's staged rows.

    Attributes:
        rows: Columns of silver.staged.
        days: What was staged, by pull and request date.
        keys: Least and greatest unique_key among the sound rows; None if there is none.
        repeated: Column unique_key: requests with more than one sound row; None if there is none.
    """

    rows: DataFrame
    days: tuple[StagedDay, ...]
    keys: tuple[str, str] | None
    repeated: DataFrame | None

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
            These columns, plus first_seen and last_changed: the first ingestion dates in the run
            with this request, and with this content of it; and is_current: whether any copy of
            the request came in the newest pull of its day.
        """
        first_and_last = {
            "first_seen": F.col("ingestion_date"),
            "last_changed": F.col("ingestion_date"),
            "is_current": in_newest_pull,
        }
        wanted = [*columns, *first_and_last]
        if self.repeated is None:
            return self.sound.withColumns(first_and_last).select(*wanted)
        # Next to all requests come once, and need no sorting.
        repeated = F.broadcast(self.repeated)
        once = self.sound.join(repeated, "unique_key", "left_anti").withColumns(first_and_last)
        per_request = Window.partitionBy("unique_key")
        newest_first = per_request.orderBy(*(F.col(name).desc() for name in VERSION))
        same_content = Window.partitionBy("unique_key", "content_hash")
        often = (
            self.sound.join(repeated, "unique_key", "left_semi")
            .withColumns(
                {
                    "rank": F.row_number().over(newest_first),
                    "first_seen": F.min("ingestion_date").over(per_request),
                    "last_changed": F.min("ingestion_date").over(same_content),
                    "is_current": F.bool_or(in_newest_pull).over(per_request),
                }
            )
            .where(F.col("rank") == 1)
        )
        return once.select(*wanted).unionByName(often.select(*wanted))


def newest_days(
    spark: SparkSession, lakehouse: Lakehouse, ingestion_dates: Collection[date]
) -> tuple[LandedDay, ...]:
    """The request dates of each partition's newest batch that are reconciled and not held back."""
    newest_first = Window.partitionBy("ingestion_date").orderBy(
        F.col("ingested_at").desc(), F.col("batch_id").desc()
    )
    rows = (
        Table(spark, lakehouse, BATCHES)
        .create()
        .read()
        .where(within(ingestion_dates, "ingestion_date"))
        .withColumn("newest", F.first("batch_id").over(newest_first))
        .where(F.col("batch_id") == F.col("newest"))
        .where(USABLE)
        .select("batch_id", "ingestion_date", "request_date", "rows_expected", "rows_landed")
        .collect()
    )
    return tuple(LandedDay(*row) for row in rows)


def rows_of(spark: SparkSession, lakehouse: Lakehouse, landed: Collection[LandedDay]) -> DataFrame:
    """The rows in bronze.raw_311 of some batches' request dates."""
    keys = [(day.batch_id, day.request_date) for day in landed]
    wanted = spark.createDataFrame(keys, "batch_id STRING, request_date DATE")
    partitions = within((day.ingestion_date for day in landed), "ingestion_date")
    raw = Table(spark, lakehouse, RAW_311).create().read()
    return raw.where(partitions).join(F.broadcast(wanted), ["batch_id", "request_date"])


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
    repeated = _repeated(spark, rows.where(is_sound))
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
        repeated=repeated,
    )


def _repeated(spark: SparkSession, sound: DataFrame) -> DataFrame | None:
    keys = sound.groupBy("unique_key").count().where("count > 1").select("unique_key")
    few = keys.limit(_FEW_KEYS + 1).collect()
    if not few:
        return None
    return spark.createDataFrame(few, "unique_key STRING") if len(few) <= _FEW_KEYS else keys
