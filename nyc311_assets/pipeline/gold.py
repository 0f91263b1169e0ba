"""gold.daily_counts: requests per day, complaint type, borough and agency, with features."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F
from pyspark.sql.pandas.types import to_arrow_schema

from nyc311_assets.pipeline.accounts import DayTotals
from nyc311_assets.pipeline.cities import City
from nyc311_assets.pipeline.contracts import BATCHES, DAILY_COUNTS, DAYS, silver_requests
from nyc311_assets.pipeline.days import DayState, day_state, days_between
from nyc311_assets.pipeline.features import (
    ACTIVE_DAYS,
    BACKLOG_DAYS,
    FEATURE_DAYS,
    SERIES,
    Scope,
    daily_counts,
)
from nyc311_assets.pipeline.tables import Lakehouse, Table, instant, within
from nyc311_assets.pipeline.watermark import Watermark, changed_days, read_watermark

# Rows of so many days travel between Spark and this process at one time.
_DAYS_AT_ONCE = 400


class NothingToCount(RuntimeError):
    """Silver holds no request yet."""


@dataclass(frozen=True, slots=True)
class Aggregation:
    """What a run of the gold step did.

    Attributes:
        days: The run's request dates that gold or silver holds, oldest first.
        rewritten: Request dates whose rows changed and were written.
        rows: Rows of gold.daily_counts afterwards.
        last_complete_day: Its newest complete day; None if there is none.
        table_version: Its version afterwards.
    """

    days: tuple[DayTotals, ...]
    rewritten: tuple[date, ...]
    rows: int
    last_complete_day: date | None
    table_version: int


def aggregate(
    spark: SparkSession,
    lakehouse: Lakehouse,
    city: City,
    *,
    request_dates: Collection[date],
) -> Aggregation:
    """Bring gold up to silver, rewriting only the days that changed.

    Args:
        spark: The session.
        lakehouse: Where the tables are.
        city: Gives the settling time of its source, and its holidays.
        request_dates: Days to look at again although silver's change feed may not name them:
            those whose completeness this run's pull may have changed.

    Raises:
        NothingToCount: Silver is empty, and not because what was pulled is held back.
    """
    requests = Table(spark, lakehouse, silver_requests(city)).create()
    counts = Table(spark, lakehouse, DAILY_COUNTS).create()
    # Before silver's version: what another run merges meanwhile is unknown here, not complete.
    states = day_states(spark, lakehouse, city)
    at = Watermark(requests.version(), requests.table_id())
    mark = at.metadata
    # Each query would see another run's rows otherwise.
    current = requests.at_version(at.version).where("is_current")
    reached = current.agg(F.min("request_date"), F.max("request_date")).first()
    if reached is None or reached[0] is None:
        # Also after a restore of silver to before its first row: gold holds nothing either.
        if not counts.read().isEmpty():
            counts.replace_where(counts.read().limit(0), "true", mark)
        batches = Table(spark, lakehouse, BATCHES).create().read()
        if not batches.where("held_back IS NOT NULL").isEmpty():
            return Aggregation((), (), 0, None, counts.version())
        raise NothingToCount("silver.requests is empty: materialize silver_requests first.")
    first, last = reached
    followed = read_watermark(counts) if _keep_within(counts, first, last) else None
    named = changed_days(requests, followed, at)
    everything = frozenset(days_between(first, last))
    # Also days that silver has lost: those after them looked back on them.
    changed = everything if named is None else named | set(request_dates)
    ahead = {day + timedelta(days=age) for day in changed for age in range(ACTIVE_DAYS)}
    parts = [Scope(first, last, changed, affected) for affected in _parts(ahead & everything)]
    rewritten: list[date] = []
    for scope in parts:
        # The mark says that all is written: of several commits, none of these may.
        rewritten += _bring_up(
            city, current, counts, scope, states, mark if len(parts) == 1 else None
        )
    if (rewritten and len(parts) > 1) or (named is None and not rewritten):
        # Also counted anew without a difference: the next run may go by the change feed again.
        counts.replace_where(counts.read().limit(0), "false", mark)
    figures = counts.read().agg(
        F.count("*"), F.max(F.when(F.col("is_complete"), F.col("request_date")))
    )
    row_count, last_complete_day = figures.collect()[0]
    return Aggregation(
        days=totals(current, counts, request_dates),
        rewritten=tuple(rewritten),
        rows=row_count,
        last_complete_day=last_complete_day,
        table_version=counts.version(),
    )


def day_states(spark: SparkSession, lakehouse: Lakehouse, city: City) -> dict[date, DayState]:
    """The state of every request date that silver has merged, by the pull that it merged last.

    What bronze alone has of a day says nothing of gold's counts, which come from silver.
    """
    merged = Table(spark, lakehouse, DAYS).create().read().select("request_date", "batch_id")
    rows = (
        Table(spark, lakehouse, BATCHES)
        .create()
        .read()
        .join(F.broadcast(merged), ["request_date", "batch_id"])
        .select(
            "request_date",
            "source_reach",
            F.unix_micros("dataset_version").alias("dataset_version_us"),
        )
        .collect()
    )
    return {
        row["request_date"]: day_state(
            city,
            row["request_date"],
            row["source_reach"],
            instant(row["dataset_version_us"]),
        )
        for row in rows
    }


def _parts(affected: Collection[date]) -> list[tuple[date, ...]]:
    """The days in parts that are made one by one: short ones, and none with a gap of months."""
    parts: list[list[date]] = []
    for day in sorted(affected):
        if (
            not parts
            or len(parts[-1]) == _DAYS_AT_ONCE
            or (day - parts[-1][-1]).days > ACTIVE_DAYS + FEATURE_DAYS
        ):
            parts.append([])
        parts[-1].append(day)
    return [tuple(part) for part in parts]


def _keep_within(counts: Table, first: date, last: date) -> bool:
    """Remove days that silver no longer reaches to, as after a restore; tell if any are left."""
    outside = f"request_date < DATE'{first}' OR request_date > DATE'{last}'"
    found = counts.read().agg(F.count("*").alias("rows"), F.count_if(F.expr(outside)).alias("out"))
    rows, out = found.collect()[0]
    if out:
        counts.replace_where(counts.read().limit(0), outside)
    return bool(rows > out)


def _bring_up(
    city: City,
    current: DataFrame,
    counts: Table,
    scope: Scope,
    states: Mapping[date, DayState],
    mark: Mapping[str, Any] | None,
) -> list[date]:
    """Make the rows of a scope's affected days, and write those of the days that differ."""
    fresh = counted(current, scope.counted_days).toPandas()
    held = counts.read().where(within(scope.days)).select(*DAILY_COUNTS.column_names)
    old = held.toArrow()
    made = daily_counts(city, fresh, old.to_pandas(), scope, states)
    new = pa.Table.from_pandas(made, to_arrow_schema(held.schema), preserve_index=False)
    is_affected = pc.is_in(old["request_date"], pa.array(scope.affected, pa.date32()))
    before = old.filter(is_affected).cast(new.schema)
    differing = differing_days(before, new)
    if differing:
        wanted = pc.is_in(new["request_date"], pa.array(differing, pa.date32()))
        rows = new.filter(wanted).sort_by([(name, "ascending") for name in DAILY_COUNTS.key])
        frame = counts.spark.createDataFrame(rows)
        counts.replace_where(frame.coalesce(1), within(differing), mark)
    return differing


