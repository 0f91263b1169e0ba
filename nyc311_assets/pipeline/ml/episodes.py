"""ml.episodes brought up to the verdicts: what opened or changed, by how much, and through whom."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import date
from typing import Any

import pandas as pd
from pyspark.sql import SparkSession
from pyspark.sql import functions as F

from nyc311_assets.pipeline.anomalies.episodes import (
    Episode,
    first_day_needed,
    from_frame,
    reconcile,
)
from nyc311_assets.pipeline.cities import City
from nyc311_assets.pipeline.contracts import EPISODES, SERIES
from nyc311_assets.pipeline.ml.contributors import contributors
from nyc311_assets.pipeline.ml.store import existing, write_frame
from nyc311_assets.pipeline.tables import Lakehouse, Table

_FIELDS = tuple(Episode.__dataclass_fields__)


def read_episodes(spark: SparkSession, lakehouse: Lakehouse) -> list[Episode]:
    """All rows of ml.episodes."""
    return from_frame(existing(spark, lakehouse, EPISODES).read().select(*_FIELDS).toPandas())


def bring_up(
    spark: SparkSession,
    lakehouse: Lakehouse,
    city: City,
    table: Table,
    judged: Sequence[date],
    tell: Callable[[str], None],
) -> tuple[list[Episode], set[str]]:
    """Bring the episodes up to the verdicts; those that changed are written.

    Args:
        spark: The session.
        lakehouse: Where the tables are.
        city: Gives the fields of silver.
        table: ml.anomalies, already written.
        judged: The days that were judged, oldest first.
        tell: Is told of progress.

    Returns:
        All episodes, and the ids of those that opened or changed.
    """
    target = existing(spark, lakehouse, EPISODES)
    old = read_episodes(spark, lakehouse)
    through = max(judged[-1], table.read().agg(F.max("ds")).collect()[0][0] or judged[-1])
    since = first_day_needed(old, judged[0])
    verdicts = _flagged_since(table, since)
    new = reconcile(old, verdicts, since, through)
    before = {each.id: each for each in old}
    changed = [each for each in new if before.get(each.id) != each]
    if changed:
        tell(f"Writing {len(changed):,} episodes that opened or changed")
        frame = _episode_rows(spark, lakehouse, city, table, verdicts, changed, through)
        ids = ", ".join(f"'{each.id}'" for each in changed)
        write_frame(target, frame, f"id IN ({ids})")
    return new, {each.id for each in changed}


def _flagged_since(table: Table, since: date) -> pd.DataFrame:
    rows = (
        table.read()
        .where((F.col("ds") >= F.lit(since)) & F.col("flagged"))
        .drop("as_of", "lo95", "hi95", "p_value", "rank", "is_final", "gold_version")
        .toPandas()
    )
    rows["ds"] = pd.to_datetime(rows["ds"])
    return rows


def _episode_rows(
    spark: SparkSession,
    lakehouse: Lakehouse,
    city: City,
    table: Table,
    verdicts: pd.DataFrame,
    changed: Sequence[Episode],
    through: date,
) -> pd.DataFrame:
    """The rows of ml.episodes: the episodes, what was expected, and who contributed."""
    flagged = verdicts.groupby(["series", "direction"])
    parts: list[dict[str, Any]] = []
    live = [each for each in changed if each.state != "withdrawn"]
    told = contributors(
        spark, lakehouse, city, table, existing(spark, lakehouse, SERIES), live, through
    )
    for each in changed:
        key = (each.series, each.direction)
        days = flagged.get_group(key) if key in flagged.groups else verdicts.iloc[:0]
        days = days[days["ds"].between(pd.Timestamp(each.start), pd.Timestamp(each.end))]
        peak = days[days["ds"] == pd.Timestamp(each.peak)]
        parts.append(
            {
                **{name: getattr(each, name) for name in _FIELDS},
                "expected": float((days["actual"] - days["excess"]).sum()),
                "longest_run": int(days["run_length"].max()) if len(days) else 0,
                "peak_actual": _only(peak, "actual"),
                "peak_expected": _only(peak, "yhat"),
                "peak_z": _only(peak, "z"),
                "peak_q_value": _only(peak, "q_value"),
                "contributors": told.get(each.id),
                "judged_through": through,
            }
        )
    frame = pd.DataFrame(parts)
    return frame.astype(dict.fromkeys(("direction", "days", "longest_run"), "int32"))


def _only(rows: pd.DataFrame, column: str) -> float:
    return float(rows[column].iloc[0]) if len(rows) else float("nan")
