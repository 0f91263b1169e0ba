"""forecasts: what is issued on each complete day, and how earlier forecasts have done."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import pairwise

import numpy as np
import pandas as pd
from pyspark.sql import SparkSession
from pyspark.sql import functions as F

from nyc311_assets.pipeline.cities import City
from nyc311_assets.pipeline.contracts import FORECASTS, SERVING
from nyc311_assets.pipeline.forecasting.issue import HORIZON, YOUNG, issue
from nyc311_assets.pipeline.forecasting.past import KEPT_ORIGINS
from nyc311_assets.pipeline.ml.accuracy import AHEAD_DAYS, SUMS, past_accuracy
from nyc311_assets.pipeline.ml.known import Known, read_known
from nyc311_assets.pipeline.ml.outcomes import IssuedDay
from nyc311_assets.pipeline.ml.store import existing, read_origins, write_frame
from nyc311_assets.pipeline.tables import Lakehouse, Table, within

# A day whose partition did not run is caught up by the next ones.
CAUGHT_UP_DAYS = 7
_ISSUED_AT_ONCE = 10
_MEASURED_DAYS = 42


class NoModel(LookupError):
    """There are no point forecasts of a day: prophet_model has not run for it."""


@dataclass(frozen=True, eq=False)
class Issuing:
    """What a run of the asset did.

    Attributes:
        days: By as_of.
        known: The counts that it read.
        table_version: Of ml.forecasts.
    """

    days: tuple[IssuedDay, ...]
    known: Known
    table_version: int


def issue_days(
    spark: SparkSession,
    lakehouse: Lakehouse,
    city: City,
    partitions: Iterable[date],
    *,
    tell: Callable[[str], None],
    workers: int = 2,
) -> Issuing:
    """Issue the forecasts of every complete day of some partitions that has none yet.

    A day's forecasts are made of the point forecasts that prophet_model made on it, and of the
    errors that were known on it. What was issued before stays as it is.

    Args:
        spark: The session.
        lakehouse: Where the tables are.
        city: Gives the holidays.
        partitions: The daily partitions.
        tell: Is told of progress.
        workers: Days at once; numpy lets threads run beside each other.

    Raises:
        NoModel: prophet_model has not run for a day that is to be issued.
    """
    ordered = sorted(partitions)
    known = read_known(spark, lakehouse, city, ordered)
    wanted = _wanted(known, ordered)
    table = existing(spark, lakehouse, FORECASTS)
    there = _issued(table, wanted)
    missing = [day for day in wanted if day not in there]
    versions = _versions(spark, lakehouse, ordered)
    done: list[IssuedDay] = []
    if missing:
        past = read_origins(
            spark, lakehouse, missing[-1], first=missing[0] - timedelta(days=KEPT_ORIGINS)
        )
        # Before prophet_model has enough days, it forecasts nothing.
        missing = [day for day in missing if day in set(past.origins)]
    if missing:
        holidays = city.holidays(known.first_day, missing[-1] + timedelta(days=HORIZON))

        def issued_on(as_of: date) -> tuple[pd.DataFrame, Mapping[str, str]]:
            issued = issue(known.until(as_of), as_of, past, holidays)
            return issued.frame.assign(model_version=versions.get(as_of)), issued.skipped

        batches = [
            missing[start : start + _ISSUED_AT_ONCE]
            for start in range(0, len(missing), _ISSUED_AT_ONCE)
        ]
        with ThreadPoolExecutor(workers) as pool:
            for days, issued in _one_batch_ahead(pool, issued_on, batches):
                _write(table, [frame for frame, _ in issued], days)
                done += [
                    _described(frame, skipped, as_of, wanted[as_of], is_new=True)
                    for as_of, (frame, skipped) in zip(days, issued, strict=True)
                ]
                tell(f"Forecasts of {len(done)} of {len(missing)} days")
    done += [
        _described(frame, {}, as_of, wanted[as_of], is_new=False)
        for as_of, frame in _read_days(table, sorted(there)).items()
    ]
    return Issuing(tuple(sorted(done, key=lambda each: each.as_of)), known, table.version())


def measure(
    spark: SparkSession, lakehouse: Lakehouse, known: Known, partitions: Iterable[date]
) -> pd.DataFrame:
    """How the forecasts have done that had come by some partitions; see `past_accuracy`."""
    ordered = sorted(partitions)
    if not known.complete_days:
        return pd.DataFrame(columns=["as_of", "tier", *SUMS])
    first = ordered[0] - timedelta(days=_MEASURED_DAYS)
    issued = (
        existing(spark, lakehouse, FORECASTS)
        .read()
        .where(F.col("as_of").between(F.lit(first), F.lit(ordered[-1])))
        .where(F.col("horizon") <= AHEAD_DAYS)
        .select("as_of", "series", "horizon", "yhat", "lo95", "hi95")
        .toPandas()
    )
    last = max(day for day in known.complete_days if day <= ordered[-1])
    panel = known.until(last, names=sorted(set(issued["series"])))
    return past_accuracy(panel, issued, sorted(set(issued["as_of"])))


def _one_batch_ahead(
    pool: ThreadPoolExecutor,
    issued_on: Callable[[date], tuple[pd.DataFrame, Mapping[str, str]]],
    batches: Sequence[Sequence[date]],
) -> Iterator[tuple[Sequence[date], list[tuple[pd.DataFrame, Mapping[str, str]]]]]:
    """Batches of days with what is issued on them; the next one is computed while one is written."""
    ahead: list[Future[tuple[pd.DataFrame, Mapping[str, str]]]] = []
    for days, following in pairwise([(), *batches, ()]):
        issued = [future.result() for future in ahead]
        ahead = [pool.submit(issued_on, as_of) for as_of in following]
        if days:
            yield days, issued


def _wanted(known: Known, partitions: Sequence[date]) -> dict[date, date]:
    """Complete day -> the partition that issues it: its own, or the next of the run."""
    first = partitions[0] - timedelta(days=CAUGHT_UP_DAYS)
    return {
        day: next(each for each in partitions if each >= day)
        for day in known.complete_days
        if first <= day <= partitions[-1]
    }


def _issued(table: Table, days: Iterable[date]) -> set[date]:
    rows = table.read().where(within(days, "as_of")).select("as_of").distinct().collect()
    return {row["as_of"] for row in rows}


def _versions(
    spark: SparkSession, lakehouse: Lakehouse, partitions: Sequence[date]
) -> dict[date, str | None]:
    """The version of the model that served each day; None before there was one.

    Raises:
        NoModel: prophet_model has not run for a partition.
    """
    first = partitions[0] - timedelta(days=CAUGHT_UP_DAYS)
    rows = (
        existing(spark, lakehouse, SERVING)
        .read()
        .where(F.col("partition").between(F.lit(first), F.lit(partitions[-1])))
        .orderBy("partition")
        .collect()
    )
    missing = sorted(set(partitions) - {row["partition"] for row in rows})
    if missing:
        raise NoModel(
            f"prophet_model has not run for {missing[0]}: materialize it for the partition first, "
            "and then forecasts."
        )
    return {row["as_of"]: row["model_version"] for row in rows}


def _write(table: Table, frames: Sequence[pd.DataFrame], days: Sequence[date]) -> None:
    """Write some days; one without any series leaves no row."""
    filled = [frame for frame in frames if len(frame)]
    if filled:
        write_frame(
            table,
            pd.concat(filled, ignore_index=True),
            within(days, "as_of"),
            constant=("as_of", "series", "model", "model_version"),
        )


def _read_days(table: Table, days: Sequence[date]) -> dict[date, pd.DataFrame]:
    if not days:
        return {}
    rows = table.read().where(within(days, "as_of")).toPandas()
    return {day: rows[rows["as_of"] == day] for day in days}


def _described(
    frame: pd.DataFrame,
    skipped: Mapping[str, str],
    as_of: date,
    partition: date,
    *,
    is_new: bool,
) -> IssuedDay:
    numbers = frame[["lo95", "lo80", "yhat", "hi80", "hi95"]].to_numpy(dtype=float)
    is_good = np.isfinite(numbers).all(axis=1) & (numbers >= 0).all(axis=1)
    is_good &= (np.diff(numbers, axis=1) >= 0).all(axis=1)
    by_series = frame.groupby("series").agg(days=("horizon", "nunique"), model=("model", "first"))
    city = frame[(frame["series"] == "city") & (frame["horizon"] <= 7)]  # noqa: PLR2004 - a week
    return IssuedDay(
        as_of=as_of,
        partition=partition,
        rows=len(frame),
        series=len(by_series),
        skipped={name: why for name, why in skipped.items() if YOUNG not in why},
        young=sum(YOUNG in why for why in skipped.values()),
        by_model={
            str(name): int(count) for name, count in by_series["model"].value_counts().items()
        },
        bad_rows=int((~is_good).sum()),
        short_series=int((by_series["days"] != HORIZON).sum()),
        total_7_days=float(city["yhat"].sum()) if len(city) else None,
        is_new=is_new,
    )
