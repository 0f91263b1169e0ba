"""From a payload to a typed row, the rules that a row must keep, and what is odd about it."""

from __future__ import annotations

import hashlib
from functools import reduce

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from nyc311_assets.pipeline.cities import City, load_boundaries
from nyc311_assets.pipeline.contracts import local_name
from nyc311_assets.pipeline.contracts.rules import Consequence
from nyc311_assets.pipeline.contracts.silver import typed_rows
from nyc311_assets.pipeline.places import borough_of
from nyc311_assets.pipeline.vocabulary import canonical_type, one_line

# Raised by hand when the expressions below give other rows for the same payloads.
_RULES_VERSION = 2
_ONE_LINE = frozenset({"agency", "unique_key"})


def ruleset(city: City, masks: str = "") -> int:
    """Fingerprint of everything but the payload that a row in silver depends on, as a BIGINT.

    Rows of an earlier ruleset are made again when their pull is merged again, although their
    content at the source is the same.

    Args:
        city: Whose rules they are.
        masks: Fingerprint of the masks; empty for none.
    """
    types = city.complaint_types
    clues = city.borough_clues
    rules = (
        _RULES_VERSION,
        [(field.name, field.soda_type) for field in city.fields],
        sorted(types.renamed.items()),
        sorted((agency, sorted(names.items())) for agency, names in types.renamed_at.items()),
        city.boroughs,
        sorted(clues.shared_boards),
        sorted(clues.zip_prefixes.items()),
        sorted(clues.zip_codes.items()),
        load_boundaries(city).bands,
        city.time_zone.key,
        [(rule.name, rule.broken, rule.consequence) for rule in typed_rows(city).rules],
        masks,
    )
    digest = hashlib.sha256(repr(rules).encode()).digest()
    return int.from_bytes(digest[:8], "big", signed=True)


def parse(bronze: DataFrame, city: City) -> DataFrame:
    """Typed columns from the payload; what cannot be read becomes null, and is flagged.

    Returns:
        The columns of silver.requests but for first_seen, last_changed and is_current, plus
        batch_id, ingestion_date, pulled_date (the date of the query) and payload.
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
    # In the repeated hour the first pass (daylight time) is meant; a time in the skipped hour
    # is moved forward by it. Both are java.time's rule, which to_utc_timestamp follows.
    zone = city.time_zone.key
    hours = (F.unix_seconds("closed_at") - F.unix_seconds("created_at")) / 3600
    return (
        rows.select("*", *_typed(city))
        .withColumns(
            {
                "created_at": F.to_utc_timestamp("created_local", zone),
                "closed_at": F.to_utc_timestamp("closed_local", zone),
                "request_date": F.to_date("created_local"),
                "content_hash": F.xxhash64("payload"),
                "ruleset": F.lit(ruleset(city)),
            }
        )
        .withColumns({"hours_to_close": F.when(hours >= 0, hours), "flags": _flags(city)})
        .drop("source")
    )


def _typed(city: City) -> list[Column]:
    typed: list[Column] = []
    agency = one_line(F.col("source.agency"))
    for field in city.fields:
        value = F.col(f"source.{field.name}")
        if field.soda_type == "floating_timestamp":
            typed.append(value.try_cast("timestamp_ntz").alias(local_name(field.name)))
        elif field.soda_type == "number":
            typed.append(value.try_cast("double").alias(field.name))
        elif field.name == "complaint_type":
            typed += [
                canonical_type(city, value, agency).alias(field.name),
                value.alias("complaint_type_raw"),
            ]
        elif field.name == "borough":
            borough, found_by = borough_of(
                city,
                borough=value,
                incident_zip=F.col("source.incident_zip"),
                community_board=F.col("source.community_board"),
                latitude=F.col("source.latitude"),
                longitude=F.col("source.longitude"),
            )
            typed += [
                borough.alias(field.name),
                found_by.alias("borough_found_by"),
                value.alias("borough_raw"),
            ]
        elif field.name in _ONE_LINE:
            typed.append(one_line(value).alias(field.name))
        elif field.soda_type == "text":
            typed.append(value.alias(field.name))
    return typed


def _flags(city: City) -> Column:
    """What is odd about a row, without being a reason to reject it."""
    odd = _broken(city, "flagged")
    for field in city.fields:
        name = {"floating_timestamp": local_name(field.name), "number": field.name}.get(
            field.soda_type
        )
        if name is not None and name != "created_local":
            odd[f"{field.name} cannot be read"] = (
                F.col(f"source.{field.name}").isNotNull() & F.col(name).isNull()
            )
    return _named(odd)


def _broken(city: City, consequence: Consequence) -> dict[str, Column]:
    """Conditions under which a row breaks the rules of this consequence, by the rule's name."""
    rules = typed_rows(city).rules
    return {rule.name: F.expr(rule.broken) for rule in rules if rule.consequence == consequence}


def _named(conditions: dict[str, Column]) -> Column:
    """The names of the conditions that hold."""
    names = F.array(*(F.when(holds, F.lit(name)) for name, holds in conditions.items()))
    # Spark interprets array_compact, and next to no row needs it.
    is_any = reduce(lambda left, right: left | right, conditions.values())
    return F.when(is_any, F.array_compact(names)).otherwise(F.lit([]).cast("array<string>"))


def judge(parsed: DataFrame, city: City) -> DataFrame:
    """Every reason to reject a row, in one pass.

    Returns:
        The columns of `parse`, plus reasons ARRAY<STRING> (empty: the row is sound); the payload
        is kept only where there is a reason.
    """
    reasons = _named(_broken(city, "rejected"))
    return parsed.withColumn("reasons", reasons).withColumn(
        "payload", F.when(F.size("reasons") > 0, F.col("payload"))
    )
