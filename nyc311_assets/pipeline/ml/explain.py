"""From an episode back to the source: every figure again, from the tables that it was made of."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import date
from typing import Any

from pyspark.errors import PySparkException
from pyspark.sql import DataFrame, Row, SparkSession
from pyspark.sql import functions as F

from nyc311_assets.pipeline.batches import USABLE
from nyc311_assets.pipeline.cities import City
from nyc311_assets.pipeline.contracts import (
    ANOMALIES,
    BATCHES,
    DAILY_COUNTS,
    EPISODES,
    FORECASTS,
    MODEL_VERSIONS,
    RAW_311,
    SERIES,
    silver_requests,
)
from nyc311_assets.pipeline.ml.series import LEVELS
from nyc311_assets.pipeline.ml.store import existing, plain_row
from nyc311_assets.pipeline.tables import Lakehouse, Table
from nyc311_assets.pipeline.watermark import silver_version_of

_TOLERANCE = 1e-9


class NoSuchEpisode(LookupError):
    """There is no episode of this id."""


def explain(
    spark: SparkSession, lakehouse: Lakehouse, city: City, episode_id: str
) -> dict[str, Any]:
    """Trace an episode to the rows of the source.

    Gold is read at the version that the verdict names, silver at the version that gold had
    followed by then. Where Delta no longer keeps a version, today's rows are counted, and the
    answer says so.

    Args:
        spark: The session.
        lakehouse: Where the tables are.
        city: Gives the fields of silver.
        episode_id: Its id, or enough of its beginning to be the only one.

    Returns:
        episode, series and days as JSON values. Each day has its verdict, the forecast as issued,
        the model, the counts of gold and silver, the pulls of bronze, and `agrees`: whether all
        figures are the verdict's own.

    Raises:
        NoSuchEpisode: There is none, or several begin so.
    """
    episode = _find(existing(spark, lakehouse, EPISODES), episode_id)
    series = (
        existing(spark, lakehouse, SERIES)
        .read()
        .where(F.col("series") == episode["series"])
        .first()
    )
    if series is None:
        raise NoSuchEpisode(
            f"Episode {episode['id']} is of {episode['series']}, which gold.series no longer has: "
            "materialize prophet_model for the newest day."
        )
    parts = {name: series[name] for name in LEVELS[series["level"]]}
    verdicts = (
        existing(spark, lakehouse, ANOMALIES)
        .read()
        .where(
            (F.col("series") == episode["series"])
            & F.col("ds").between(F.lit(episode["start"]), F.lit(episode["end"]))
        )
        .orderBy("ds")
        .collect()
    )
    return {
        "episode": plain_row(episode)
        | {"contributors": json.loads(episode["contributors"] or "[]")},
        "series": {"name": episode["series"], "level": series["level"], **parts},
        "days": [_day(spark, lakehouse, city, verdict, parts) for verdict in verdicts],
    }


def _find(table: Table, episode_id: str) -> Row:
    rows = table.read().where(F.col("id").startswith(episode_id)).limit(2).collect()
    if not rows or not episode_id:
        raise NoSuchEpisode(
            f"There is no episode {episode_id!r}: the alerts and ml.episodes name those there are."
        )
    if len(rows) > 1:
        raise NoSuchEpisode(f"Several episodes begin with {episode_id}: give more of the id.")
    return rows[0]


def _day(
    spark: SparkSession,
    lakehouse: Lakehouse,
    city: City,
    verdict: Row,
    parts: Mapping[str, str],
) -> dict[str, Any]:
    day: date = verdict["ds"]
    gold = existing(spark, lakehouse, DAILY_COUNTS)
    silver = Table(spark, lakehouse, silver_requests(city))
    gold_rows, gold_now = _at(gold, verdict["gold_version"])
    in_gold = _of(gold_rows, day, parts).agg(F.sum("requests")).collect()[0][0] or 0
    followed = silver_version_of(gold, verdict["gold_version"])
    silver_rows, silver_now = _at(silver, followed)
    in_silver = _of(silver_rows, day, parts).where("is_current").count()
    forecast, model = _forecast(spark, lakehouse, verdict)
    same_forecast = forecast is None or (
        abs(forecast["yhat"] - verdict["yhat"]) <= _TOLERANCE
        and abs(forecast["hi95"] - verdict["hi95"]) <= _TOLERANCE
    )
    return {
        "verdict": plain_row(verdict),
        "forecast": forecast,
        "model": model,
        "gold": {
            "version": verdict["gold_version"],
            "requests": int(in_gold),
            "is_of_today": gold_now,
        },
        "silver": {"version": followed, "requests": in_silver, "is_of_today": silver_now},
        "bronze": _pulls(spark, lakehouse, day),
        "agrees": bool(in_gold == verdict["actual"] == in_silver and same_forecast),
    }


def _at(table: Table, version: int | None) -> tuple[DataFrame, bool]:
    """A table's rows in a version; today's, and true, where that is not kept."""
    if version is None:
        return table.read(), True
    try:
        rows = table.at_version(version)
        rows.limit(1).collect()
    except PySparkException:
        return table.read(), True
    return rows, False


def _of(rows: DataFrame, day: date, parts: Mapping[str, str]) -> DataFrame:
    rows = rows.where(F.col("request_date") == F.lit(day))
    for name, value in parts.items():
        rows = rows.where(F.col(name) == value)
    return rows


def _forecast(
    spark: SparkSession, lakehouse: Lakehouse, verdict: Row
) -> tuple[dict[str, Any] | None, dict[str, Any] | None]:
    """The forecast as it was issued, and the training of its model."""
    if verdict["as_of"] is None:
        return None, None
    row = (
        existing(spark, lakehouse, FORECASTS)
        .read()
        .where(
            (F.col("as_of") == F.lit(verdict["as_of"]))
            & (F.col("series") == verdict["series"])
            & (F.col("ds") == F.lit(verdict["ds"]))
        )
        .first()
    )
    if row is None:
        return None, None
    version = row["model_version"]
    trained = (
        existing(spark, lakehouse, MODEL_VERSIONS)
        .read()
        .where(F.col("model_version") == version)
        .first()
        if version is not None
        else None
    )
    return plain_row(row), plain_row(trained) if trained is not None else None


def _pulls(spark: SparkSession, lakehouse: Lakehouse, day: date) -> list[dict[str, Any]]:
    """The pulls that brought a day, and how many rows of each bronze still has."""
    batches = (
        existing(spark, lakehouse, BATCHES)
        .read()
        .where(USABLE)
        .where(F.col("request_date") == F.lit(day))
    )
    rows = (
        existing(spark, lakehouse, RAW_311)
        .read()
        .where(F.col("request_date") == F.lit(day))
        .groupBy("batch_id")
        .agg(F.count("*").alias("rows_in_bronze"))
    )
    chosen = batches.join(rows, "batch_id", "left").select(
        "batch_id",
        "ingestion_date",
        "dataset_id",
        "dataset_version",
        "rows_expected",
        "rows_landed",
        "rows_in_bronze",
        "query",
        "page_sha256",
    )
    return [plain_row(row) for row in chosen.orderBy("ingested_at").collect()]
