from __future__ import annotations

import pytest

from nyc311_assets.pipeline.catalog import OPERATIONS, layers
from nyc311_assets.pipeline.cities import NEW_YORK
from nyc311_assets.pipeline.contracts import DAILY_COUNTS, silver_requests
from nyc311_assets.pipeline.masks import (
    Masks,
    MasksError,
    build_masks,
    maskable,
    read_columns,
)

SALT = "a long and secret salt"
COUNTED_BY = {"complaint_type", "borough", "agency"}
# Whatever tells of one request: all of silver.requests, and a row as it came.
ABOUT_A_REQUEST = {
    *silver_requests(NEW_YORK).column_names,
    *(each.name for each in NEW_YORK.fields),
    "payload",
}
ABOVE_SILVER = {
    contract.name: contract
    for contract in (*(each for layer in layers(NEW_YORK) for each in layer.contracts), *OPERATIONS)
    if contract.name.startswith(("gold.", "ml.", "ops."))
}
ALLOWED = {
    "gold.daily_counts": {*COUNTED_BY, "request_date"},
    # What a series counts.
    "gold.series": COUNTED_BY,
    # When the alert was recorded.
    "ops.alerts": {"created_at"},
}


def test_masks_are_read_as_a_person_writes_them() -> None:
    columns = read_columns(" incident_address=hash, street_name = blank ,", NEW_YORK)
    assert columns == {"incident_address": "hash", "street_name": "blank"}
    assert read_columns("", NEW_YORK) == {}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("incident_address", "names no way to mask a column: write column=hash"),
        ("incident_address=md5", "write incident_address=hash or incident_address=blank"),
        ("address=hash", "address cannot be masked: New York City has no such column. Choose from"),
        ("unique_key=hash", "requests are identified or counted by it. Choose from .*street_name"),
        ("borough=blank", "borough cannot be masked"),
        ("latitude=blank", "latitude cannot be masked: it is no text"),
        ("created_date=blank", "it is no text"),
        ("street_name=hash,street_name=blank", "street_name is named twice"),
    ],
)
def test_what_cannot_be_masked_is_named_with_the_choices(text: str, said: str) -> None:
    with pytest.raises(MasksError, match=said):
        read_columns(text, NEW_YORK)


@pytest.mark.parametrize("salt", [None, "", "short"])
def test_a_hash_needs_a_salt_that_cannot_be_guessed_and_a_blank_needs_none(
    salt: str | None,
) -> None:
    with pytest.raises(MasksError, match=r"street_name: .*Set NYC311_MASK_SALT") as refused:
        build_masks({"street_name": "hash"}, salt)
    assert not salt or salt not in str(refused.value)
    assert build_masks({"street_name": "blank"}, salt).salt == ""


def test_a_salt_does_not_show_and_changes_the_fingerprint() -> None:
    masks = build_masks({"street_name": "hash"}, SALT)
    assert SALT not in repr(masks) + masks.fingerprint
    others = [
        Masks(),
        build_masks({"street_name": "hash"}, SALT + "!"),
        build_masks({"street_name": "blank"}, SALT),
        build_masks({"street_name": "hash", "landmark": "blank"}, SALT),
    ]
    assert len({masks.fingerprint, *(other.fingerprint for other in others)}) == 5


def test_gold_has_no_text_of_the_source_but_what_it_counts_by() -> None:
    text = {each.name for each in NEW_YORK.fields if each.soda_type == "text"}
    assert text & set(DAILY_COUNTS.column_names) == {"complaint_type", "borough", "agency"}
    assert text - set(maskable(NEW_YORK)) == {"unique_key", "complaint_type", "borough", "agency"}


def test_no_table_above_silver_has_a_column_of_a_request_but_what_it_counts_by() -> None:
    assert set(maskable(NEW_YORK)) < ABOUT_A_REQUEST
    assert {name.partition(".")[0] for name in ABOVE_SILVER} == {"gold", "ml", "ops"}
    assert ALLOWED.keys() < ABOVE_SILVER.keys()
    for name, contract in ABOVE_SILVER.items():
        found = ABOUT_A_REQUEST & set(contract.column_names)
        assert found == ALLOWED.get(name, set()), name


def test_no_table_above_silver_hides_a_column_of_a_request_in_a_nested_one() -> None:
    for name, contract in ABOVE_SILVER.items():
        nested = {column.type for column in contract.columns if "STRUCT" in column.type.upper()}
        assert nested == set(), name