def counted(requests: DataFrame, days: Collection[date]) -> DataFrame:
    """Requests of each series on these days.

    Returns:
        request_date, complaint_type, borough, agency, requests, closed, median_hours_to_close,
        and open_at: how many were open at the end of the day, and of each of the 7 after it.
    """
    closed_on = F.to_date("closed_local")
    still_open = (
        F.count_if(closed_on.isNull() | (closed_on > F.date_add("request_date", age)))
        for age in range(BACKLOG_DAYS + 1)
    )
    return (
        requests.where(within(days))
        .groupBy("request_date", *SERIES)
        .agg(
            F.count("*").alias("requests"),
            F.count("closed_local").alias("closed"),
            F.median("hours_to_close").alias("median_hours_to_close"),
            F.array(*still_open).alias("open_at"),
        )
    )


def differing_days(old: pa.Table, new: pa.Table) -> list[date]:
    """The days whose rows are not the same in two tables of one schema, oldest first."""
    fingerprints = [_fingerprints(table) for table in (old, new)]
    days = fingerprints[0].keys() | fingerprints[1].keys()
    return sorted(day for day in days if len({each.get(day) for each in fingerprints}) > 1)


def _fingerprints(table: pa.Table) -> dict[date, tuple[int, int]]:
    """Per day: its rows, and a value that changes whenever any of them does."""
    rows = table.to_pandas()
    rows["fingerprint"] = pd.util.hash_pandas_object(rows, index=False)
    found = rows.groupby("request_date")["fingerprint"].agg(["size", "sum"])
    return {day: (size, total) for day, size, total in found.itertuples()}


def totals(current: DataFrame, counts: Table, days: Collection[date]) -> tuple[DayTotals, ...]:
    """Compare gold with the current rows of silver, series by series, on these days."""
    in_silver = (
        current.where(within(days))
        .groupBy("request_date", *SERIES)
        .agg(F.count("*").alias("silver_requests"), F.count("closed_local").alias("silver_closed"))
    )
    zero = F.lit(0).cast("bigint")
    is_same = (F.col("requests").eqNullSafe(F.coalesce("silver_requests", zero))) & F.col(
        "closed"
    ).eqNullSafe(F.coalesce("silver_closed", zero))
    rows = (
        counts.read()
        .where(within(days))
        .join(in_silver, ["request_date", *SERIES], "full")
        .groupBy("request_date")
        .agg(
            F.sum("requests").alias("requests"),
            F.sum("silver_requests").alias("silver_requests"),
            F.count("requests").alias("series"),
            F.count_if(~is_same).alias("differing"),
            F.count_if((F.col("requests") < 0) | (F.col("closed") < 0)).alias("negative"),
            F.bool_and("is_complete").alias("is_complete"),
            F.bool_and("is_final").alias("is_final"),
        )
        .orderBy("request_date")
        .collect()
    )
    return tuple(
        DayTotals(
            row["request_date"],
            row["requests"] or 0,
            row["silver_requests"] or 0,
            row["series"],
            row["differing"],
            row["negative"],
            bool(row["is_complete"]),
            bool(row["is_final"]),
        )
        for row in rows
    )
