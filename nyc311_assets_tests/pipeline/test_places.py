"""Boroughs by place: a table of cases, and every real row with a named borough."""

from __future__ import annotations

import logging
from dataclasses import replace
from pathlib import Path

import pytest
from pyspark.sql import Column, DataFrame, SparkSession
from pyspark.sql import functions as F

from nyc311_assets.pipeline.cities import NEW_YORK, BoroughClues
from nyc311_assets.pipeline.places import (
    borough_of,
    by_community_board,
    by_coordinates,
    by_zip,
)
from nyc311_assets_tests.pipeline.real_files import real_rows

pytestmark = pytest.mark.spark

COLUMNS = ("borough", "community_board", "incident_zip", "latitude", "longitude")
WAYS = ("community_board", "zip", "coordinates", "any")
CITY_HALL = ("40.7127", "-74.0059")
MARBLE_HILL = ("40.8757", "-73.9106")
NOWHERE = ("UNSPECIFIED", "none")

logger = logging.getLogger(__name__)

# borough, community_board, incident_zip, latitude, longitude, and what is found by what.
CASES: list[tuple[str | None, str | None, str | None, str | None, str | None, tuple[str, str]]] = [
    # A name is trusted before every place.
    ("QUEENS", "12 MANHATTAN", "10451", *CITY_HALL, ("QUEENS", "source")),
    (" staten  island ", None, None, None, None, ("STATEN ISLAND", "source")),
    ("Yonkers", "08 QUEENS", None, None, None, ("YONKERS", "source")),
    # Then the community board.
    ("Unspecified", "12 MANHATTAN", "11201", None, None, ("MANHATTAN", "community_board")),
    (None, "Unspecified BRONX", None, None, None, ("BRONX", "community_board")),
    ("", " 03 Staten Island ", None, None, None, ("STATEN ISLAND", "community_board")),
    ("UNSPECIFIED", "64 MANHATTAN", None, None, None, ("MANHATTAN", "community_board")),
    (None, "0 Unspecified", None, None, None, NOWHERE),
    (None, "07 HOBOKEN", None, None, None, NOWHERE),
    (None, "08 BRONX", None, None, None, NOWHERE),
    (None, "08 BRONX", "10471", None, None, ("BRONX", "zip")),
    (None, "08 QUEENS", None, None, None, ("QUEENS", "community_board")),
    # Then the ZIP code.
    (None, "0 Unspecified", "11201", None, None, ("BROOKLYN", "zip")),
    (None, None, "11201-3456", None, None, ("BROOKLYN", "zip")),
    (None, None, " 10301 ", None, None, ("STATEN ISLAND", "zip")),
    (None, None, "114303456", None, None, ("QUEENS", "zip")),
    (None, None, "10116", None, None, ("MANHATTAN", "zip")),
    (None, None, "11004", None, None, ("QUEENS", "zip")),
    (None, None, "11040", None, None, NOWHERE),
    (None, None, "10463", None, None, NOWHERE),
    (None, None, "11370", None, None, NOWHERE),
    (None, None, "07310", None, None, NOWHERE),
    (None, None, "88888", None, None, NOWHERE),
    (None, None, "1120", None, None, NOWHERE),
    (None, None, "112011", None, None, NOWHERE),
    # Then the coordinates.
    (None, None, None, *CITY_HALL, ("MANHATTAN", "coordinates")),
    (None, None, "11040", "40.7465", "-73.7110", ("QUEENS", "coordinates")),
    (None, None, "10463", "40.8860", "-73.9100", ("BRONX", "coordinates")),
    (None, None, None, "40.7614", "-73.9506", ("MANHATTAN", "coordinates")),  # Roosevelt Island
    (None, None, "11370", "40.7915", "-73.8830", ("BRONX", "coordinates")),  # Rikers Island
    (None, None, None, "40.6782", "-73.9442", ("BROOKLYN", "coordinates")),
    (None, None, None, "40.5795", "-74.1502", ("STATEN ISLAND", "coordinates")),
    (None, None, None, "40.6050", "-73.8200", ("QUEENS", "coordinates")),  # Broad Channel
    (None, None, None, *MARBLE_HILL, NOWHERE),
    (None, None, None, "40.7178", "-74.0431", NOWHERE),  # Jersey City, inside the box
    (None, None, None, "40.6500", "-74.0350", NOWHERE),  # the Upper Bay
    (None, None, None, "0.0", "0.0", NOWHERE),
    (None, None, None, "NaN", "-73.9442", NOWHERE),
    (None, None, None, "north", "-73.9442", NOWHERE),
    (None, None, None, "40.6782", None, NOWHERE),
    (None, None, None, None, None, NOWHERE),
]


def found_in(columns: dict[str, Column]) -> tuple[Column, Column]:
    return borough_of(NEW_YORK, **columns)


def test_each_place_gives_its_borough_by_the_first_way_that_tells(spark: SparkSession) -> None:
    schema = "position INT, " + ", ".join(f"{name} STRING" for name in COLUMNS)
    rows = [(position, *case[:-1]) for position, case in enumerate(CASES)]
    borough, way = found_in({name: F.col(name) for name in COLUMNS})
    found = (
        spark.createDataFrame(rows, schema)
        .select("position", borough.alias("found"), way.alias("way"))
        .collect()
    )
    answers = {row["position"]: (row["found"], row["way"]) for row in found}
    assert {case[:-1]: answers[position] for position, case in enumerate(CASES)} == {
        case[:-1]: case[-1] for case in CASES
    }


