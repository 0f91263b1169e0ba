"""gold.daily_counts: requests per day, complaint type, borough and agency, with features."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

from pyspark.errors import PySparkException
from pyspark.sql import DataFrame, SparkSession, Window
from pyspark.sql import functions as F

from nyc311_assets.pipeline.cities import City
from nyc311_assets.pipeline.contracts import BATCHES, DAILY_COUNTS, silver_requests
from nyc311_assets.pipeline.days import DayState, day_state
from nyc311_assets.pipeline.tables import Lakehouse, Table, within

# A series is zero-filled for this many days after its last request. It bounds every feature too:
# no lag or rolling mean looks back further.
ACTIVE_DAYS = 90
_LAGS = (1, 7, 14, 28)
_ROLLING = (7, 28)
_SERIES = ["complaint_type", "borough", "agency"]
_WATERMARK = "silver_version"
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


class NothingToCount(RuntimeError):
    """Silver holds no request yet."""


@dataclass(frozen=True, slots=True)
class DayTotals:
    """One request date in gold beside silver.

    Attributes:
        request_date: The local day.
        requests: Sum of requests in gold.
        silver_requests: Requests of the day in silver.
        series: Rows of the day in gold.
        negative: Rows with a negative count.
        is_complete: As in gold.
        is_final: As in gold.
    """

    request_date: date
    requests: int
    silver_requests: int
    series: int
    negative: int
    is_complete: bool
    is_final: bool


@dataclass(frozen=True, slots=True)
class Aggregation:
    """What a run of the gold step did.

    Attributes:
        days: Every request date of gold and of silver, oldest first.
        rewritten: Request dates whose rows changed and were written.
        table_version: Version of gold.daily_counts afterwards.
    """

    days: tuple[DayTotals, ...]
    rewritten: tuple[date, ...]
    table_version: int


def aggregate(
    spark: SparkSession,
    lakehouse: Lakehouse,
    city: City,
    *,
    request_dates: Collection[date],
) -> Aggregation:
    """Bring gold up to silver, rewriting only the days that really changed.

    Args:
        spark: The session.
        lakehouse: Where the tables are.
        city: Gives the settling time of its source.
        request_dates: Days to look at again although silver's change feed may not name them:
            those whose completeness this run's pull may have changed.

    Raises:
        NothingToCount: Silver is empty.
    """
    requests = Table(spark, lakehouse, silver_requests(city)).create()
    counts = Table(spark, lakehouse, DAILY_COUNTS).create()
    silver_version = requests.version()
    current = requests.read().where("is_current")
    span = current.agg(F.min("request_date"), F.max("request_date")).first()
    if span is None or span[0] is None:
        # Also after a restore of silver to before its first row: gold holds nothing either.
        counts.replace_where(counts.read().limit(0), "true", {_WATERMARK: silver_version})
        raise NothingToCount("silver.requests is empty: materialize silver_requests first.")
    first, last = span
    is_counted = _keep_within(counts, first, last)
    touched = {day for day in request_dates if first <= day <= last}
    watermark = _read_watermark(counts) if is_counted else None
    changed = _changed_days(requests, watermark)
    touched |= {
        day for day in (_days(first, last) if changed is None else changed) if first <= day <= last
    }
    states = day_states(spark, lakehouse, city)
    # A day that was never pulled whole is unknown, not zero: it gets no row.
    affected = sorted(
        states.keys()
        & {day + timedelta(days=ahead) for day in touched for ahead in range(ACTIVE_DAYS)}
        & set(_days(first, last))
    )
    rewritten: tuple[date, ...] = ()
    if affected:
        rows = daily_counts(current, first, affected, states)
        # The first time there is nothing to compare with.
        rewritten = tuple(affected) if watermark is None else _differing(counts, rows, affected)
    if rewritten:
        predicate = within(rewritten)
        counts.replace_where(
            rows.where(predicate).sort("request_date", *_SERIES),
            predicate,
            {_WATERMARK: silver_version},
        )
    elif changed is None:
        # Counted anew without a difference: the next run may go by the change feed again.
        counts.replace_where(counts.read().limit(0), "false", {_WATERMARK: silver_version})
    return Aggregation(_totals(current, counts), rewritten, counts.version())


def day_states(spark: SparkSession, lakehouse: Lakehouse, city: City) -> dict[date, DayState]:
    """The state of every request date, by the newest reconciled pull of it."""
    rows = (
        Table(spark, lakehouse, BATCHES)
        .create()
        .read()
        .where("is_reconciled")
        .groupBy("request_date")
        .agg(
            F.max_by("source_reach", "ingested_at").alias("source_reach"),
            F.max(F.unix_micros("dataset_version")).alias("dataset_version_us"),
        )
        .collect()
    )
    return {
        row["request_date"]: day_state(
            city,
            row["request_date"],
            row["source_reach"],
            datetime.fromtimestamp(row["dataset_version_us"] / 1_000_000, UTC),
        )
        for row in rows
    }


def daily_counts(
    requests: DataFrame,
    first: date,
    affected: Collection[date],
    states: Mapping[date, DayState],
) -> DataFrame:
    """Rows of gold.daily_counts for the affected days.

    Features go by the calendar, never by the row, and never include the day itself. A day that is
    not complete counts as unknown: a lag onto it is null, and a rolling mean leaves it out.

    Args:
        requests: silver.requests, its current rows.
        first: Silver's first request date.
        affected: Days to return.
        states: Completeness of each day.

    Returns:
        The columns of gold.daily_counts.
    """
    since = max(first, min(affected) - timedelta(days=ACTIVE_DAYS + max(_LAGS)))
    until = max(affected)
    counted = (
        requests.where(F.col("request_date").between(since, until))
        .groupBy("request_date", *_SERIES)
        .agg(
            F.count("*").alias("requests"),
            F.count("closed_local").alias("closed"),
            F.median("hours_to_close").alias("median_hours_to_close"),
        )
    )
    ahead = F.least(F.date_add("last_day", ACTIVE_DAYS - 1), F.lit(until))
    calendar = (
        counted.groupBy(*_SERIES)
        .agg(F.min("request_date").alias("first_day"), F.max("request_date").alias("last_day"))
        .withColumn("request_date", F.explode(F.sequence("first_day", ahead)))
        .drop("first_day", "last_day")
    )
    filled = (
        calendar.join(counted, ["request_date", *_SERIES], "left")
        .join(F.broadcast(_day_facts(requests.sparkSession, since, until, states)), "request_date")
        .withColumns(
            {
                "requests": F.coalesce("requests", F.lit(0).cast("bigint")),
                "closed": F.coalesce("closed", F.lit(0).cast("bigint")),
                "ordinal": F.datediff("request_date", F.lit(first)),
            }
        )
        .withColumns(
            {
                "known": F.when(F.col("is_complete"), F.col("requests")),
                "seen": F.when(F.col("requests") > 0, F.col("ordinal")),
            }
        )
    )
    by_day = Window.partitionBy(*_SERIES).orderBy("ordinal")
    features = {"last_seen": F.last("seen", ignorenulls=True).over(by_day)}
    for lag in _LAGS:
        features[f"lag_{lag}"] = F.first("known").over(by_day.rangeBetween(-lag, -lag))
    for window in _ROLLING:
        features[f"sum_{window}"] = F.sum("known").over(by_day.rangeBetween(-window, -1))
    featured = filled.withColumns(features)
    active = F.col("ordinal") - F.col("last_seen") < ACTIVE_DAYS
    wanted = featured.where(active & F.col("request_date").isin(list(affected)))
    mended = {}
    for lag in _LAGS:
        # Before its first request a series has no row: on a complete day its count is zero.
        zero = F.when(F.col(f"is_known_{lag}"), F.lit(0).cast("bigint"))
        mended[f"lag_{lag}"] = F.coalesce(f"lag_{lag}", zero)
    for window in _ROLLING:
        days_known = F.col(f"days_known_{window}")
        total = F.coalesce(f"sum_{window}", F.lit(0))
        mended[f"rolling_mean_{window}"] = F.when(days_known > 0, total / days_known)
    return wanted.withColumns(mended).select(*DAILY_COUNTS.column_names)


def _day_facts(
    spark: SparkSession, since: date, until: date, states: Mapping[date, DayState]
) -> DataFrame:
    """Per day: its state, which days that its lags look at are complete, and how many before it."""
    complete = {day for day, state in states.items() if state.is_complete}
    final = {day for day, state in states.items() if state.is_final}

    def facts(day: date) -> tuple[date | bool | int, ...]:
        before = [day - timedelta(days=age) in complete for age in range(max(_ROLLING) + 1)]
        return (
            day,
            day in complete,
            day in final,
            *(before[lag] for lag in _LAGS),
            *(sum(before[1 : window + 1]) for window in _ROLLING),
        )

    days = [since + timedelta(days=ahead) for ahead in range((until - since).days + 1)]
    schema = ", ".join(
        [
            "request_date DATE, is_complete BOOLEAN, is_final BOOLEAN",
            *(f"is_known_{lag} BOOLEAN" for lag in _LAGS),
            *(f"days_known_{window} INT" for window in _ROLLING),
        ]
    )
    return spark.createDataFrame([facts(day) for day in days], schema)


def _days(first: date, last: date) -> list[date]:
    return [first + timedelta(days=ahead) for ahead in range((last - first).days + 1)]


def _keep_within(counts: Table, first: date, last: date) -> bool:
    """Remove days that silver no longer reaches to, as after a restore; tell if any are left."""
    outside = f"request_date < DATE'{first}' OR request_date > DATE'{last}'"
    found = counts.read().agg(F.count("*").alias("rows"), F.count_if(F.expr(outside)).alias("out"))
    rows, out = found.collect()[0]
    if out:
        counts.replace_where(counts.read().limit(0), outside)
    return bool(rows > out)


def _changed_days(requests: Table, watermark: int | None) -> set[date] | None:
    """Days that silver's change feed names since gold was last written; None: it cannot tell."""
    if watermark is None:
        return None
    if watermark >= requests.version():
        return set()
    try:
        rows = requests.changes_since(watermark).select("request_date").distinct().collect()
    except PySparkException as error:
        if error.getCondition() not in _FEED_IS_GONE:
            raise
        return None
    return {row["request_date"] for row in rows}


