"""The tables of operation."""

from __future__ import annotations

from nyc311_assets.pipeline.contracts.schema import Column, TableContract

ALERTS = TableContract(
    name="ops.alerts",
    description="Every alert: what it says, whom it reached, and what people said of it.",
    columns=(
        Column("alert_id", "STRING", "Made of what it is about: never twice", nullable=False),
        Column("kind", "STRING", "opened, confirmed, …, run_failed, data_late", nullable=False),
        Column("subject", "STRING", "Episode, run, day or lateness it is about", nullable=False),
        Column("severity", "STRING", "info, warning or critical", nullable=False),
        Column("title", "STRING", "In one line", nullable=False),
        Column("body", "STRING", "Plain text", nullable=False),
        Column("attributes", "STRING", "JSON object of texts, to filter by", nullable=False),
        Column("created_at", "TIMESTAMP", "When it was recorded, UTC", nullable=False),
        Column(
            "source_at", "TIMESTAMP", "When the version of ml.episodes was written it is made of"
        ),
        Column(
            "outcome",
            "STRING",
            "send; folded (another alert tells it); quiet (acknowledged, muted or marked false); "
            "too_old",
            nullable=False,
        ),
        Column("told_by", "STRING", "Of a folded one, the alert that tells it"),
        Column(
            "deliveries",
            "STRING",
            "JSON: channel -> {state: pending, sending, sent or dead; attempts, error, at}",
            nullable=False,
        ),
        Column(
            "is_dead_letter", "BOOLEAN", "It was given up for at least one channel", nullable=False
        ),
        Column("acknowledged_by", "STRING", "Who said to be at it"),
        Column("acknowledged_at", "TIMESTAMP", "When, UTC"),
        Column(
            "noted_excess", "DOUBLE", "The excess of its peak when somebody last said something"
        ),
        Column("muted_until", "DATE", "Quiet through this New York day"),
        Column("marked_false_by", "STRING", "Who said that it is a false alarm"),
        Column("marked_false_at", "TIMESTAMP", "When, UTC"),
        Column("note", "STRING", "What they said"),
    ),
    key=("alert_id",),
)

RUNS = TableContract(
    name="ops.runs",
    description="Every attempt of a step: what ran where, how long, how it ended, what it cost.",
    columns=(
        Column(
            "run_id",
            "STRING",
            "The workspace's run; of an attempt that started none, `none-` and its own digits",
            nullable=False,
        ),
        Column("dagster_run_id", "STRING", "The Dagster run", nullable=False),
        Column(
            "asset",
            "STRING",
            "The asset, or the operation on whole tables (maintain, restore, …)",
            nullable=False,
        ),
        Column("first_partition", "DATE", "First of its daily partitions; null of an operation"),
        Column("last_partition", "DATE", "Last of them"),
        Column("partitions", "INT", "How many they are; 0 of an operation", nullable=False),
        Column("attempt", "INT", "1 for the first, 2 for the first retry, …", nullable=False),
        Column("workspace", "STRING", "databricks or embedded", nullable=False),
        Column(
            "compute",
            "STRING",
            "As configured: job_cluster, serverless or existing_cluster",
            nullable=False,
        ),
        Column("state", "STRING", "SUCCESS, FAILED or CANCELED", nullable=False),
        Column("error", "STRING", "Of one that failed: its first line, without secrets"),
        Column(
            "submitted_at", "TIMESTAMP", "When the step began to submit it, UTC", nullable=False
        ),
        Column("ended_at", "TIMESTAMP", "When its end was known here, UTC", nullable=False),
        Column("queue_seconds", "DOUBLE", "Waited in the workspace's queue", nullable=False),
        Column("setup_seconds", "DOUBLE", "Took to get its cluster", nullable=False),
        Column("execution_seconds", "DOUBLE", "Computed", nullable=False),
        Column(
            "cost_usd",
            "DOUBLE",
            "Estimated cost by list prices; 0 in the embedded workspace; null without a price",
        ),
        Column(
            "would_cost_usd",
            "DOUBLE",
            "What the same seconds cost on the configured compute of Databricks; null without a "
            "price",
        ),
        Column("price_list", "DATE", "Date of the price list", nullable=False),
        Column(
            "cost_parts",
            "STRING",
            "JSON: part -> US dollars of would_cost_usd (dbu, instances, disks, addresses, …)",
            nullable=False,
        ),
    ),
    key=("run_id",),
)

CHECKS = TableContract(
    name="ops.checks",
    description="Every check of every partition, as the steps evaluated them.",
    columns=(
        Column("asset", "STRING", "The asset", nullable=False),
        Column("check", "STRING", "The check", nullable=False),
        Column("partition", "DATE", "The daily partition", nullable=False),
        Column("passed", "BOOLEAN", "Whether the partition passes", nullable=False),
        Column("severity", "STRING", "ERROR or WARN", nullable=False),
        Column("blocking", "BOOLEAN", "A failure stops what is downstream", nullable=False),
        Column("description", "STRING", "What passes, and what to do otherwise", nullable=False),
        Column("owner", "STRING", "Who acts when it fails", nullable=False),
        Column("figures", "STRING", "JSON: what was compared, by name", nullable=False),
        Column("evaluated_at", "TIMESTAMP", "When the step's report was read, UTC", nullable=False),
        Column("dagster_run_id", "STRING", "The Dagster run", nullable=False),
        Column("run_id", "STRING", "The run in ops.runs", nullable=False),
    ),
    key=("run_id", "check", "partition"),
)
