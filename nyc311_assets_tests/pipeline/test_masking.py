from __future__ import annotations

import hashlib
import json
from datetime import UTC, date, datetime
from pathlib import Path

import pytest
from pyspark.sql import SparkSession
from pyspark.sql import functions as F

from nyc311_assets.pipeline.cities import NEW_YORK
from nyc311_assets.pipeline.masking import WITHHELD, mask
from nyc311_assets.pipeline.masks import NO_MASKS, Masks, build_masks
from nyc311_assets.pipeline.rows import judge, parse
from nyc311_assets.pipeline.silver import Refinement, refine
from nyc311_assets.pipeline.tables import Lakehouse
from nyc311_assets_tests.pipeline.rows import PulledRow, land

pytestmark = [pytest.mark.spark, pytest.mark.long]

DAY = date(2026, 3, 10)
CREATED = f"{DAY}T10:00:00.000"
UPDATED = datetime(2026, 3, 11, tzinfo=UTC)
SALT = "a long and secret salt"
ADDRESS = "12 Secret Street"
PLACE = {
    "incident_address": ADDRESS,
    "street_name": "Secret Street",
    "incident_zip": "10001",
    "borough": "Unspecified",
}
HASHED = hashlib.sha256(f"{SALT}{ADDRESS}".encode()).hexdigest()
MASKS = build_masks(
    {"incident_address": "hash", "street_name": "blank", "incident_zip": "blank"}, SALT
)


def refined(spark: SparkSession, lakehouse: Lakehouse, masks: Masks) -> Refinement:
    return refine(spark, lakehouse, NEW_YORK, ingestion_dates=[DAY], masks=masks)


def requests(spark: SparkSession, lakehouse: Lakehouse) -> dict[str, tuple[object, ...]]:
    rows = (
        spark.table(lakehouse.sql_name("silver.requests"))
        .select("unique_key", "incident_address", "street_name", "borough", "last_changed")
        .collect()
    )
    return {row[0]: tuple(row[1:]) for row in rows}


def test_masked_columns_are_hidden_in_every_table_of_silver_and_made_again_when_masks_change(
    spark: SparkSession, tmp_path: Path
) -> None:
    lakehouse = Lakehouse(str(tmp_path))
    rows = [
        PulledRow("1", CREATED, UPDATED, PLACE),
        PulledRow("2", CREATED, UPDATED, PLACE),
        PulledRow("3", CREATED, UPDATED),
        PulledRow("broken", CREATED, UPDATED, {**PLACE, "agency": ""}),
    ]
    land(spark, lakehouse, "b", DAY, rows)
    refined(spark, lakehouse, MASKS)
    # The borough was found by the ZIP code that is then hidden.
    place = (HASHED, None, "MANHATTAN", DAY)
    assert requests(spark, lakehouse) == {"1": place, "2": place, "3": (None, None, "BRONX", DAY)}
    (reject,) = spark.table(lakehouse.sql_name("silver.rejects")).collect()
    payload = json.loads(reject["payload"])
    assert payload["incident_address"] == HASHED
    assert payload.get("street_name") is None
    assert payload["complaint_type"] == "Noise - Residential"
    for table in ("silver.requests", "silver.staged", "silver.rejects"):
        texts = spark.table(lakehouse.sql_name(table)).select(F.to_json(F.struct("*"))).collect()
        assert len(texts) > 0
        assert not [text for (text,) in texts if "secret" in text.lower() or "10001" in text]

    assert refined(spark, lakehouse, MASKS).updated == 0
    assert refined(spark, lakehouse, NO_MASKS).updated == 3
    # What changed is how the content is shown, not the content.
    plain = (ADDRESS, "Secret Street", "MANHATTAN", DAY)
    assert requests(spark, lakehouse) == {"1": plain, "2": plain, "3": (None, None, "BRONX", DAY)}
    (reject,) = spark.table(lakehouse.sql_name("silver.rejects")).collect()
    assert json.loads(reject["payload"])["incident_address"] == ADDRESS


def test_neither_the_plan_nor_the_content_hash_tells_what_is_hidden(
    spark: SparkSession, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    lakehouse = Lakehouse(str(tmp_path))
    elsewhere = {**PLACE, "street_name": "Other Street"}
    rows = [
        PulledRow("1", CREATED, UPDATED, PLACE, row_id="a"),
        PulledRow("1", CREATED, UPDATED, elsewhere, row_id="b"),
        PulledRow("1", CREATED, UPDATED, {**PLACE, "incident_address": "14"}, row_id="c"),
    ]
    land(spark, lakehouse, "b", DAY, rows)
    bronze = spark.table(lakehouse.sql_name("bronze.raw_311"))
    # A row that is no JSON at all.
    broken = bronze.where("source_row_id = 'a'").withColumns(
        {"payload": F.lit('{"street_name": "Secret Str'), "source_row_id": F.lit("d")}
    )
    masked = mask(judge(parse(bronze.unionByName(broken), NEW_YORK), NEW_YORK), NEW_YORK, MASKS)
    assert "mask_salt" not in masked.columns
    masked.explain(extended=True)
    plan = capsys.readouterr().out
    assert "sha2" in plan
    assert SALT not in plan
    found = {row["source_row_id"]: row for row in masked.collect()}
    assert found["d"]["payload"] == WITHHELD
    hashes = {row_id: row["content_hash"] for row_id, row in found.items()}
    # A blank value leaves no trace; a hashed one tells only that it differs.
    assert hashes["a"] == hashes["b"] != hashes["c"]
