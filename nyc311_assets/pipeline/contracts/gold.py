"""The tables of gold."""

from __future__ import annotations

from nyc311_assets.pipeline.contracts.schema import CHANGE_FEED, Column, TableContract

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
        Column(
            "open_backlog",
            "BIGINT",
            "Requests of the day and the 7 days before that were open when it ended; older ones "
            "are not pulled again, so that nobody knows of their closing",
            nullable=False,
        ),
        Column("day_of_week", "INT", "1 Monday to 7 Sunday", nullable=False),
        Column("is_weekend", "BOOLEAN", "Saturday or Sunday", nullable=False),
        Column("holiday", "STRING", "Name of the public holiday, if it is one"),
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
    properties=CHANGE_FEED,
)

SERIES = TableContract(
    name="gold.series",
    description="The series that are forecast, at every level.",
    columns=(
        Column("series", "STRING", "Its name, made of what it counts", nullable=False),
        Column(
            "level",
            "STRING",
            "city, borough, agency, type, type_borough or leaf (type, borough and agency)",
            nullable=False,
        ),
        Column("complaint_type", "STRING", "Complaint type; null for all"),
        Column("borough", "STRING", "Borough; null for all"),
        Column("agency", "STRING", "Agency's code; null for all"),
        Column("volume", "DOUBLE", "Requests a day, newest 28 complete days", nullable=False),
        Column("tier", "STRING", "Volume tier, requests a day", nullable=False),
        Column("first_day", "DATE", "First day with a request", nullable=False),
        Column("last_day", "DATE", "Last complete day with a request", nullable=False),
        Column("is_active", "BOOLEAN", "Has had a request of late", nullable=False),
    ),
    key=("series",),
)
