"""anomalies: every complete day judged by the forecasts issued before it, and the episodes."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

import numpy as np
import pandas as pd
from pyspark.sql import SparkSession
from pyspark.sql import functions as F

from nyc311_assets.pipeline.anomalies.episodes import Episode
from nyc311_assets.pipeline.anomalies.expectations import FROZEN_DAYS, expected
from nyc311_assets.pipeline.anomalies.feeds import BadDay, without_bad_days
from nyc311_assets.pipeline.anomalies.rules import judge
from nyc311_assets.pipeline.anomalies.spread import WINDOW_DAYS
from nyc311_assets.pipeline.anomalies.verdicts import NO_FORECAST, verdict_table
from nyc311_assets.pipeline.anomalies.walk import RUN_DAYS, holiday_effect
from nyc311_assets.pipeline.cities import City
from nyc311_assets.pipeline.contracts import ANOMALIES, FORECASTS
from nyc311_assets.pipeline.forecasting.panel import Panel
from nyc311_assets.pipeline.ml.episodes import bring_up, read_episodes
from nyc311_assets.pipeline.ml.known import Known, read_known
from nyc311_assets.pipeline.ml.outcomes import JudgedDay
from nyc311_assets.pipeline.ml.store import existing, write_frame
from nyc311_assets.pipeline.tables import Lakehouse, Table, within

_HISTORY_DAYS = 28
# What a verdict keeps of its forecast beside what it is judged by, so that nobody has to look for it.
_CARRIED = ("lo80", "hi80", "model", "model_version")
# Why a day that was forecast is not judged: the spread of the errors before it is not known yet.
TOO_FEW_ERRORS = "too_few_errors"
# The series was too young or too quiet to be forecast then, and is of a later day of the run.
FORECAST_LATER = "forecast_later"


@dataclass(frozen=True, eq=False)
class Judging:
    """What a run of the asset did.

    Attributes:
        days: By day.
        episodes: All episodes after it.
        changed: Ids of those that it opened or changed.
        bad_days: Days that the feed broke, which are not judged.
        table_version: Of ml.anomalies.
    """

    days: tuple[JudgedDay, ...]
    episodes: tuple[Episode, ...]
    changed: frozenset[str]
    bad_days: tuple[BadDay, ...]
    table_version: int


def judge_days(
    spark: SparkSession,
    lakehouse: Lakehouse,
    city: City,
    request_dates: Iterable[date],
    *,
    tell: Callable[[str], None],
) -> Judging:
    """Judge the complete ones of some days anew, and bring the episodes up to date.

    Each day is judged by the forecast issued the day before it and the one issued a week before.
    A day without them has no verdict; a settling day is judged again whenever it is among
    `request_dates`.

    Args:
        spark: The session.
        lakehouse: Where the tables are.
        city: Gives the holidays and the fields of silver.
        request_dates: The days that may have changed.
        tell: Is told of progress.
    """
    wanted = sorted(request_dates)
    known = read_known(spark, lakehouse, city, wanted[-1:])
    complete = set(known.complete_days)
    judged = [day for day in wanted if day in complete]
    table = existing(spark, lakehouse, ANOMALIES)
    if not judged:
        return Judging((), tuple(read_episodes(spark, lakehouse)), frozenset(), (), table.version())
    issued = _read_forecasts(spark, lakehouse, judged)
    holidays = city.holidays(known.first_day, judged[-1] + timedelta(days=FROZEN_DAYS))
    panel, bad_days = _panel(known, judged, issued, holidays)
    tell(f"Judging {len(judged)} days of {len(panel.series):,} series")
    verdicts = _verdicts(panel, issued, judged, holidays)
    rows = verdicts.assign(
        is_final=[day in known.final for day in verdicts["ds"].dt.date],
        gold_version=known.gold_version,
    )
    _write(table, rows, judged)
    episodes, changed = bring_up(spark, lakehouse, city, table, judged, tell)
    return Judging(
        tuple(_described(day, rows) for day in judged),
        tuple(episodes),
        frozenset(changed),
        tuple(bad for bad in bad_days if bad.day in set(judged)),
        table.version(),
    )


def judged_before(spark: SparkSession, lakehouse: Lakehouse, day: date) -> tuple[JudgedDay, ...]:
    """What the 28 days before a day were judged to be."""
    since = day - timedelta(days=_HISTORY_DAYS)
    rows = (
        existing(spark, lakehouse, ANOMALIES)
        .read()
        .where((F.col("ds") >= F.lit(since)) & (F.col("ds") < F.lit(day)))
        .groupBy("ds")
        .agg(
            F.count("z").alias("judged"),
            F.count_if("is_anomaly").alias("above"),
            F.count_if("watch").alias("watch"),
            F.count_if("confirmed").alias("confirmed"),
        )
        .orderBy("ds")
        .collect()
    )
    return tuple(
        JudgedDay(row["ds"], row["judged"], row["above"], row["watch"], row["confirmed"], {}, 0)
        for row in rows
    )


def _read_forecasts(
    spark: SparkSession, lakehouse: Lakehouse, judged: Sequence[date]
) -> pd.DataFrame:
    """Forecasts one and seven days ahead of the days that verdicts look back on."""
    first = judged[0] - timedelta(days=WINDOW_DAYS + RUN_DAYS)
    return (
        existing(spark, lakehouse, FORECASTS)
        .read()
        .where(F.col("as_of").between(F.lit(first), F.lit(judged[-1])))
        .where(F.col("horizon").isin(1, FROZEN_DAYS))
        .select("as_of", "series", "ds", "horizon", "yhat", "lo95", "hi95", *_CARRIED)
        .toPandas()
    )


def _panel(
    known: Known, judged: Sequence[date], issued: pd.DataFrame, holidays: Mapping[date, str]
) -> tuple[Panel, tuple[BadDay, ...]]:
    """Counts of the series that were forecast and those that matter now, without broken days."""
    last = judged[-1]
    names = set(issued["series"]) | set(known.until(last).series)
    whole = known.until(last, names=sorted(names))
    first = max(judged[0] - timedelta(days=WINDOW_DAYS + RUN_DAYS), known.first_day)
    window = Panel(whole.series, first, whole.values[:, whole.column(first) :])
    return without_bad_days(window, holidays)


def _verdicts(
    panel: Panel, issued: pd.DataFrame, judged: Sequence[date], holidays: Mapping[date, str]
) -> pd.DataFrame:
    """See `verdict_table`, with the as_of of the forecast, for the judged days only."""
    shape = panel.values.shape
    place = {name: row for row, name in enumerate(panel.series)}
    matrices = {name: np.full(shape, np.nan) for name in ("yhat", "frozen", "low", "high", "as_of")}
    row = issued["series"].map(place)
    column = (pd.to_datetime(issued["ds"]) - pd.Timestamp(panel.first_day)).dt.days
    ahead = column - (pd.to_datetime(issued["as_of"]) - pd.Timestamp(panel.first_day)).dt.days
    # A forecast that was not issued before its day judges nothing, whatever its horizon says.
    usable = row.notna() & (column >= 0) & (column < shape[1]) & (ahead == issued["horizon"])
    for horizon, columns in (
        (1, {"yhat": "yhat", "low": "lo95", "high": "hi95"}),
        (FROZEN_DAYS, {"frozen": "yhat"}),
    ):
        mine = (usable & (issued["horizon"] == horizon)).to_numpy()
        at = (row[mine].astype(int).to_numpy(), column[mine].to_numpy())
        for name, source in columns.items():
            matrices[name][at] = issued.loc[mine, source]
    holiday = np.ones(shape)
    for day in holidays:
        where = panel.column(day)
        if 0 < where < shape[1]:
            before = Panel(panel.series, panel.first_day, panel.values[:, :where].copy())
            holiday[:, where] = holiday_effect(before, holidays, 1)[:, 0]
    found = expected(
        panel, matrices["yhat"], matrices["frozen"], matrices["low"], matrices["high"], holiday
    )
    table = verdict_table(panel, found, judge(found), max(panel.column(judged[0]), 0))
    wanted = np.flatnonzero(table["ds"].dt.date.isin(set(judged)))
    table = table.iloc[wanted].reset_index(drop=True)
    judging = issued.loc[usable & (issued["horizon"] == 1), ["series", "ds", *_CARRIED]]
    judging = judging.assign(ds=pd.to_datetime(judging["ds"]))
    table = table.merge(judging, on=["series", "ds"], how="left", validate="one_to_one")
    day_before = table["ds"] - pd.Timedelta(days=1)
    return table.assign(
        reason=why_unjudged(table, issued), as_of=day_before.where(table["yhat"].notna())
    )


def why_unjudged(table: pd.DataFrame, issued: pd.DataFrame) -> pd.Series[str]:
    """Tell series that nobody could forecast yet from forecasts that are missing.

    Args:
        table: Columns ds, series, yhat, reason.
        issued: Columns as_of, series: the forecasts that were issued.

    Returns:
        The reasons; those of judged days as they were.
    """
    has_forecast = table["yhat"].notna()
    is_unjudged = table["reason"] == NO_FORECAST
    first_issued = pd.to_datetime(table["series"].map(issued.groupby("series")["as_of"].min()))
    others_have = has_forecast.groupby(table["ds"]).transform("any")
    is_later = is_unjudged & ~has_forecast & others_have & (first_issued >= table["ds"])
    return (
        table["reason"]
        .mask(is_unjudged & has_forecast, TOO_FEW_ERRORS)
        .mask(is_later, FORECAST_LATER)
    )


def _write(table: Table, rows: pd.DataFrame, judged: Sequence[date]) -> None:
    frame = rows.assign(ds=rows["ds"].dt.date, as_of=_dates(rows["as_of"]))
    whole = {"direction": "int32", "run_length": "int32"}
    write_frame(table, frame.astype(whole), within(judged, "ds"))


def _dates(stamps: pd.Series[pd.Timestamp]) -> pd.Series[Any]:
    return pd.Series(
        [None if pd.isna(stamp) else stamp.date() for stamp in stamps],
        index=stamps.index,
        dtype=object,
    )


def _described(day: date, rows: pd.DataFrame) -> JudgedDay:
    mine = rows[rows["ds"] == pd.Timestamp(day)]
    is_judged = mine["z"].notna()
    reasons = mine.loc[~is_judged, "reason"].value_counts()
    return JudgedDay(
        ds=day,
        judged=int(is_judged.sum()),
        above=int(mine["is_anomaly"].sum()),
        watch=int(mine["watch"].sum()),
        confirmed=int(mine["confirmed"].sum()),
        unjudged={str(reason): int(count) for reason, count in reasons.items()},
        late_forecasts=int((mine["as_of"] >= mine["ds"]).sum()),
    )
