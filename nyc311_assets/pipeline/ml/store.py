"""Reading and writing the tables of models and their past forecasts."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import date, timedelta
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
from pyspark.sql import Row, SparkSession
from pyspark.sql import functions as F
from pyspark.sql.pandas.types import to_arrow_schema

from nyc311_assets.pipeline.contracts import ORIGINS, TableContract
from nyc311_assets.pipeline.forecasting.issue import HORIZON
from nyc311_assets.pipeline.forecasting.past import KEPT_ORIGINS, PastForecasts
from nyc311_assets.pipeline.tables import Lakehouse, Table, within

# Rows of a day are some thousand with 30 numbers each: what one message to Spark may hold.
_ORIGINS_AT_ONCE = 30


def write_frame(table: Table, frame: pd.DataFrame, predicate: str) -> None:
    """Replace the rows that match a predicate by a frame, with the types of the table's contract.

    Args:
        table: The table, which exists.
        frame: The contract's columns in any order; NaN and None are null.
        predicate: A condition that all rows of the frame match.
    """
    names = list(table.contract.column_names)
    schema = to_arrow_schema(table.read().select(*names).schema)
    columns = [
        pa.array(frame[each.name], each.type, from_pandas=True, safe=False) for each in schema
    ]
    rows = pa.Table.from_arrays(columns, schema=schema)
    table.replace_where(table.spark.createDataFrame(rows).coalesce(1), predicate)


def read_origins(
    spark: SparkSession, lakehouse: Lakehouse, until: date, *, first: date | None = None
) -> PastForecasts:
    """The point forecasts of the newest origins up to a day.

    Args:
        spark: The session.
        lakehouse: Where the tables are.
        until: The last origin.
        first: The first one; None for the newest `KEPT_ORIGINS`.
    """
    since = first or until - timedelta(days=KEPT_ORIGINS - 1)
    rows: pa.Table = (
        Table(spark, lakehouse, ORIGINS)
        .create()
        .read()
        .where(F.col("origin").between(F.lit(since), F.lit(until)))
        .select("origin", "model", "series", "forecast")
        .toArrow()
    )
    if not rows.num_rows:
        return PastForecasts((), HORIZON)
    facts = rows.select(["origin", "model", "series"]).to_pandas()
    values = rows["forecast"].combine_chunks().values.to_numpy(zero_copy_only=False)
    values = values.reshape(rows.num_rows, HORIZON)
    days, at_day = np.unique(facts["origin"].to_numpy(), return_inverse=True)
    series, at_series = np.unique(facts["series"].to_numpy(dtype=str), return_inverse=True)
    forecasts = {}
    for model in sorted(facts["model"].unique()):
        mine = (facts["model"] == model).to_numpy()
        each = np.full((len(days), len(series), HORIZON), np.nan)
        each[at_day[mine], at_series[mine]] = values[mine]
        forecasts[str(model)] = each
    return PastForecasts(tuple(map(str, series)), HORIZON, tuple(days), forecasts)


def write_origins(
    spark: SparkSession, lakehouse: Lakehouse, past: PastForecasts, origins: Collection[date]
) -> None:
    """Write the forecasts of some origins, which the table does not have.

    Args:
        spark: The session.
        lakehouse: Where the tables are.
        past: Holds the origins.
        origins: Those to write.
    """
    table = Table(spark, lakehouse, ORIGINS).create()
    ordered = sorted(origins)
    for start in range(0, len(ordered), _ORIGINS_AT_ONCE):
        chunk = ordered[start : start + _ORIGINS_AT_ONCE]
        rows = spark.createDataFrame(_origin_rows(past, chunk))
        table.replace_where(rows.coalesce(1), within(chunk, "origin"))


def _origin_rows(past: PastForecasts, origins: Sequence[date]) -> pa.Table:
    place = {day: number for number, day in enumerate(past.origins)}
    names = np.array(past.series, dtype=object)
    parts = []
    for model, forecasts in past.forecasts.items():
        chosen = forecasts[[place[day] for day in origins]]
        number, series = np.nonzero(~np.isnan(chosen).any(axis=2))
        flat = pa.array(chosen[number, series].ravel())
        lists = pa.FixedSizeListArray.from_arrays(flat, past.horizon).cast(pa.list_(pa.float64()))
        parts.append(
            pa.table(
                {
                    "origin": pa.array([origins[int(each)] for each in number], pa.date32()),
                    "model": pa.array([model] * len(number)),
                    "series": pa.array(names[series], pa.string()),
                    "forecast": lists,
                }
            )
        )
    return pa.concat_tables(parts)


def existing(spark: SparkSession, lakehouse: Lakehouse, contract: TableContract) -> Table:
    """The table, created where it is not there."""
    return Table(spark, lakehouse, contract).create()


def plain_row(row: Row) -> dict[str, Any]:
    """A row as JSON values: days and times as ISO text."""
    return {
        name: value.isoformat() if isinstance(value, date) else value
        for name, value in row.asDict().items()
    }
