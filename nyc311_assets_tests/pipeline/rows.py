"""Builds bronze by hand: rows and batch records, without a source."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta

from pyspark.sql import SparkSession

from nyc311_assets.pipeline.contracts import BATCHES, RAW_311
from nyc311_assets.pipeline.tables import Lakehouse, Table

# Where rows came from: they came from no source.
NOT_RECORDED = (None,) * 4


@dataclass(frozen=True)
class PulledRow:
    """One row as a pull would land it."""

    key: str
    created: str
    updated_at: datetime
    fields: Mapping[str, str] = field(default_factory=dict)
    row_id: str | None = None
    pulled_date: date | None = None
    raw_payload: str | None = None

    @property
    def request_date(self) -> date:
        return self.pulled_date or date.fromisoformat(self.created[:10])

    @property
    def payload(self) -> str:
        if self.raw_payload is not None:
            return self.raw_payload
        defaults = {
            "unique_key": self.key,
            "created_date": self.created,
            "agency": "NYPD",
            "complaint_type": "Noise - Residential",
            "borough": "BRONX",
            "status": "Open",
        }
        values = {**defaults, **self.fields}
        fields = {name: value for name, value in values.items() if value != ""}
        return json.dumps(fields, ensure_ascii=False)


def land(
    spark: SparkSession,
    lakehouse: Lakehouse,
    batch_id: str,
    ingestion_date: date,
    rows: Iterable[PulledRow],
    *,
    ingested_at: datetime | None = None,
    reach: datetime | None = None,
    version: datetime | None = None,
    unreconciled: Iterable[date] = (),
    held_back: Iterable[date] = (),
) -> None:
    """Append rows of one partition and their batch record to bronze."""
    rows = list(rows)
    at = ingested_at or datetime.combine(
        ingestion_date + timedelta(days=1), datetime.min.time(), UTC
    ) + timedelta(hours=8)
    raw = Table(spark, lakehouse, RAW_311).create()
    batches = Table(spark, lakehouse, BATCHES).create()
    landed = [
        (
            ingestion_date,
            row.request_date,
            batch_id,
            at,
            "erm2-nwe9",
            row.row_id or f"row-{row.key}",
            row.updated_at,
            row.payload,
            "0" * 64,
        )
        for row in rows
    ]
    raw.append_once(spark.createDataFrame(landed, _schema(RAW_311)), f"rows {batch_id}")
    days = sorted({row.request_date for row in rows})
    last = datetime.combine(max(days) + timedelta(days=1), datetime.min.time())
    records = [
        (
            batch_id,
            ingestion_date,
            day,
            at,
            "erm2-nwe9",
            version or at,
            "test",
            reach or last,
            sum(row.request_date == day for row in rows),
            sum(row.request_date == day for row in rows),
            day not in set(unreconciled),
            *NOT_RECORDED,
            "not_doubled: a test" if day in set(held_back) else None,
            None,
        )
        for day in days
    ]
    batches.append_once(spark.createDataFrame(records, _schema(BATCHES)), f"batch {batch_id}")


def _schema(contract: object) -> str:
    assert hasattr(contract, "columns")
    return ", ".join(f"{column.name} {column.type}" for column in contract.columns)
