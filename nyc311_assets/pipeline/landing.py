"""What landed of a pull, day by day: how many rows, of which complaint types, in which answers."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import date

from pyspark.sql import Column, Row
from pyspark.sql import functions as F

from nyc311_assets.pipeline.cities import City
from nyc311_assets.pipeline.tables import Table
from nyc311_assets.pipeline.vocabulary import canonical_type, one_line


@dataclass(frozen=True, slots=True)
class LandedRows:
    """The rows of one request date of a batch in bronze.raw_311.

    Attributes:
        rows: How many.
        page_sha256: SHA-256 of every answer that they came in, sorted.
        types: Rows per canonical complaint type; a row without a type is left out.
    """

    rows: int
    page_sha256: tuple[str, ...]
    types: Mapping[str, int]


def landed_rows(
    raw: Table, city: City, batch_id: str, ingestion_dates: Collection[date]
) -> dict[date, LandedRows]:
    """What landed of a batch, by request date, from bronze.raw_311 in one query.

    Type and agency are read from the payload, so that a feed can be judged before it is merged.
    """
    kind = canonical_type(city, _text(F.col("type")), one_line(_text(F.col("agency"))))
    rows = (
        raw.read()
        .where(F.col("ingestion_date").between(min(ingestion_dates), max(ingestion_dates)))
        .where(F.col("batch_id") == batch_id)
        .select(
            "request_date",
            "page_sha256",
            _literal("complaint_type").alias("type"),
            _literal("agency").alias("agency"),
        )
        # Reading 80,000 rows as JSON takes longer than reading them; these are some hundred a day.
        .groupBy("request_date", "page_sha256", "type", "agency")
        .agg(F.count("*").alias("rows"))
        .groupBy("request_date", kind.alias("complaint_type"))
        .agg(F.sum("rows").alias("rows"), F.collect_set("page_sha256").alias("pages"))
        .collect()
    )
    days: dict[date, list[Row]] = {}
    for row in rows:
        days.setdefault(row["request_date"], []).append(row)
    return {
        day: LandedRows(
            rows=sum(row["rows"] for row in found),
            page_sha256=tuple(sorted({page for row in found for page in row["pages"]})),
            types={row["complaint_type"]: row["rows"] for row in found if row["complaint_type"]},
        )
        for day, found in days.items()
    }


def _literal(field: str) -> Column:
    """A text field of the payload as JSON has it, in its quotes; empty where there is none.

    Inside another value the quotes of such a name would be escaped.
    """
    # Possessive, and with few escapes: Java's matcher recurses for each repeated group.
    text = r'"[^"\\]*+(?:\\.[^"\\]*+){0,99}+"'
    return F.regexp_extract("payload", rf'"{field}"\s*+:\s*+({text})', 1)


def _text(literal: Column) -> Column:
    """What a JSON string says; null for an empty literal."""
    return F.from_json(F.concat(F.lit('{"text":'), literal, F.lit("}")), "text STRING")["text"]