def test_what_comes_after_the_first_way_that_tells_is_not_even_looked_at(
    spark: SparkSession,
) -> None:
    rows = spark.createDataFrame([("queens", "11201")], "borough STRING, incident_zip STRING")
    looked = F.raise_error(F.lit("looked at")).cast("string")
    dear = {"community_board": looked, "latitude": looked, "longitude": looked}
    named = found_in(dear | {"borough": F.col("borough"), "incident_zip": looked})
    zip_tells = found_in(
        dear
        | {"borough": F.lit(None), "incident_zip": F.col("incident_zip")}
        | {"community_board": F.lit("0 Unspecified")}
    )
    assert tuple(rows.select(*named, *zip_tells).collect()[0]) == (
        ("QUEENS", "source", "BROOKLYN", "zip")
    )


def test_a_city_without_special_cases_needs_none(spark: SparkSession) -> None:
    city = replace(
        NEW_YORK,
        borough_clues=BoroughClues(frozenset(), {}, {}, NEW_YORK.borough_clues.boundaries_file),
    )
    row = (
        spark.range(1)
        .select(
            by_community_board(city, F.lit("08 BRONX")).alias("board"),
            by_zip(city, F.lit("10463")).alias("zip"),
        )
        .collect()[0]
    )
    assert (row["board"], row["zip"]) == ("BRONX", None)


@pytest.fixture(scope="module")
def measured(spark: SparkSession, real_data: Path) -> list[dict[str, int]]:
    """Counts per real file: of each way by itself, and of all of them without the borough."""
    columns = {name: F.col(name) for name in COLUMNS}
    borough, way = found_in(columns | {"borough": F.lit(None).cast("string")})
    # A fifth of the points is enough here, and takes a fifth of the time.
    sampled_latitude = F.when(F.pmod(F.xxhash64("latitude"), F.lit(5)) == 0, F.col("latitude"))
    rows: DataFrame = spark.createDataFrame(real_rows(real_data, COLUMNS)).select(
        "file",
        F.when(F.upper("borough").isin(*NEW_YORK.boroughs), F.upper("borough")).alias("named"),
        F.col("community_board").alias("community_board_given"),
        F.col("incident_zip").alias("zip_given"),
        "latitude",
        sampled_latitude.alias("coordinates_given"),
        by_community_board(NEW_YORK, F.col("community_board")).alias("community_board"),
        by_zip(NEW_YORK, F.col("incident_zip")).alias("zip"),
        by_coordinates(NEW_YORK, sampled_latitude, F.col("longitude")).alias("coordinates"),
        F.when(way != "none", borough).alias("any"),
        F.lit(True).alias("any_given"),
    )
    has_name, was_found = F.col("named").isNotNull(), F.col("any").isNotNull()
    counts = [
        F.count("*").alias("rows"),
        F.count_if(has_name).alias("named"),
        F.count_if(was_found).alias("found"),
        F.count_if(~has_name & was_found).alias("found_without_name"),
        F.count_if(
            ~was_found & (F.col("zip_given").isNotNull() | F.col("latitude").isNotNull())
        ).alias("placed_but_lost"),
    ]
    for name in WAYS:
        given = has_name & F.col(f"{name}_given").isNotNull()
        counts += [
            F.count_if(given).alias(f"{name}_n"),
            F.count_if(given & F.col(name).isNotNull()).alias(f"{name}_decided"),
            F.count_if(F.col(name) == F.col("named")).alias(f"{name}_right"),
        ]
    return [row.asDict() for row in rows.groupBy("file").agg(*counts).orderBy("file").collect()]


def total(measured: list[dict[str, int]], name: str) -> int:
    return sum(counts[name] for counts in measured)


@pytest.mark.parametrize(
    ("way", "undecided_at_most"),
    [("community_board", 0.02), ("zip", 0.02), ("coordinates", 0.005), ("any", 0.006)],
)
def test_each_way_alone_agrees_with_the_named_boroughs_of_the_real_rows(
    measured: list[dict[str, int]], way: str, undecided_at_most: float
) -> None:
    n, decided = total(measured, f"{way}_n"), total(measured, f"{way}_decided")
    right, undecided = total(measured, f"{way}_right") / decided, 1 - decided / n
    logger.info("%s: n %s, right %.3f %%, undecided %.3f %%", way, n, 100 * right, 100 * undecided)
    assert n > 12_000
    assert right >= 0.999
    assert undecided <= undecided_at_most


def test_every_real_file_finds_nearly_all_boroughs_without_the_source(
    measured: list[dict[str, int]],
) -> None:
    assert len(measured) == 13
    for counts in measured:
        logger.info("%s", counts)
        assert counts["placed_but_lost"] <= 0.02 * counts["rows"], counts
        assert counts["any_right"] >= 0.997 * counts["any_decided"], counts
    rows, named = total(measured, "rows"), total(measured, "named")
    logger.info("without a name: %s, found %s", rows - named, total(measured, "found_without_name"))
    assert total(measured, "found") >= 0.98 * rows
