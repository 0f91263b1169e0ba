"""The tables of silver: requests, what was rejected, and the account of each day."""

from __future__ import annotations

from dataclasses import replace

from nyc311_assets.pipeline.cities import City
from nyc311_assets.pipeline.contracts.rules import payload_rule, pulled_date_rule, value_rules
from nyc311_assets.pipeline.contracts.schema import CHANGE_FEED, Column, TableContract

_SILVER_DESCRIPTIONS = {
    "unique_key": "The request's key at the source",
    "agency": "Responsible agency's code",
    "complaint_type": "Complaint type under today's name, without stray blanks",
    "borough": "Borough in capitals; UNSPECIFIED where neither source nor place tells it",
    "latitude": "Degrees north, WGS 84",
    "longitude": "Degrees east, WGS 84",
}
_PULL_COLUMNS = (
    Column("batch_id", "STRING", "The pull", nullable=False),
    Column("ingestion_date", "DATE", "Daily partition that pulled the row", nullable=False),
    Column("pulled_date", "DATE", "New York day whose query returned the row", nullable=False),
)
_SILVER_REQUIRED = frozenset({"unique_key", "agency", "complaint_type", "borough"})
_MISSING = {
    "unique_key": "unique_key is missing",
    "created_local": "created_date is missing or not a time",
    "agency": "agency is missing",
    "complaint_type": "complaint_type is missing",
}
_SPARK_TYPES = {"text": "STRING", "number": "DOUBLE"}


def local_name(source_name: str) -> str:
    """Name of a source timestamp in silver: `created_date` is `created_local`."""
    return source_name.removesuffix("_date") + "_local"


def silver_requests(city: City) -> TableContract:
    """The contract of silver.requests for a city's fields."""
    source_columns = tuple(
        (
            Column(
                local_name(field_.name),
                "TIMESTAMP_NTZ",
                f"{field_.name}, wall time of {city.name}",
                nullable=field_.name != "created_date",
            )
            if field_.soda_type == "floating_timestamp"
            else Column(
                field_.name,
                _SPARK_TYPES[field_.soda_type],
                _SILVER_DESCRIPTIONS.get(field_.name, "As at the source"),
                nullable=field_.name not in _SILVER_REQUIRED,
            )
        )
        for field_ in city.fields
        if field_.soda_type != "point"
    )
    rules = value_rules(city)
    columns = (
        *source_columns,
        Column("complaint_type_raw", "STRING", "Complaint type as it came"),
        Column("borough_raw", "STRING", "Borough as it came"),
        Column(
            "borough_found_by",
            "STRING",
            "source, community_board, zip, coordinates or none",
            nullable=False,
        ),
        Column("created_at", "TIMESTAMP", "created_local in UTC", nullable=False),
        Column("closed_at", "TIMESTAMP", "closed_local in UTC"),
        Column("hours_to_close", "DOUBLE", "Null while open, and if closed before created"),
        Column("request_date", "DATE", "Local day of created_local", nullable=False),
        Column(
            "flags",
            "ARRAY<STRING>",
            "What is odd about the row; kept all the same",
            nullable=False,
        ),
        Column("dataset_id", "STRING", "Dataset of the portal", nullable=False),
        Column("source_row_id", "STRING", "The source's :id of this version", nullable=False),
        Column("source_updated_at", "TIMESTAMP", "The source's :updated_at, UTC", nullable=False),
        Column("ingested_at", "TIMESTAMP", "Pull of this version, UTC", nullable=False),
        Column("content_hash", "BIGINT", "xxhash64 of the payload", nullable=False),
        Column("ruleset", "BIGINT", "Fingerprint of the rules that made the row", nullable=False),
        Column("first_seen", "DATE", "First ingestion date with this request", nullable=False),
        Column("last_changed", "DATE", "Ingestion date that brought this content", nullable=False),
        Column(
            "classified_since",
            "DATE",
            "First ingestion date with this complaint type and agency; null in a row from before it "
            "was kept",
        ),
        Column(
            "is_current",
            "BOOLEAN",
            "The newest whole pull of its day brings it as a sound row; false: deleted at the "
            "source, or broken there",
            nullable=False,
        ),
    )
    return TableContract(
        name="silver.requests",
        description="One row per request, in its newest version.",
        columns=tuple(
            replace(
                column,
                missing=_MISSING.get(column.name, ""),
                value_rules=rules.get(column.name, ()),
            )
            for column in columns
        ),
        key=("unique_key",),
        clustered_by=("request_date",),
        # Statistics on the columns that are filtered by: the default, the first 32 columns, would
        # measure addresses that nobody filters by and leave out request_date.
        properties={
            **CHANGE_FEED,
            "delta.dataSkippingStatsColumns": "request_date,unique_key,created_at,last_changed",
        },
    )