def _read_watermark(counts: Table) -> int | None:
    """Silver's version as of the rows that gold holds; None before it was first written."""
    below: int | None = None
    for row in (
        counts.history()
        .select("version", "operation", "operationParameters", "userMetadata")
        .toLocalIterator()
    ):
        if below is not None and row["version"] > below:
            continue
        below = None
        if row["operation"] == "RESTORE":
            # What was written after the version gone back to does not count any more.
            below = int(row["operationParameters"]["version"])
        elif row["userMetadata"]:
            metadata = json.loads(row["userMetadata"])
            if _WATERMARK in metadata:
                return int(metadata[_WATERMARK])
    return None


def _differing(counts: Table, new: DataFrame, affected: Iterable[date]) -> tuple[date, ...]:
    """The days whose rows differ from what gold holds."""
    old = counts.read().where(within(affected))
    days = (
        _fingerprints(new)
        .withColumnRenamed("fingerprint", "new_fingerprint")
        .join(_fingerprints(old), "request_date", "full")
        .where(~F.col("new_fingerprint").eqNullSafe(F.col("fingerprint")))
    )
    return tuple(sorted(row["request_date"] for row in days.collect()))


def _fingerprints(rows: DataFrame) -> DataFrame:
    """One value per day that changes whenever any row of the day does."""
    row_hash = F.xxhash64(*DAILY_COUNTS.column_names).cast("decimal(38,0)")
    return rows.groupBy("request_date").agg(
        F.struct(F.count("*"), F.sum(row_hash)).alias("fingerprint")
    )


def _totals(current: DataFrame, counts: Table) -> tuple[DayTotals, ...]:
    in_silver = current.groupBy("request_date").agg(F.count("*").alias("silver_requests"))
    in_gold = (
        counts.read()
        .groupBy("request_date")
        .agg(
            F.sum("requests").alias("requests"),
            F.count("*").alias("series"),
            F.count_if((F.col("requests") < 0) | (F.col("closed") < 0)).alias("negative"),
            F.bool_and("is_complete").alias("is_complete"),
            F.bool_and("is_final").alias("is_final"),
        )
    )
    rows = in_gold.join(in_silver, "request_date", "full").orderBy("request_date").collect()
    return tuple(
        DayTotals(
            row["request_date"],
            row["requests"] or 0,
            row["silver_requests"] or 0,
            row["series"] or 0,
            row["negative"] or 0,
            bool(row["is_complete"]),
            bool(row["is_final"]),
        )
        for row in rows
    )
