"""Complaint types: today's name of each, on a table of cases and on every real pair of type and agency."""

from __future__ import annotations

from pathlib import Path

import pytest
from pyspark.sql import SparkSession
from pyspark.sql import functions as F

from nyc311_assets.pipeline.cities import NEW_YORK
from nyc311_assets.pipeline.vocabulary import canonical_type
from nyc311_assets_tests.pipeline.real_files import real_rows

pytestmark = pytest.mark.spark

# raw, agency, canonical, known
CASES: list[tuple[str | None, str | None, str | None, bool | None]] = [
    ("Noise - Residential", "NYPD", "Noise - Residential", True),
    ("HEATING", "HPD", "HEAT/HOT WATER", True),
    ("Sweeping/Missed-Inadequate", "DSNY", "Street Sweeping Complaint", True),
    ("Derelict Vehicle", "NYPD", "Abandoned Vehicle", True),
    ("Derelict Vehicles", "DSNY", "Derelict Vehicles", True),
    # The same word is a rename at one agency only.
    ("Plumbing", "HPD", "PLUMBING", True),
    ("Plumbing", "DOB", "Plumbing", True),
    ("PLUMBING", "HPD", "PLUMBING", True),
    ("Elevator", "DOB", "Elevator", True),
    ("Heat/Hot Water", "HPD", "HEAT/HOT WATER", True),
    ("Plumbing", None, "Plumbing", True),
    # Retired: known, and as it is.
    ("NONCONST", "HPD", "NONCONST", True),
    # White space of every kind, and none left for a name.
    ("Sewer ", "DEP", "Sewer", True),
    ("\tDirty  Conditions\r\n", "DSNY", "Dirty Condition", True),
    ("Water\u00a0System", "DEP", "Water System", True),
    ("  ", "DEP", None, None),
    (" \n\t", "DEP", None, None),
    (None, "DEP", None, None),
    # What is not in the table is kept, and is drift.
    ("Hovercraft Noise", "DEP", "Hovercraft Noise", False),
    ("noise - residential", "NYPD", "noise - residential", False),
]

KNOWN = NEW_YORK.known_types | NEW_YORK.retired_types


def test_a_type_gets_todays_name(spark: SparkSession) -> None:
    rows = [(position, raw, agency) for position, (raw, agency, *_) in enumerate(CASES)]
    frame = spark.createDataFrame(rows, "position INT, raw STRING, agency STRING").withColumn(
        "canonical", canonical_type(NEW_YORK, F.col("raw"), F.col("agency"))
    )
    answers = {
        row["position"]: (row["canonical"], row["canonical"] and row["canonical"] in KNOWN)
        for row in frame.collect()
    }
    assert {case[:2]: answers[position] for position, case in enumerate(CASES)} == {
        case[:2]: case[2:] for case in CASES
    }


def test_every_type_of_the_real_rows_is_known_and_most_rows_have_todays_name(
    spark: SparkSession, real_data: Path
) -> None:
    types = spark.createDataFrame(
        real_rows(real_data, ("complaint_type", "agency"))
        .group_by(["file", "complaint_type", "agency"])
        .aggregate([([], "count_all")])
    )
    canonical = canonical_type(NEW_YORK, F.col("complaint_type"), F.col("agency"))
    rows = types.withColumn("canonical", canonical).collect()
    assert [row for row in rows if row["canonical"] not in KNOWN] == []

    def rows_of(year: str, *, retired: bool) -> int:
        return sum(
            row["count_all"]
            for row in rows
            if f"_{year}" in row["file"]
            and (not retired or row["canonical"] in NEW_YORK.retired_types)
        )

    assert rows_of("2026", retired=True) == 0
    assert rows_of("2026", retired=False) == 50_000
    assert 0.1 < rows_of("2010", retired=True) / rows_of("2010", retired=False) < 0.25
