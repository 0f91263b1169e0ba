"""The tables of bronze: what was pulled, and the record of each pull."""

from __future__ import annotations

from nyc311_assets.pipeline.contracts.schema import Column, TableContract

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
        Column(
            "held_back", "STRING", "Why the day's rows are kept out of silver; null: they are not"
        ),
        Column(
            "rows_without_day",
            "BIGINT",
            "Rows of the dataset created on no day of it, or after its publication",
        ),
    ),
    key=("batch_id", "request_date"),
    properties={"delta.appendOnly": "true"},
)
