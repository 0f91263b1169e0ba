"""From a payload to a typed row, and the rules that a row must keep."""

from __future__ import annotations

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from nyc311_assets.pipeline.cities import City
from nyc311_assets.pipeline.contracts import local_name


def parse(bronze: DataFrame, city: City) -> DataFrame:
    """Typed columns from the payload; what cannot be read becomes null.

    Returns:
        The columns of silver.requests but for first_seen and last_changed, plus batch_id,
        ingestion_date, pulled_date (the date of the query) and payload.
    """
    schema = ", ".join(f"`{field.name}` STRING" for field in city.fields)
    rows = bronze.select(
        "batch_id",
        "ingestion_date",
        F.col("request_date").alias("pulled_date"),
        "ingested_at",
        "dataset_id",
        "source_row_id",
        "source_updated_at",
        "payload",
        F.from_json("payload", schema).alias("source"),
    )
    typed: list[Column] = []
    for field in city.fields:
        value = F.col(f"source.{field.name}")
        if field.soda_type == "floating_timestamp":
            typed.append(value.try_cast("timestamp_ntz").alias(local_name(field.name)))
        elif field.soda_type == "number":
            typed.append(value.try_cast("double").alias(field.name))
        elif field.name == "complaint_type":
            typed += [_one_line(value).alias(field.name), value.alias("complaint_type_raw")]
        elif field.name == "borough":
            typed += [_borough(value).alias(field.name), value.alias("borough_raw")]
        elif field.name in {"agency", "unique_key"}:
            typed.append(_one_line(value).alias(field.name))
        elif field.soda_type == "text":
            typed.append(value.alias(field.name))
    # In the repeated hour the first pass (daylight time) is meant; a time in the skipped hour
    # is moved forward by it. Both are java.time's rule, which to_utc_timestamp follows.
    zone = city.time_zone.key
    return (
        rows.select("*", *typed)
        .withColumns(
            {
                "created_at": F.to_utc_timestamp("created_local", zone),
                "closed_at": F.to_utc_timestamp("closed_local", zone),
                "request_date": F.to_date("created_local"),
                "content_hash": F.xxhash64("payload"),
            }
        )
        .drop("source")
    )


def _one_line(value: Column) -> Column:
    text = F.trim(F.regexp_replace(value, r"\s+", " "))
    return F.when(text != "", text)


def _borough(value: Column) -> Column:
    return F.coalesce(F.upper(_one_line(value)), F.lit("UNSPECIFIED"))


def judge(parsed: DataFrame, city: City) -> DataFrame:
    """Every reason to reject a row, in one pass.

    Returns:
        The columns of `parse`, plus reasons ARRAY<STRING> (empty: the row is sound); the payload
        is kept only where there is a reason.
    """
    known = [*city.boroughs, "UNSPECIFIED"]
    rules = {
        "unique_key is missing": F.col("unique_key").isNull(),
        "created_date is missing or not a time": F.col("created_local").isNull(),
        "created_date is not in the day that was asked for": F.col("request_date")
        != F.col("pulled_date"),
        "agency is missing": F.col("agency").isNull(),
        "complaint_type is missing": F.col("complaint_type").isNull(),
        "borough is unknown": ~F.col("borough").isin(known),
    }
    reasons = F.filter(
        F.array(*(F.when(broken, F.lit(reason)) for reason, broken in rules.items())),
        lambda reason: reason.isNotNull(),
    )
    return parsed.withColumn("reasons", reasons).withColumn(
        "payload", F.when(F.size("reasons") > 0, F.col("payload"))
    )
