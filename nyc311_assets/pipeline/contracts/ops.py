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
        Column("noted_excess", "DOUBLE", "The episode's excess when somebody last said something"),
        Column("muted_until", "DATE", "Quiet through this New York day"),
        Column("marked_false_by", "STRING", "Who said that it is a false alarm"),
        Column("marked_false_at", "TIMESTAMP", "When, UTC"),
        Column("note", "STRING", "What they said"),
    ),
    key=("alert_id",),
)
