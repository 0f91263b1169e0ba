"""Counts as they were known on a past day: what training and forecasts may look at.

A forecast of a past day that used what came later would be better than any forecast that could
have been issued. So counts are cut off at the day, and requests that were published late are
taken out again.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np
import pandas as pd
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from nyc311_assets.pipeline.batches import USABLE
from nyc311_assets.pipeline.cities import City
from nyc311_assets.pipeline.contracts import BATCHES, DAILY_COUNTS, DAYS, silver_requests
from nyc311_assets.pipeline.days import days_between, is_past
from nyc311_assets.pipeline.features import looking_back
from nyc311_assets.pipeline.forecasting.arrays import Floats
from nyc311_assets.pipeline.forecasting.panel import Panel
from nyc311_assets.pipeline.ml.series import LEAF, LEAST_REQUESTS, Hierarchy, series_table
from nyc311_assets.pipeline.tables import Lakehouse, Table

# Two years and a bit: two occurrences of each holiday, and last year's season.
HISTORY_DAYS = 800


class NothingKnown(LookupError):
    """There is no complete day to learn from."""


@dataclass(frozen=True, eq=False)
class Known:
    """Daily counts with what was known of them when.

    Attributes:
        hierarchy: The series and their leaves.
        first_day: The day of the first column.
        counts: Requests as known now, leaves x days; NaN on days that are not complete.
        late: leaf, column, first_seen, requests: those that came after the pull that first brought
            their day whole.
        completed: Complete day -> ingestion date of the pull that first brought it whole.
        final: Days that have settled.
        gold_version: Version of gold.daily_counts.
    """

    hierarchy: Hierarchy
    first_day: date
    counts: Floats
    late: pd.DataFrame
    completed: Mapping[date, date]
    final: frozenset[date]
    gold_version: int

    @property
    def complete_days(self) -> tuple[date, ...]:
        """Days that are complete now, oldest first."""
        known = np.flatnonzero(~np.isnan(self.counts).all(axis=0))
        return tuple(self.first_day + timedelta(days=int(column)) for column in known)

    def until(
        self,
        as_of: date,
        *,
        names: Sequence[str] | None = None,
        least_requests: int = LEAST_REQUESTS,
    ) -> Panel:
        """The series that mattered on a day, from what was known when it was first complete.

        Args:
            as_of: A complete day.
            names: These series instead.
            least_requests: What a series below type needs in the newest days; 1 for every series
                that is active.

        Raises:
            NothingKnown: The day is not complete.
        """
        return self.hierarchy.panel(
            self._leaves(as_of), self.first_day, names=names, least_requests=least_requests
        )

    def series(self, as_of: date) -> pd.DataFrame:
        """The rows of gold.series on that day."""
        return series_table(self.hierarchy, self._leaves(as_of), self.first_day)

    def features(self, as_of: date, *, days: int) -> pd.DataFrame:
        """The features of gold as they were known on a day: a point-in-time look-up.

        For a notebook or another model: what came later than `as_of`, or was published after the
        pull that first brought it whole, is in none of the columns. A row that was a lag's or a
        mean's source is the one that was known then, too.

        Args:
            as_of: A complete day.
            days: How many days, up to and with `as_of`.

        Returns:
            request_date, complaint_type, borough, agency, requests and the lags and rolling means
            of gold.daily_counts, one row for each leaf and complete day.

        Raises:
            NothingKnown: The day is not complete.
        """
        known = self._leaves(as_of)
        columns = {"requests": known, **looking_back(known)}
        leaf, day = np.nonzero(~np.isnan(known[:, -days:]))
        day += max(known.shape[1] - days, 0)
        dates = pd.date_range(self.first_day, periods=known.shape[1]).date
        keys = self.hierarchy.leaves.iloc[leaf].reset_index(drop=True)
        keys.insert(0, "request_date", dates[day])
        return keys.assign(**{name: matrix[leaf, day] for name, matrix in columns.items()})

    def _leaves(self, as_of: date) -> Floats:
        width = (as_of - self.first_day).days + 1
        if as_of not in self.completed or width < 1:
            raise NothingKnown(
                f"{as_of} is not complete in gold.daily_counts: materialize gold_daily_counts for "
                "it, or choose an earlier day."
            )
        counts = self.counts[:, :width]
        later = self.late[
            (self.late["column"] < width) & (self.late["first_seen"] > self.completed[as_of])
        ]
        if len(later):
            counts = counts.copy()
            np.subtract.at(
                counts,
                (later["leaf"].to_numpy(), later["column"].to_numpy()),
                later["requests"].to_numpy(dtype=float),
            )
            counts = np.maximum(counts, 0.0)
        return counts


def read_known(
    spark: SparkSession, lakehouse: Lakehouse, city: City, days: Iterable[date]
) -> Known:
    """Read the counts that forecasts of some days need.

    Args:
        spark: The session.
        lakehouse: Where the tables are.
        city: Gives the fields of silver.requests.
        days: The days that forecasts may be made on; others are read as their history.

    Returns:
        The counts; without a complete day up to the last of them there is nothing in it.
    """
    wanted = sorted(days)
    gold = Table(spark, lakehouse, DAILY_COUNTS).create()
    first, last = wanted[0] - timedelta(days=HISTORY_DAYS - 1), wanted[-1]
    rows = (
        gold.read()
        .where(F.col("request_date").between(F.lit(first), F.lit(last)) & F.col("is_complete"))
        .groupBy("request_date", *LEAF)
        .agg(F.sum("requests").alias("requests"), F.bool_and("is_final").alias("is_final"))
        .toPandas()
    )
    if rows.empty:
        nothing = pd.DataFrame(columns=["leaf", "column", "first_seen", "requests"])
        no_leaf = Hierarchy.of(pd.DataFrame(columns=list(LEAF)))
        return Known(no_leaf, last, np.empty((0, 0)), nothing, {}, frozenset(), gold.version())
    days_there = pd.to_datetime(rows["request_date"])
    first_day = days_there.min().date()
    leaves = rows[list(LEAF)].drop_duplicates().sort_values(list(LEAF), ignore_index=True)
    places = pd.MultiIndex.from_frame(leaves)
    column = (days_there - pd.Timestamp(first_day)).dt.days.to_numpy()
    counts = np.full((len(leaves), int(column.max()) + 1), np.nan)
    counts[:, np.unique(column)] = 0.0
    counts[places.get_indexer(pd.MultiIndex.from_frame(rows[list(LEAF)])), column] = rows[
        "requests"
    ]
    completed = first_whole(spark, lakehouse, first_day, last)
    known_days = {first_day + timedelta(days=int(each)) for each in np.unique(column)}
    completed = {day: completed.get(day, day) for day in sorted(known_days)}
    late = _late(spark, lakehouse, city, wanted, completed)
    leaf = places.get_indexer(pd.MultiIndex.from_frame(late[list(LEAF)]))
    late = late.assign(
        leaf=leaf, column=(pd.to_datetime(late["request_date"]) - pd.Timestamp(first_day)).dt.days
    )
    return Known(
        Hierarchy.of(leaves),
        first_day,
        counts,
        late.loc[leaf >= 0, ["leaf", "column", "first_seen", "requests"]],
        completed,
        frozenset(rows.loc[rows["is_final"], "request_date"]),
        gold.version(),
    )


def first_whole(
    spark: SparkSession, lakehouse: Lakehouse, first: date, last: date
) -> dict[date, date]:
    """Ingestion date of the pull that first brought each request date whole to silver."""
    of_these = F.col("request_date").between(F.lit(first), F.lit(last))
    rows = (
        Table(spark, lakehouse, BATCHES)
        .create()
        .read()
        .where(USABLE)
        .where(of_these)
        .groupBy("request_date", "ingestion_date")
        .agg(F.max("source_reach").alias("source_reach"))
        .collect()
    )
    found: dict[date, date] = {}
    for row in sorted(rows, key=lambda each: each["ingestion_date"]):
        if is_past(row["request_date"], row["source_reach"]):
            found.setdefault(row["request_date"], row["ingestion_date"])
    # Silver may have passed over that pull. Days merged before it kept this go by bronze.
    merged = Table(spark, lakehouse, DAYS).create().read().where(of_these)
    kept = merged.where("first_whole IS NOT NULL").select("request_date", "first_whole").collect()
    return found | {row["request_date"]: row["first_whole"] for row in kept}


def _late(
    spark: SparkSession,
    lakehouse: Lakehouse,
    city: City,
    wanted: Sequence[date],
    completed: Mapping[date, date],
) -> pd.DataFrame:
    """Requests that came after the pull that first brought their day whole, by leaf and pull."""
    days = [
        day
        for day in days_between(wanted[0] - timedelta(days=city.settling_days), wanted[-1])
        if day in completed
    ]
    columns = ["request_date", *LEAF, "first_seen", "requests"]
    if not days or (len(wanted) == 1 and wanted[0] == max(completed)):
        # What is forecast from is what is known now.
        return pd.DataFrame({name: pd.Series(dtype=object) for name in columns})
    whole = spark.createDataFrame(
        [(day, completed[day]) for day in days], "request_date DATE, whole_on DATE"
    )
    counted: DataFrame = (
        Table(spark, lakehouse, silver_requests(city))
        .read()
        .where("is_current")
        .where(F.col("request_date").between(F.lit(days[0]), F.lit(days[-1])))
        .join(F.broadcast(whole), "request_date")
        .where("first_seen > whole_on")
        .groupBy("request_date", *LEAF, "first_seen")
        .agg(F.count("*").alias("requests"))
    )
    return counted.toPandas()[columns]
