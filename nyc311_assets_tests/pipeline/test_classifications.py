"""A request that the source files under another type or agency: what was known, and since when."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from itertools import permutations
from pathlib import Path

import pytest
from pyspark.sql import SparkSession

from nyc311_assets.pipeline.cities import NEW_YORK
from nyc311_assets.pipeline.contracts import CLASSIFICATIONS, silver_requests
from nyc311_assets.pipeline.known_counts import counts_as_known
from nyc311_assets.pipeline.masks import NO_MASKS, build_masks
from nyc311_assets.pipeline.silver import refine
from nyc311_assets.pipeline.tables import Lakehouse, Table
from nyc311_assets_tests.pipeline.rows import PulledRow, land

pytestmark = [pytest.mark.spark, pytest.mark.long]

Kind = tuple[str, str]
Row = tuple[str, str, str, int]

NOISE = ("Noise - Residential", "NYPD")
HEAT = ("HEAT/HOT WATER", "HPD")
WATER = ("WATER LEAK", "HPD")
FORMERLY = {"HEATING": "HEAT/HOT WATER"}
# Key -> its type and agency in each of three pulls; None: the pull does not bring it.
STORIES: dict[str, tuple[Kind | None, ...]] = {
    "stays": (NOISE, NOISE, NOISE),
    "changes": (NOISE, HEAT, HEAT),
    "late": (NOISE, NOISE, WATER),
    "twice": (NOISE, HEAT, WATER),
    "back": (NOISE, HEAT, NOISE),
    "agency": (HEAT, ("HEAT/HOT WATER", "NYPD"), HEAT),
    "new": (None, NOISE, WATER),
    "gone": (NOISE, WATER, None),
    # One type under two names of it.
    "renamed": (("HEATING", "HPD"), HEAT, HEAT),
}
# Which pulls each of three merges takes.
ORDERS: tuple[tuple[tuple[int, ...], ...], ...] = (
    *(tuple((pull,) for pull in order) for order in permutations(range(3))),
    ((0, 1, 2), (), ()),
    ((2,), (0, 2), (1, 0)),
)


@dataclass(frozen=True)
class Scenario:
    """The stories in days of their own, so that no pull of one scenario covers a day of another.

    Attributes:
        first: The day of all requests; pull n belongs to the partition n days later.
        order: Which pulls each merge takes.
    """

    first: date
    order: tuple[tuple[int, ...], ...]

    def partitions(self, merge: int) -> list[date]:
        return [self.first + timedelta(days=pull) for pull in self.order[merge]]


SCENARIOS = tuple(
    Scenario(date(2026, month, 10), order) for month, order in enumerate(ORDERS, start=1)
)


def pulled(key: str, first: date, pull: int, kind: Kind, updated_hour: int = 1) -> PulledRow:
    """A request as one pull shows it; its content differs from pull to pull."""
    return PulledRow(
        f"{first}/{key}",
        f"{first}T10:00:00.000",
        datetime(2026, 12, 1 + pull, updated_hour, tzinfo=UTC),
        {
            "complaint_type": kind[0],
            "agency": kind[1],
            "resolution_description": f"as of pull {pull}",
        },
        row_id=f"{key} at {updated_hour}",
    )


def land_stories(spark: SparkSession, lakehouse: Lakehouse, first: date) -> None:
    for pull in range(3):
        kinds = {key: kind for key, story in STORIES.items() if (kind := story[pull])}
        rows = [pulled(key, first, pull, kind) for key, kind in kinds.items()]
        # An older copy in the same pull: what it says never stood.
        rows.append(pulled("stays", first, pull, ("Never", "DOT"), updated_hour=0))
        land(spark, lakehouse, f"{first} {pull}", first + timedelta(days=pull), rows)


@pytest.fixture(scope="module")
def merged(spark: SparkSession, tmp_path_factory: pytest.TempPathFactory) -> Lakehouse:
    """All scenarios, after their three merges."""
    lakehouse = Lakehouse(str(tmp_path_factory.mktemp("stories")))
    for scenario in SCENARIOS:
        land_stories(spark, lakehouse, scenario.first)
    for merge in range(3):
        partitions = [day for scenario in SCENARIOS for day in scenario.partitions(merge)]
        refine(spark, lakehouse, NEW_YORK, ingestion_dates=partitions)
    return lakehouse


def classified(
    spark: SparkSession, lakehouse: Lakehouse, table: str, since: str
) -> dict[date, list[Row]]:
    """First day of a scenario -> key, type, agency and days from then, of every row of a table."""
    rows = spark.table(lakehouse.sql_name(table))
    found: dict[date, list[Row]] = {}
    for name, kind, agency, day in rows.select(
        "unique_key", "complaint_type", "agency", since
    ).collect():
        first, key = name.split("/")
        scenario = date.fromisoformat(first)
        found.setdefault(scenario, []).append((key, kind, agency, (day - scenario).days))
    return {first: sorted(each) for first, each in found.items()}


def told(key: str) -> list[Kind | None]:
    """A story under today's names."""
    return [kind and (FORMERLY.get(kind[0], kind[0]), kind[1]) for kind in STORIES[key]]


