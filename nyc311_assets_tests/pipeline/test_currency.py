"""What merge after merge makes of a request: newer versions, deletions, moves, any order."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta

import pytest
from pyspark.sql import SparkSession
from pyspark.sql import functions as F

from nyc311_assets.pipeline.cities import NEW_YORK
from nyc311_assets.pipeline.contracts import DAYS
from nyc311_assets.pipeline.gold import aggregate
from nyc311_assets.pipeline.silver import Refinement, refine
from nyc311_assets.pipeline.tables import Lakehouse, Table
from nyc311_assets_tests.pipeline.rows import PulledRow, land

pytestmark = pytest.mark.spark

Pulls = tuple[tuple[tuple[str, int, int, dict[str, str]], ...], ...]
Order = tuple[tuple[int, ...], ...]

ORDERS: dict[str, Order] = {
    "one by one": ((0,), (1,), (2,)),
    "backward": ((2,), (1,), (0,)),
    "again and again": ((1,), (0,), (1, 2)),
    "in one range": ((0, 1, 2), (), (2,)),
}


@dataclass
class Scenario:
    """Three pulls of days of its own; pull n belongs to the partition n days after `first`.

    Attributes:
        first: Its first day.
        pulls: Rows of each pull, as (key, days after `first`, hour of the update, fields).
        order: Which of them each of the three merges takes.
    """

    first: date
    pulls: Pulls
    order: Order
    name: str = field(default="")

    def day(self, number: int) -> date:
        return self.first + timedelta(days=number)

    def rows(self, number: int) -> list[PulledRow]:
        return [
            PulledRow(
                f"{self.name}/{key}",
                f"{self.day(after)}T10:00:00.000",
                datetime(2026, 12, 1, hour, tzinfo=UTC),
                fields,
            )
            for key, after, hour, fields in self.pulls[number]
        ]


CLOSED: dict[str, str] = {"status": "Closed"}
VERSIONS: Pulls = (
    (("1", 0, 1, {}), ("2", 0, 1, {})),
    (("1", 0, 2, CLOSED), ("2", 0, 1, {}), ("3", 0, 2, {})),
    # An update time that goes backward, and a request that the source has taken back.
    (("1", 0, 3, CLOSED), ("2", 0, 0, {})),
)
DELETED: Pulls = (
    (("stays", 0, 1, {}), ("deleted", 0, 1, {}), ("broken", 0, 1, {})),
    (("stays", 0, 1, {}), ("broken", 0, 2, {"agency": ""})),
    (),
)
BACK: Pulls = (
    (("1", 0, 1, {}), ("2", 0, 1, {})),
    (("2", 0, 1, {}),),
    (("1", 0, 1, {}), ("2", 0, 1, {})),
)
MOVED: Pulls = ((("1", 0, 1, {}),), (("1", 1, 2, {}), ("2", 1, 2, {})), ())


def scenarios() -> dict[str, Scenario]:
    """Each in a month of its own, so that no pull of one covers a day of another."""
    both: dict[str, Order] = {"in order": ((0,), (1,), ()), "out of order": ((1,), (0,), ())}
    found: dict[str, tuple[Pulls, Order]] = {
        f"versions {name}": (VERSIONS, order) for name, order in ORDERS.items()
    }
    found |= {f"deleted {name}": (DELETED, order) for name, order in both.items()}
    found |= {f"moved {name}": (MOVED, order) for name, order in both.items()}
    found["back"] = (BACK, ((0,), (1,), (2,)))
    return {
        name: Scenario(date(2026, month, 10), pulls, order, name)
        for month, (name, (pulls, order)) in enumerate(found.items(), start=1)
    }


@dataclass(frozen=True)
class Merged:
    """A lakehouse after three merges of all scenarios."""

    lakehouse: Lakehouse
    scenarios: dict[str, Scenario]
    results: tuple[Refinement, ...]
    rows: dict[str, dict[str, tuple[object, ...]]]

    def column(self, name: str, position: int) -> dict[str, object]:
        return {key: values[position] for key, values in self.rows[name].items()}


@pytest.fixture(scope="module")
def merged(spark: SparkSession, tmp_path_factory: pytest.TempPathFactory) -> Merged:
    lakehouse = Lakehouse(str(tmp_path_factory.mktemp("merges")))
    cases = scenarios()
    for name, scenario in cases.items():
        for number, pull in enumerate(scenario.pulls):
            if pull:
                batch, partition = f"{name} {number}", scenario.day(number)
                land(spark, lakehouse, batch, partition, scenario.rows(number))
    results = []
    for step in range(3):
        partitions = [each.day(n) for each in cases.values() for n in each.order[step]]
        results.append(refine(spark, lakehouse, NEW_YORK, ingestion_dates=partitions))
    return Merged(lakehouse, cases, tuple(results), read(spark, lakehouse, cases))


def read(
    spark: SparkSession, lakehouse: Lakehouse, cases: dict[str, Scenario]
) -> dict[str, dict[str, tuple[object, ...]]]:
    """Scenario -> key -> status, hour of the update, and days and state relative to `first`."""
    rows = spark.table(lakehouse.sql_name("silver.requests")).selectExpr(
        "split_part(unique_key, '/', 1)",
        "split_part(unique_key, '/', 2)",
        "status",
        "hour(source_updated_at)",
        "request_date",
        "first_seen",
        "last_changed",
        "is_current",
    )
    found: dict[str, dict[str, tuple[object, ...]]] = {name: {} for name in cases}
    for name, key, status, hour, *days, is_current in rows.collect():
        relative = ((day - cases[name].first).days for day in days)
        assert key not in found[name]
        found[name][key] = (status, hour, *relative, is_current)
    return found


def test_pulls_merged_in_any_order_or_in_one_range_give_the_same_rows(merged: Merged) -> None:
    expected = {
        # status, hour of the update, request date, first seen, last changed, is current
        "1": ("Closed", 3, 0, 0, 1, True),
        "2": ("Open", 1, 0, 0, 0, True),
        "3": ("Open", 2, 0, 1, 1, False),
    }
    for name in ORDERS:
        assert merged.rows[f"versions {name}"] == expected, name


@pytest.mark.parametrize("order", ["in order", "out of order"])
def test_what_the_newest_pull_of_a_day_no_longer_brings_as_sound_is_kept_but_not_current(
    merged: Merged, order: str
) -> None:
    scenario = merged.scenarios[f"deleted {order}"]
    current = {"stays": True, "deleted": False, "broken": False}
    assert merged.column(scenario.name, -1) == current
    (account,) = (
        account
        for result in merged.results
        for account in result.accounts
        if account.ingestion_date == scenario.day(1)
    )
    assert (account.rows_at_source, account.requests_in_silver, account.rejects) == (2, 1, 1)
    assert account.adds_up


def test_what_comes_back_is_current_again(merged: Merged) -> None:
    assert merged.column("back", -1) == {"1": True, "2": True}
    assert merged.column("back", 3) == {"1": 0, "2": 0}


@pytest.mark.parametrize("order", ["in order", "out of order"])
def test_a_request_whose_creation_moves_to_another_day_stands_once(
    merged: Merged, order: str
) -> None:
    assert merged.column(f"moved {order}", 2) == {"1": 1, "2": 1}


def test_every_account_adds_up_also_of_a_day_that_a_request_has_left(
    spark: SparkSession, merged: Merged
) -> None:
    left = merged.scenarios["moved in order"].first
    again = refine(spark, merged.lakehouse, NEW_YORK, ingestion_dates=[left])
    assert [(each.requests_in_silver, each.duplicates) for each in again.accounts] == [(0, 1)]
    accounts = [account for each in (*merged.results, again) for account in each.accounts]
    assert [account for account in accounts if not account.adds_up] == []
    (day,) = (
        Table(spark, merged.lakehouse, DAYS).read().where(F.col("request_date") == left).collect()
    )
    assert (day["requests"], day["rejects"], day["duplicates"]) == (0, 0, 1)


def test_gold_counts_current_requests_and_a_merge_without_news_changes_nothing(
    spark: SparkSession, merged: Merged
) -> None:
    days = [merged.scenarios[f"deleted {order}"].first for order in ("in order", "out of order")]
    found = aggregate(spark, merged.lakehouse, NEW_YORK, request_dates=days).days
    assert [(day.requests, day.silver_requests) for day in found] == [(1, 1), (1, 1)]
    everything = [
        scenario.day(number)
        for scenario in merged.scenarios.values()
        for number, pull in enumerate(scenario.pulls)
        if pull
    ]
    again = refine(spark, merged.lakehouse, NEW_YORK, ingestion_dates=everything)
    assert (again.inserted, again.updated) == (0, 0)
    assert again.table_version == merged.results[-1].table_version
    assert read(spark, merged.lakehouse, merged.scenarios) == merged.rows
