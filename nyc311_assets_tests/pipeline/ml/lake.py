"""A small lakehouse of daily counts, written as gold would, for what is downstream of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, timedelta

import numpy as np
import pandas as pd
from pyspark.sql import SparkSession

from nyc311_assets.pipeline.cities import NEW_YORK
from nyc311_assets.pipeline.contracts import BATCHES, DAILY_COUNTS, silver_requests
from nyc311_assets.pipeline.ml.store import existing, write_frame
from nyc311_assets.pipeline.tables import Lakehouse, within

Leaf = tuple[str, str, str]
FIRST = date(2026, 1, 5)
LEAVES: Mapping[Leaf, float] = {
    ("Noise", "BRONX", "NYPD"): 60.0,
    ("Noise", "QUEENS", "NYPD"): 140.0,
    ("Noise", "QUEENS", "DEP"): 12.0,
    ("Heating", "BRONX", "HPD"): 45.0,
    ("Heating", "BROOKLYN", "HPD"): 30.0,
    ("Rodent", "BROOKLYN", "DOHMH"): 4.0,
    ("Rodent", "BRONX", "DOHMH"): 0.15,
}
_WEEK = np.array([1.1, 1.15, 1.1, 1.05, 1.0, 0.85, 0.75])


def day(index: int) -> date:
    return FIRST + timedelta(days=index)


def counts(days: int, *, seed: int = 311) -> pd.DataFrame:
    """request_date, complaint_type, borough, agency, requests: Poisson around a weekly shape."""
    random = np.random.default_rng(seed)
    dates = [day(index) for index in range(days)]
    shape = _WEEK[[each.weekday() for each in dates]]
    parts = [
        pd.DataFrame(
            {
                "request_date": dates,
                "complaint_type": leaf[0],
                "borough": leaf[1],
                "agency": leaf[2],
                "requests": random.poisson(volume * shape),
            }
        )
        for leaf, volume in LEAVES.items()
    ]
    return pd.concat(parts, ignore_index=True)


def write_gold(
    spark: SparkSession,
    lakehouse: Lakehouse,
    rows: pd.DataFrame,
    *,
    incomplete: Sequence[date] = (),
) -> None:
    """Write gold.daily_counts and the batches that brought each day whole, on the day itself."""
    frame = rows.assign(
        closed=0,
        median_hours_to_close=np.nan,
        open_backlog=0,
        day_of_week=[each.isoweekday() for each in rows["request_date"]],
        is_weekend=False,
        holiday=None,
        is_complete=~rows["request_date"].isin(list(incomplete)),
        is_final=rows["request_date"] < max(rows["request_date"]) - timedelta(days=7),
    ).astype({"day_of_week": "int32"})
    for name in DAILY_COUNTS.column_names:
        if name not in frame:
            frame[name] = None
    days = sorted(set(rows["request_date"]))
    write_frame(existing(spark, lakehouse, DAILY_COUNTS), frame, within(days))
    batches = existing(spark, lakehouse, BATCHES)
    values = ", ".join(
        f"('b{each}', DATE'{each}', DATE'{each}', TIMESTAMP'{each} 23:00:00', 'd', "
        f"TIMESTAMP'{each} 23:00:00', 'test', TIMESTAMP_NTZ'{each + timedelta(days=1)} 01:00:00', "
        "1, 1, true, null, null, null, null, null, null)"
        for each in days
        if each not in incomplete
    )
    if values:
        spark.sql(f"INSERT INTO {batches.sql_name} VALUES {values}")
    existing(spark, lakehouse, silver_requests(NEW_YORK))


def late_requests(
    spark: SparkSession, lakehouse: Lakehouse, leaf: Leaf, on: date, first_seen: date, number: int
) -> None:
    """Put requests into silver that gold counts on a day and that came with a later pull."""
    table = existing(spark, lakehouse, silver_requests(NEW_YORK))
    columns = {column.name: column for column in table.contract.columns}
    given = {
        "request_date": f"DATE'{on}'",
        "complaint_type": f"'{leaf[0]}'",
        "borough": f"'{leaf[1]}'",
        "agency": f"'{leaf[2]}'",
        "first_seen": f"DATE'{first_seen}'",
        "is_current": "true",
    }
    empty = {
        "STRING": "''",
        "DATE": f"DATE'{on}'",
        "BOOLEAN": "false",
        "TIMESTAMP": "TIMESTAMP'2026-01-01'",
        "TIMESTAMP_NTZ": "TIMESTAMP_NTZ'2026-01-01'",
        "ARRAY<STRING>": "array()",
    }
    given["unique_key"] = f"concat('{on}-{leaf[2]}-', id)"
    chosen = [
        given.get(name)
        or (
            f"CAST(NULL AS {column.type})"
            if column.nullable
            else empty.get(column.type, f"CAST(0 AS {column.type})")
        )
        for name, column in columns.items()
    ]
    spark.sql(f"INSERT INTO {table.sql_name} SELECT {', '.join(chosen)} FROM range({number})")