def since(key: str) -> dict[Kind, int]:
    """Classifications of a story, and the first pull with each."""
    first: dict[Kind, int] = {}
    for pull, kind in enumerate(told(key)):
        if kind:
            first.setdefault(kind, pull)
    return first


def test_any_order_of_pulls_records_every_classification_of_requests_that_had_several(
    spark: SparkSession, merged: Lakehouse
) -> None:
    expected = sorted(
        (key, *kind, pull)
        for key in STORIES
        if len(since(key)) > 1
        for kind, pull in since(key).items()
    )
    found = classified(spark, merged, "silver.classifications", "since")
    assert found == {scenario.first: expected for scenario in SCENARIOS}


def test_any_order_of_pulls_tells_since_when_the_present_classification_is_known(
    spark: SparkSession, merged: Lakehouse
) -> None:
    present = {key: [kind for kind in told(key) if kind][-1] for key in STORIES}
    expected = sorted((key, *kind, since(key)[kind]) for key, kind in present.items())
    found = classified(spark, merged, "silver.requests", "classified_since")
    assert found == {scenario.first: expected for scenario in SCENARIOS}


@pytest.mark.parametrize("pull", range(3))
def test_counts_as_known_have_each_request_as_it_was_classified_then(
    spark: SparkSession, merged: Lakehouse, pull: int
) -> None:
    expected = Counter(
        [kind for kind in told(key)[: pull + 1] if kind][-1]
        for key in STORIES
        if any(told(key)[: pull + 1])
    )
    # All have the same rows, as the tests above see to.
    for scenario in (SCENARIOS[0], SCENARIOS[-1]):
        known_on = scenario.first + timedelta(days=pull)
        rows = counts_as_known(spark, merged, NEW_YORK, known_on).where(
            f"request_date = DATE'{scenario.first}'"
        )
        found = {(row["complaint_type"], row["agency"]): row["requests"] for row in rows.collect()}
        assert found == expected, scenario.order


def test_merging_every_pull_again_writes_nothing(spark: SparkSession, merged: Lakehouse) -> None:
    tables = [Table(spark, merged, each) for each in (CLASSIFICATIONS, silver_requests(NEW_YORK))]
    before = [table.version() for table in tables]
    partitions = [each.first + timedelta(days=pull) for each in SCENARIOS for pull in range(3)]
    refine(spark, merged, NEW_YORK, ingestion_dates=partitions)
    assert [table.version() for table in tables] == before


def test_a_change_of_masks_is_no_reclassification(spark: SparkSession, tmp_path: Path) -> None:
    lakehouse = Lakehouse(str(tmp_path))
    first = date(2026, 3, 10)
    land_stories(spark, lakehouse, first)
    masks = build_masks({"resolution_description": "hash"}, "a long and secret salt")
    for pull, applied in ((0, NO_MASKS), (0, masks), (1, masks)):
        day = first + timedelta(days=pull)
        refine(spark, lakehouse, NEW_YORK, ingestion_dates=[day], masks=applied)
    keys = {
        key for key, *_ in classified(spark, lakehouse, "silver.classifications", "since")[first]
    }
    assert keys == {"changes", "twice", "back", "agency", "gone"}


def test_rows_from_before_the_date_was_kept_are_known_since_their_content_is(
    spark: SparkSession, tmp_path: Path
) -> None:
    lakehouse = Lakehouse(str(tmp_path))
    first = date(2026, 3, 10)
    land_stories(spark, lakehouse, first)
    refine(spark, lakehouse, NEW_YORK, ingestion_dates=[first])
    requests = lakehouse.sql_name("silver.requests")
    spark.sql(
        f"ALTER TABLE {requests} SET TBLPROPERTIES ('delta.columnMapping.mode' = 'name')"
    ).collect()
    spark.sql(f"ALTER TABLE {requests} DROP COLUMN classified_since").collect()
    refine(spark, lakehouse, NEW_YORK, ingestion_dates=[first + timedelta(days=1)])
    found = classified(spark, lakehouse, "silver.classifications", "since")[first]
    assert [row for row in found if row[0] == "changes"] == [
        ("changes", *HEAT, 1),
        ("changes", *NOISE, 0),
    ]
