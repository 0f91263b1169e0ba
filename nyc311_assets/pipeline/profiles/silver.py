"""What silver holds of a run's days and of those before: values, nulls, rejects and arrivals."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from datetime import date, datetime, timedelta

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from nyc311_assets.pipeline.batches import newest_pulls
from nyc311_assets.pipeline.checks.composition import (
    VOCABULARY_HISTORY_DAYS,
    DayValues,
    RejectCounts,
)
from nyc311_assets.pipeline.checks.history import SilverProfile
from nyc311_assets.pipeline.checks.lateness import LATEST_DAYS, Arrivals
from nyc311_assets.pipeline.checks.levels import complete_days
from nyc311_assets.pipeline.checks.nulls import NullCounts
from nyc311_assets.pipeline.checks.shares import SHARE_HISTORY_DAYS
from nyc311_assets.pipeline.cities import City
from nyc311_assets.pipeline.contracts import (
    BATCHES,
    REJECTS,
    silver_requests,
)
from nyc311_assets.pipeline.pulls import Pull
from nyc311_assets.pipeline.tables import Lakehouse, Table

VOCABULARY_COLUMNS = ("complaint_type", "agency", "borough", "status")
_FIRST_SEEN = "first_seen"
# A pull belongs to its day when it came before the day after next: both the nightly run and the
# run that the evening's publication starts do.
_LIVED_WITHIN = timedelta(hours=36)
# Values that come as a request grows older: their nulls say nothing of the feed.
_FILLED_LATER = ("status", "resolution_description")


def pulls_with_history(
    spark: SparkSession, lakehouse: Lakehouse, ingestion_dates: Collection[date]
) -> dict[date, Pull]:
    """The pulls of some partitions and of the days before that silver's checks look back on."""
    # One day more: whether the first of them was a daily pull shows by the one before it.
    first = min(ingestion_dates) - timedelta(days=SHARE_HISTORY_DAYS + 1)
    return newest_pulls(Table(spark, lakehouse, BATCHES).create(), first, max(ingestion_dates))


def reject_counts(
    spark: SparkSession, lakehouse: Lakehouse, pulled: Mapping[date, Pull]
) -> dict[date, RejectCounts]:
    """Rejects of the newest batch of each ingestion date, from silver.rejects."""
    if not pulled:
        return {}
    rows = (
        Table(spark, lakehouse, REJECTS)
        .create()
        .read()
        .where(F.col("ingestion_date").between(min(pulled), max(pulled)))
        .where(F.col("batch_id").isin(sorted({pull.batch_id for pull in pulled.values()})))
        .groupBy("ingestion_date", "batch_id", "reasons")
        .agg(F.count("*").alias("rows"))
        .collect()
    )
    rejects = dict.fromkeys(pulled, 0)
    reasons: dict[date, dict[str, int]] = {day: {} for day in pulled}
    for row in rows:
        day = row["ingestion_date"]
        if day not in pulled or row["batch_id"] != pulled[day].batch_id:
            continue
        rejects[day] += row["rows"]
        for reason in row["reasons"]:
            reasons[day][reason] = reasons[day].get(reason, 0) + row["rows"]
    return {
        day: RejectCounts(
            sum(each.landed_rows for each in pull.days if each.is_usable),
            rejects[day],
            reasons[day],
        )
        for day, pull in pulled.items()
    }


def arrivals(
    city: City, values: Mapping[date, DayValues], pulled: Mapping[date, Pull]
) -> dict[date, Arrivals]:
    """What each pull was the first to bring of the days before it.

    A day that one of the pulls held back came late by our own doing: it is left out.

    Args:
        city: Gives the days that a pull covers.
        values: `day_values` with first_seen, from LATEST_DAYS before the first pull on.
        pulled: The pulls, without gaps.
    """
    held_back = {day.request_date for pull in pulled.values() for day in pull.days if day.held_back}
    first_seen = {
        day: {date.fromisoformat(seen): rows for seen, rows in columns[_FIRST_SEEN].items()}
        for day, columns in values.items()
        if day not in held_back
    }

    def known(day: date, by: date) -> int:
        return sum(count for seen, count in first_seen.get(day, {}).items() if seen <= by)

    found = {}
    for ingestion_date in pulled:
        ages = {age: ingestion_date - timedelta(days=age) for age in range(LATEST_DAYS + 1)}
        found[ingestion_date] = Arrivals(
            new={age: first_seen.get(day, {}).get(ingestion_date, 0) for age, day in ages.items()},
            known={age: known(day, ingestion_date) for age, day in ages.items()},
            is_lived=all(
                _is_daily(city, day, pulled)
                for day in (ingestion_date, ingestion_date - timedelta(days=1))
            ),
        )
    return found


