"""What makes an episode: the finer series and the descriptors that hold its excess."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from typing import Any

import pandas as pd
from pyspark.sql import SparkSession
from pyspark.sql import functions as F

from nyc311_assets.pipeline.anomalies.episodes import DESCRIPTOR_DAYS, Episode
from nyc311_assets.pipeline.cities import City
from nyc311_assets.pipeline.contracts import silver_requests
from nyc311_assets.pipeline.ml.series import LEAF, LEVELS
from nyc311_assets.pipeline.tables import Lakehouse, Table, within

MOST = 5
# A descriptor's usual count is the mean of the same weekday in these weeks before.
USUAL_WEEKS = 4
LEAST_SHARE = 0.05
_OF_SERIES, _OF_DESCRIPTORS = "series", "descriptor"


def contributors(
    spark: SparkSession,
    lakehouse: Lakehouse,
    city: City,
    verdicts: Table,
    series: Table,
    episodes: Sequence[Episode],
    judged_through: date,
) -> dict[str, str]:
    """The largest contributors to the excess of each episode's peak.

    Args:
        spark: The session.
        lakehouse: Where the tables are.
        city: Gives the fields of silver.
        verdicts: ml.anomalies.
        series: gold.series.
        episodes: The episodes to explain.
        judged_through: The last day that was judged.

    Returns:
        Episode's id -> JSON list of {kind, name, excess, share}: series one level finer, then the
        complaint types and descriptors, most excess first; share is of the peak's excess.
    """
    if not episodes:
        return {}
    levels = series.read().select("series", "level", *LEAF).toPandas()
    peaks = sorted({each.peak for each in episodes})
    days = (
        verdicts.read()
        .where(within(peaks, "ds"))
        .where(F.col("excess").isNotNull())
        .select("series", "ds", "excess")
        .toPandas()
        .merge(levels, on="series")
    )
    of_day = dict(list(days.groupby("ds")))
    recent = [each for each in episodes if (judged_through - each.peak).days <= DESCRIPTOR_DAYS]
    counted = _descriptors(spark, lakehouse, city, sorted({each.peak for each in recent}))
    facts: dict[str, dict[str, Any]] = {
        str(row["series"]): {str(name): value for name, value in row.items()}
        for row in levels.to_dict("records")
    }
    told = {}
    for each in episodes:
        if each.series not in facts or each.peak not in of_day:
            continue
        own = facts[each.series]
        day = of_day[each.peak]
        mine = day.loc[day["series"] == each.series, "excess"]
        if mine.empty or not float(mine.iloc[0]):
            continue
        total = float(mine.iloc[0])
        found = _children(day, own, each.direction, total)
        found += _of_descriptors(counted.get(each.peak), own, each.direction, total)
        told[each.id] = json.dumps(found)
    return told


def _children(
    day: pd.DataFrame, own: Mapping[str, Any], direction: int, total: float
) -> list[dict[str, Any]]:
    """Series one level finer that are parts of a series."""
    fixed = {name: own[name] for name in LEVELS[own["level"]]}
    inside = pd.Series(data=True, index=day.index)
    for name, value in fixed.items():
        inside &= day[name] == value
    finer = [
        level
        for level, columns in LEVELS.items()
        if set(fixed) < set(columns) and len(columns) == len(fixed) + 1
    ]
    parts = day[inside & day["level"].isin(finer)]
    return _largest(_OF_SERIES, parts["series"], parts["excess"], direction, total)


def _of_descriptors(
    counts: pd.DataFrame | None, own: Mapping[str, Any], direction: int, total: float
) -> list[dict[str, Any]]:
    if counts is None:
        return []
    inside = pd.Series(data=True, index=counts.index)
    for name in LEVELS[own["level"]]:
        inside &= counts[name] == own[name]
    parts = counts[inside].groupby("name", as_index=False)["excess"].sum()
    return _largest(_OF_DESCRIPTORS, parts["name"], parts["excess"], direction, total)


def _largest(
    kind: str,
    names: pd.Series[str],
    excess: pd.Series[float],
    direction: int,
    total: float,
) -> list[dict[str, Any]]:
    rows = pd.DataFrame({"name": names, "excess": excess})
    rows["share"] = rows["excess"] / total
    rows = rows[(rows["excess"] * direction > 0) & (rows["share"] >= LEAST_SHARE)]
    rows = rows.sort_values(["share", "name"], ascending=[False, True]).head(MOST)
    return [
        {
            "kind": kind,
            "name": str(row["name"]),
            "excess": round(float(row["excess"]), 1),
            "share": round(float(row["share"]), 3),
        }
        for row in rows.to_dict("records")
    ]


def _descriptors(
    spark: SparkSession, lakehouse: Lakehouse, city: City, peaks: Sequence[date]
) -> dict[date, pd.DataFrame]:
    """Requests of each descriptor on each peak, above its usual count.

    Returns:
        Peak -> complaint_type, borough, agency, name (type and descriptor), excess.
    """
    if not peaks:
        return {}
    usual = {
        peak: [peak - timedelta(days=7 * week) for week in range(1, USUAL_WEEKS + 1)]
        for peak in peaks
    }
    days = sorted({day for peak, before in usual.items() for day in (peak, *before)})
    rows = (
        Table(spark, lakehouse, silver_requests(city))
        .read()
        .where("is_current")
        .where(within(days))
        .groupBy(
            "request_date", *LEAF, F.coalesce("descriptor", F.lit("(none)")).alias("descriptor")
        )
        .agg(F.count("*").alias("requests"))
        .toPandas()
    )
    rows["name"] = rows["complaint_type"] + ": " + rows["descriptor"]
    found = {}
    keys = [*LEAF, "name"]
    there = set(rows["request_date"])
    for peak, before in usual.items():
        known = [day for day in before if day in there]
        now = rows[rows["request_date"] == peak].set_index(keys)["requests"]
        then = rows[rows["request_date"].isin(known)].groupby(keys)["requests"].sum()
        mean = then / max(len(known), 1)
        excess = now.sub(mean, fill_value=0.0)
        found[peak] = excess.rename("excess").reset_index()
    return found
