"""Reading and writing the tables of models and their past forecasts."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
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


def write_frame(
    table: Table, frame: pd.DataFrame, predicate: str, *, constant: Sequence[str] = ()
) -> None:
    """Replace the rows that match a predicate by a frame, with the types of the table's contract.

    Args:
        table: The table, which exists.
        frame: At least one row, the contract's columns in any order; NaN and None are null.
        predicate: A condition that all rows of the frame match.
        constant: Columns whose values stay the same over many rows that follow each other, as the
            30 days of one series. Each such run travels to Spark as one row with lists, which
            takes it a fifth of the time that as many rows take.
    """
    names = list(table.contract.column_names)
    schema = to_arrow_schema(table.read().select(*names).schema)
    columns = {
        each.name: pa.array(frame[each.name], each.type, from_pandas=True, safe=False)
        for each in schema
    }
    if not constant:
        rows = table.spark.createDataFrame(pa.table(columns, schema=schema)).coalesce(1)
    else:
        listed = [name for name in names if name not in constant]
        runs = table.spark.createDataFrame(_runs(columns, frame, constant)).coalesce(1)
        rows = runs.select(*constant, F.inline(F.arrays_zip(*listed)))
    table.replace_where(rows, predicate)


def _runs(
    columns: Mapping[str, pa.Array], frame: pd.DataFrame, constant: Sequence[str]
) -> pa.Table:
    """A row for each run of rows that agree in some columns, with lists of the other columns."""
    codes = np.stack([pd.factorize(frame[name])[0] for name in constant])
    is_first = np.append(True, (codes[:, 1:] != codes[:, :-1]).any(axis=0))[: len(frame)]
    starts = np.flatnonzero(is_first)
    offsets = pa.array(np.append(starts, len(frame)), pa.int32())
    return pa.table(
        {
            name: (
                values.take(pa.array(starts))
                if name in constant
                else pa.ListArray.from_arrays(offsets, values)
            )
            for name, values in columns.items()
        }
    )


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