def day_values(
    spark: SparkSession, lakehouse: Lakehouse, city: City, first: date, last: date
) -> dict[date, dict[str, dict[str, int]]]:
    """Rows per request date, column and value, from silver.requests.

    The columns are VOCABULARY_COLUMNS and first_seen, which `arrivals` takes from the same rows.
    """
    columns = (*VOCABULARY_COLUMNS, _FIRST_SEEN)
    pairs = F.explode(
        F.array(
            *(
                F.struct(F.lit(name).alias("column"), F.col(name).cast("string").alias("value"))
                for name in columns
            )
        )
    )
    rows = (
        _current(spark, lakehouse, city, first, last)
        .groupBy("request_date", *columns)
        .agg(F.count("*").alias("rows"))
        .select("request_date", "rows", pairs.alias("pair"))
        .where("pair.value IS NOT NULL")
        .groupBy("request_date", "pair.column", "pair.value")
        .agg(F.sum("rows").alias("rows"))
        .collect()
    )
    days: dict[date, dict[str, dict[str, int]]] = {}
    for row in rows:
        of_day = days.setdefault(row["request_date"], {})
        of_day.setdefault(row["column"], {})[row["value"]] = row["rows"]
    return days


def silver_profile(
    spark: SparkSession,
    lakehouse: Lakehouse,
    city: City,
    ingestion_dates: Collection[date],
    pulled: Mapping[date, Pull],
) -> SilverProfile:
    """All that the checks of silver compare for some partitions, in three queries.

    Args:
        spark: The session.
        lakehouse: Where the tables are.
        city: Gives the fields and the days that a pull covers.
        ingestion_dates: The partitions.
        pulled: `pulls_with_history` of the partitions.
    """
    last = max(ingestion_dates)
    first = min(_judged_days(ingestion_dates, pulled), default=last)
    values = day_values(
        spark, lakehouse, city, first - timedelta(days=VOCABULARY_HISTORY_DAYS), last
    )
    return SilverProfile(
        values={
            day: {name: columns[name] for name in VOCABULARY_COLUMNS if name in columns}
            for day, columns in values.items()
        },
        nulls=day_nulls(spark, lakehouse, city, first - timedelta(days=SHARE_HISTORY_DAYS), last),
        rejects=reject_counts(spark, lakehouse, pulled),
        arrivals=arrivals(city, values, pulled),
    )


def _judged_days(ingestion_dates: Iterable[date], pulled: Mapping[date, Pull]) -> list[date]:
    """The newest complete day that each partition brings to silver."""
    brought = (
        complete_days(day for day in pulled[ingestion_date].days if day.is_usable)
        for ingestion_date in ingestion_dates
        if ingestion_date in pulled
    )
    return [days[-1] for days in brought if days]


def nullable_columns(city: City) -> tuple[str, ...]:
    """The columns of silver.requests whose nulls are watched: optional, and known from the start."""
    optional = {column.name for column in silver_requests(city).columns if column.nullable}
    return tuple(
        field.name
        for field in city.fields
        if field.name in optional
        and field.soda_type in {"text", "number"}
        and field.name not in _FILLED_LATER
    )


def day_nulls(
    spark: SparkSession, lakehouse: Lakehouse, city: City, first: date, last: date
) -> dict[date, dict[str, NullCounts]]:
    """Rows and nulls per request date, complaint type and column, from silver.requests."""
    columns = nullable_columns(city)
    rows = (
        _current(spark, lakehouse, city, first, last)
        .groupBy("request_date", "complaint_type")
        .agg(F.count("*").alias("rows"), *(F.count(name).alias(name) for name in columns))
        .collect()
    )
    days: dict[date, dict[str, NullCounts]] = {}
    for row in rows:
        days.setdefault(row["request_date"], {})[row["complaint_type"]] = NullCounts(
            row["rows"], {name: row["rows"] - row[name] for name in columns}
        )
    return days


def _is_daily(city: City, ingestion_date: date, pulled: Mapping[date, Pull]) -> bool:
    """Whether a pull covered all its days, at its time: not part of a backfill."""
    pull = pulled.get(ingestion_date)
    if pull is None:
        return False
    end = datetime.combine(
        ingestion_date + timedelta(days=1), datetime.min.time(), tzinfo=city.time_zone
    )
    return pull.first_pulled_at - end <= _LIVED_WITHIN and tuple(
        day.request_date for day in pull.days
    ) == city.pulled_by(ingestion_date)


def _current(
    spark: SparkSession, lakehouse: Lakehouse, city: City, first: date, last: date
) -> DataFrame:
    """silver.requests of a span of request dates, without those the source has taken back."""
    requests = Table(spark, lakehouse, silver_requests(city)).create().read()
    rows = requests.where(F.col("request_date").between(first, last))
    return rows.where("is_current") if "is_current" in requests.columns else rows
