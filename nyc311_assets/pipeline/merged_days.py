"""silver.days: what became of the rows of each request date's newest merged pull."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import date

from pyspark.sql import Row
from pyspark.sql import functions as F

from nyc311_assets.pipeline.contracts import DAYS
from nyc311_assets.pipeline.landed_days import LandedDay
from nyc311_assets.pipeline.staging import StagedDay
from nyc311_assets.pipeline.tables import Table, instant, within


def merged_before(days: Table, request_dates: Collection[date]) -> dict[date, Row]:
    """The rows of some request dates, by date, with ingested_at as microseconds in pulled_us."""
    rows = (
        days.read()
        .where(within(request_dates))
        # A collected TIMESTAMP is naive in the client's own zone.
        .withColumn("pulled_us", F.unix_micros("ingested_at"))
        .collect()
    )
    return {row["request_date"]: row for row in rows}


def record_days(
    days: Table,
    merged: Mapping[date, Row],
    staged: Collection[StagedDay],
    newest: Mapping[date, StagedDay],
    landed: Mapping[tuple[str, date], LandedDay],
    moved: Mapping[date, int],
) -> None:
    """Bring the table up to what a run has merged.

    Args:
        days: silver.days.
        merged: What `merged_before` gave for the request dates of the run.
        staged: The pulls of request dates that the run has merged.
        newest: Request dates of which one of these is the newest pull ever merged, and that one.
        landed: What bronze.batches says of them, by batch and request date.
        moved: Requests of the newest pull that stand on another day, by request date.
    """
    first_whole = {day: row["first_whole"] for day, row in merged.items()}
    for pulled in staged:
        if landed[pulled.batch_id, pulled.request_date].is_whole:
            known = first_whole.get(pulled.request_date) or pulled.ingestion_date
            first_whole[pulled.request_date] = min(known, pulled.ingestion_date)
    rows = {
        day: (*_account(pulled, landed[pulled.batch_id, day], moved), first_whole.get(day))
        for day, pulled in newest.items()
    }
    # Of an older pull only this is news.
    for day, row in merged.items():
        if day not in newest and first_whole[day] != row["first_whole"]:
            kept = row.asDict() | {
                "ingested_at": instant(row["pulled_us"]),
                "first_whole": first_whole[day],
            }
            rows[day] = tuple(kept[column.name] for column in DAYS.columns)
    if rows:
        schema = ", ".join(f"{column.name} {column.type}" for column in DAYS.columns)
        frame = days.spark.createDataFrame(list(rows.values()), schema).coalesce(1)
        days.replace_where(frame, within(rows))


def _account(day: StagedDay, landed: LandedDay, moved: Mapping[date, int]) -> tuple[object, ...]:
    """The columns that the newest pull of a request date gives."""
    elsewhere = moved.get(day.request_date, 0)
    return (
        *(day.request_date, day.ingestion_date, day.batch_id, instant(day.pulled_us)),
        *(landed.rows_expected, landed.rows_landed),
        *(day.rows_kept - elsewhere, day.rows_rejected, day.rows_superseded + elsewhere),
    )