_MERGED = frozenset({"first_seen", "last_changed", "classified_since", "is_current"})


def typed_rows(city: City) -> TableContract:
    """What a row is that `rows.parse` has typed and `rows.judge` finds sound; it is no table."""
    batch, ingestion, pulled = _PULL_COLUMNS
    return TableContract(
        name="typed rows",
        description="Rows on their way to silver.requests, before they are judged.",
        columns=(
            batch,
            ingestion,
            replace(pulled, value_rules=(pulled_date_rule(),)),
            *(each for each in silver_requests(city).columns if each.name not in _MERGED),
            Column(
                "payload",
                "STRING",
                "The row's JSON text",
                nullable=False,
                value_rules=(payload_rule(),),
            ),
        ),
        key=("batch_id", "source_row_id"),
    )


def silver_staged(city: City) -> TableContract:
    """The contract of silver.staged: the rows of runs under way, before they are merged.

    Nothing is required of them yet: that is what is judged.
    """
    typed = (
        replace(column, nullable=True, missing="", value_rules=())
        for column in silver_requests(city).columns
        if column.name not in _MERGED
    )
    return TableContract(
        name="silver.staged",
        description="The rows of runs under way, typed and judged, before they are merged.",
        columns=(
            Column("run", "STRING", "The run that staged the row", nullable=False),
            *_PULL_COLUMNS,
            *typed,
            Column("reasons", "ARRAY<STRING>", "Every rule the row breaks", nullable=False),
            Column("payload", "STRING", "The JSON text of a row that breaks a rule"),
        ),
        key=("run", "batch_id", "source_row_id"),
        partitioned_by=("run",),
        properties={"delta.dataSkippingNumIndexedCols": "0"},
    )


REJECTS = TableContract(
    name="silver.rejects",
    description="One row per pulled row that breaks the contract, with every reason.",
    columns=(
        *_PULL_COLUMNS,
        Column("source_row_id", "STRING", "The source's :id", nullable=False),
        Column("source_updated_at", "TIMESTAMP", "The source's :updated_at, UTC", nullable=False),
        Column("reasons", "ARRAY<STRING>", "Every rule the row breaks", nullable=False),
        Column("payload", "STRING", "The row's JSON text", nullable=False),
    ),
    key=("batch_id", "source_row_id"),
    properties={"delta.enableDeletionVectors": "true"},
)

DAYS = TableContract(
    name="silver.days",
    description="One row per request date: what became of the rows of its newest merged pull.",
    columns=(
        Column("request_date", "DATE", "New York day whose query was asked", nullable=False),
        Column("ingestion_date", "DATE", "Daily partition that pulled it", nullable=False),
        Column("batch_id", "STRING", "The pull", nullable=False),
        Column("ingested_at", "TIMESTAMP", "When the pull began, UTC", nullable=False),
        Column("rows_at_source", "BIGINT", "The source's own count of the day", nullable=False),
        Column("rows_in_bronze", "BIGINT", "Rows of it in bronze.raw_311", nullable=False),
        Column("requests", "BIGINT", "Sound rows, each request once", nullable=False),
        Column("rejects", "BIGINT", "Rows that break the contract", nullable=False),
        Column(
            "duplicates",
            "BIGINT",
            "Older or equal copies of a request in the pull, and requests that stand on another day",
            nullable=False,
        ),
        Column(
            "first_whole",
            "DATE",
            "First ingestion date of a merged pull that brought the whole day; null: none yet",
        ),
    ),
    key=("request_date",),
    properties={"delta.enableDeletionVectors": "true"},
)

CLASSIFICATIONS = TableContract(
    name="silver.classifications",
    description="One row per classification of a request that has had several.",
    columns=(
        Column("unique_key", "STRING", "The request's key at the source", nullable=False),
        Column("complaint_type", "STRING", "As in silver.requests", nullable=False),
        Column("agency", "STRING", "As in silver.requests", nullable=False),
        Column(
            "since", "DATE", "First ingestion date with this classification of it", nullable=False
        ),
    ),
    key=("unique_key", "complaint_type", "agency"),
    clustered_by=("unique_key",),
    properties={"delta.enableDeletionVectors": "true"},
)
