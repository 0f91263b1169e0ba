"""Upkeep of every table without Dagster: the bundle's job, for when Dagster is away for long."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from pyspark.sql import SparkSession

from nyc311_assets.pipeline.catalog import layers
from nyc311_assets.pipeline.cities import NEW_YORK
from nyc311_assets.pipeline.maintenance import maintain
from nyc311_assets.pipeline.tables import Lakehouse, Table
from nyc311_assets.pipeline.versions import exists

VACUUM_HOURS = 168
BRONZE_RETENTION = timedelta(days=90)


def run(spark: SparkSession, lakehouse: Lakehouse, now: datetime) -> list[str]:
    """Maintain every table that is there; no run of the pipeline may write them meanwhile.

    Returns:
        A line for each table.
    """
    told = []
    for contract in (each for layer in layers(NEW_YORK) for each in layer.contracts):
        table = Table(spark, lakehouse, contract)
        if not exists(table):
            told.append(f"{contract.name}: not written yet")
            continue
        done = maintain(
            table,
            vacuum_hours=VACUUM_HOURS,
            bronze_retention=BRONZE_RETENTION,
            now=now,
            dry_run=False,
        )
        told.append(f"{contract.name}: {done.before.files} files before, {done.after.files} after")
    return told


def main(arguments: Sequence[str] | None = None) -> None:
    """Entry of the cluster's task."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--catalog", required=True, help="Unity Catalog catalog of the tables.")
    parser.add_argument("--location", help="Address below which their files are.")
    given = parser.parse_args(arguments)
    lakehouse = Lakehouse(given.catalog, is_catalog=True, location=given.location)
    for line in run(SparkSession.builder.getOrCreate(), lakehouse, datetime.now(UTC)):
        print(line)  # noqa: T201 # the output of the run


if __name__ == "__main__":
    main()
