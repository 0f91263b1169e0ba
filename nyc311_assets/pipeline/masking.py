"""Masks configured columns of judged rows, before any of them is written."""

from __future__ import annotations

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from nyc311_assets.pipeline.cities import City
from nyc311_assets.pipeline.contracts import local_name
from nyc311_assets.pipeline.masks import Masks, Way
from nyc311_assets.pipeline.rows import ruleset

# A payload that is no JSON cannot be masked.
WITHHELD = '{"withheld": "not readable as JSON, and columns are masked: see bronze.raw_311"}'
_SALT = "mask_salt"


def mask(judged: DataFrame, city: City, masks: Masks) -> DataFrame:
    """Hide the masked columns, in the payload of broken rows, too.

    What a row was judged, flagged and placed by is not lost: that has been done.

    Args:
        judged: What `rows.judge` returns.
        city: Whose fields they are.
        masks: Which columns are hidden, and how.

    Returns:
        The same columns. `content_hash` is that of the masked content, so that nothing about a
        hidden value can be tried out on it; `ruleset` depends on the masks.
    """
    if not masks.columns:
        return judged
    # A literal would stand in the plan, which Spark's UI, its event log and its errors show; the
    # rows of a local relation do not.
    salt = judged.sparkSession.createDataFrame([(masks.salt,)], f"{_SALT} STRING").scalar()
    salted = judged.withColumn(_SALT, salt)
    hidden = {name: _hidden(F.col(name), way) for name, way in masks.columns.items()}
    return (
        salted.withColumns({**hidden, "payload": _masked_payload(masks)})
        .withColumns(
            {
                "content_hash": F.xxhash64(*_content(city)),
                "ruleset": F.lit(ruleset(city, masks.fingerprint)),
            }
        )
        .drop(_SALT)
    )


def _hidden(value: Column, way: Way) -> Column:
    if way == "blank":
        return F.lit(None).cast("string")
    return F.sha2(F.concat(F.col(_SALT), value), 256)


def _masked_payload(masks: Masks) -> Column:
    """The payload of a broken row; nested values and numbers in it become strings."""

    def shown(key: Column, value: Column) -> Column:
        for name, way in masks.columns.items():
            value = F.when(F.lower(key) == name, _hidden(value, way)).otherwise(value)
        return value

    fields = F.transform_values(F.from_json("payload", "map<string,string>"), shown)
    return F.when(F.col("payload").isNotNull(), F.coalesce(F.to_json(fields), F.lit(WITHHELD)))


def _content(city: City) -> list[str]:
    """Columns that hold what the source said, before it was brought to a canonical form."""
    raw = {"complaint_type": "complaint_type_raw", "borough": "borough_raw"}
    return [
        (
            local_name(each.name)
            if each.soda_type == "floating_timestamp"
            else raw.get(each.name, each.name)
        )
        for each in city.fields
        if each.soda_type != "point"
    ]
