"""What every table holds: its columns, types, keys and layout, stated once.

The tables are created from these contracts and Dagster shows them as the assets' schemas.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from nyc311_assets.pipeline.cities import City


@dataclass(frozen=True, slots=True)
class Column:
    """One column: its Spark SQL type, what it means, and whether it may be null."""

    name: str
    type: str
    description: str
    nullable: bool = True

    @property
    def ddl(self) -> str:
        """The column as it stands in CREATE TABLE."""
        comment = self.description.replace("'", "''")
        required = "" if self.nullable else " NOT NULL"
        return f"`{self.name}` {self.type}{required} COMMENT '{comment}'"


@dataclass(frozen=True, slots=True)
class TableContract:
    """One Delta table.

    Attributes:
        name: `layer.table`.
        description: What one row is.
        columns: All columns, in order.
        key: Columns that identify a row.
        partitioned_by: Physical partition columns.
        clustered_by: Liquid clustering columns; excludes partitioned_by.
        properties: Delta table properties.
    """

    name: str
    description: str
    columns: tuple[Column, ...]
    key: tuple[str, ...]
    partitioned_by: tuple[str, ...] = ()
    clustered_by: tuple[str, ...] = ()
    properties: dict[str, str] = field(default_factory=dict)

    @property
    def column_names(self) -> tuple[str, ...]:
        """Names of all columns, in order."""
        return tuple(column.name for column in self.columns)

    @property
    def required(self) -> tuple[str, ...]:
        """Names of the columns that are never null."""
        return tuple(column.name for column in self.columns if not column.nullable)


_CHANGE_FEED = {"delta.enableChangeDataFeed": "true", "delta.enableDeletionVectors": "true"}

RAW_311 = TableContract(
    name="bronze.raw_311",
    description="One row per row pulled from the source, as it came; append-only.",
    columns=(
        Column("ingestion_date", "DATE", "Daily partition that pulled the row", nullable=False),
        Column("request_date", "DATE", "New York day whose query returned the row", nullable=False),
        Column("batch_id", "STRING", "The pull; a retry of it adds nothing", nullable=False),
        Column("ingested_at", "TIMESTAMP", "When the pull began, UTC", nullable=False),
        Column("dataset_id", "STRING", "Dataset of the portal", nullable=False),
        Column("source_row_id", "STRING", "The source's own row id, :id", nullable=False),
        Column("source_updated_at", "TIMESTAMP", "The source's :updated_at, UTC", nullable=False),
        Column("payload", "STRING", "The row's JSON text, without system fields", nullable=False),
        Column("page_sha256", "STRING", "SHA-256 of the answer that held the row", nullable=False),
    ),
    key=("batch_id", "source_row_id"),
    partitioned_by=("ingestion_date",),
    properties={"delta.appendOnly": "true"},
)

BATCHES = TableContract(
    name="bronze.batches",
    description="One row per batch and request date: what was expected and what landed.",
    columns=(
        Column("batch_id", "STRING", "The pull", nullable=False),
        Column("ingestion_date", "DATE", "Daily partition the rows went to", nullable=False),
        Column("request_date", "DATE", "New York day that was asked for", nullable=False),
        Column("ingested_at", "TIMESTAMP", "When the pull began, UTC", nullable=False),
        Column("dataset_id", "STRING", "Dataset of the portal", nullable=False),
        Column("dataset_version", "TIMESTAMP", "The dataset's rowsUpdatedAt, UTC", nullable=False),
        Column("source", "STRING", "Where the rows came from", nullable=False),
        Column("source_reach", "TIMESTAMP_NTZ", "Newest created_date the source had, local time"),
        Column("rows_expected", "BIGINT", "The source's own count of the day", nullable=False),
        Column("rows_landed", "BIGINT", "Rows of the day in bronze.raw_311", nullable=False),
        Column(
            "is_reconciled", "BOOLEAN", "Landed is what was expected, and not zero", nullable=False
        ),
        Column("query", "STRING", "SoQL of the day's first page; null if the source counted zero"),
        Column("pages", "INT", "Answers that the day's rows came in"),
        Column("page_sha256", "ARRAY<STRING>", "SHA-256 of each of those answers, sorted"),
        Column("source_columns", "MAP<STRING,STRING>", "The dataset's columns: name to SODA type"),
    ),
    key=("batch_id", "request_date"),
    properties={"delta.appendOnly": "true"},
)

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
    return TableContract(
        name="silver.requests",
        description="One row per request, in its newest version.",
        columns=(
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
            Column(
                "source_updated_at", "TIMESTAMP", "The source's :updated_at, UTC", nullable=False
            ),
            Column("ingested_at", "TIMESTAMP", "Pull of this version, UTC", nullable=False),
            Column("content_hash", "BIGINT", "xxhash64 of the payload", nullable=False),
            Column(
                "ruleset", "BIGINT", "Fingerprint of the rules that made the row", nullable=False
            ),
            Column("first_seen", "DATE", "First ingestion date with this request", nullable=False),
            Column(
                "last_changed", "DATE", "Ingestion date that brought this content", nullable=False
            ),
            Column(
                "is_current",
                "BOOLEAN",
                "The newest whole pull of its day brings it as a sound row; false: deleted at the "
                "source, or broken there",
                nullable=False,
            ),
        ),
        key=("unique_key",),
        clustered_by=("request_date",),
        # Statistics on the columns that are filtered by: the default, the first 32 columns, would
        # measure addresses that nobody filters by and leave out request_date.
        properties={
            **_CHANGE_FEED,
            "delta.dataSkippingStatsColumns": "request_date,unique_key,created_at,last_changed",
        },
    )


_MERGED = frozenset({"first_seen", "last_changed", "is_current"})


def silver_staged(city: City) -> TableContract:
    """The contract of silver.staged: the rows of runs under way, before they are merged.

    Nothing is required of them yet: that is what is judged.
    """
    typed = (
        replace(column, nullable=True)
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
            "duplicates", "BIGINT", "Older or equal copies of a request in the pull", nullable=False
        ),
    ),
    key=("request_date",),
    properties={"delta.enableDeletionVectors": "true"},
)

DAILY_COUNTS = TableContract(
    name="gold.daily_counts",
    description="Requests per day, complaint type, borough and agency, zero-filled while active.",
    columns=(
        Column("request_date", "DATE", "New York day", nullable=False),
        Column("complaint_type", "STRING", "Complaint type", nullable=False),
        Column("borough", "STRING", "Borough", nullable=False),
        Column("agency", "STRING", "Agency's code", nullable=False),
        Column("requests", "BIGINT", "Requests created that day", nullable=False),
        Column("closed", "BIGINT", "Of them, those closed by now", nullable=False),
        Column("median_hours_to_close", "DOUBLE", "Hours, over those closed after creation"),
        Column("rolling_mean_7", "DOUBLE", "Mean of the complete days among the 7 before"),
        Column("rolling_mean_28", "DOUBLE", "Mean of the complete days among the 28 before"),
        Column("lag_1", "BIGINT", "Requests 1 day before, if that day is complete"),
        Column("lag_7", "BIGINT", "Requests 7 days before, if that day is complete"),
        Column("lag_14", "BIGINT", "Requests 14 days before, if that day is complete"),
        Column("lag_28", "BIGINT", "Requests 28 days before, if that day is complete"),
        Column("is_complete", "BOOLEAN", "The source reached past the day's end", nullable=False),
        Column("is_final", "BOOLEAN", "Complete, and pulled after settling", nullable=False),
    ),
    key=("request_date", "complaint_type", "borough", "agency"),
    clustered_by=("request_date",),
    properties=_CHANGE_FEED,
)
