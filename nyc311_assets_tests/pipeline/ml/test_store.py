"""Frames written to tables: as they are, and packed by what stays the same over many rows."""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path

import pandas as pd
import pytest
from pyspark.sql import SparkSession

from nyc311_assets.pipeline.contracts import FORECASTS
from nyc311_assets.pipeline.ml.store import existing, write_frame
from nyc311_assets.pipeline.tables import Lakehouse, within

pytestmark = pytest.mark.spark

AS_OF = date(2026, 3, 1)
CONSTANT = ("as_of", "series", "model", "model_version")


def forecasts() -> pd.DataFrame:
    """Three series; the last two differ in nothing but their version, and one has none."""
    rows = []
    for number, (series, version) in enumerate([("a", "1"), ("b", None), ("b", "2")]):
        for ahead in (1, 2, 3):
            horizon = ahead + 3 * number
            rows.append(
                {
                    "as_of": AS_OF,
                    "series": series,
                    "ds": AS_OF + timedelta(days=horizon),
                    "horizon": horizon,
                    "yhat": 10.0 * horizon,
                    "lo80": 8.0,
                    "hi80": 12.5,
                    "lo95": 0.0,
                    "hi95": 15.0 + horizon,
                    "model": "prophet",
                    "model_version": version,
                    "is_provisional": horizon % 2 == 0,
                }
            )
    return pd.DataFrame(rows)


@pytest.mark.parametrize("order", ["sorted", "mixed"])
def test_packed_rows_are_the_same_rows(spark: SparkSession, tmp_path: Path, order: str) -> None:
    frame = forecasts()
    if order == "mixed":
        frame = frame.sample(frac=1, random_state=1)
    table = existing(spark, Lakehouse(str(tmp_path)), FORECASTS)
    write_frame(table, frame, within([AS_OF], "as_of"), constant=CONSTANT)
    written = table.read().orderBy("horizon").toPandas()
    expected = frame.sort_values("horizon", ignore_index=True)[list(written.columns)]
    pd.testing.assert_frame_equal(written, expected, check_dtype=False)
