"""What is said of a pull beside the days before it, between its landing and its record."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import date

from pyspark.sql import SparkSession

from nyc311_assets.pipeline.checks import Verdict, check_raw_history
from nyc311_assets.pipeline.checks.history import known_types, suspect_days
from nyc311_assets.pipeline.checks.levels import DailyTypes
from nyc311_assets.pipeline.cities import City
from nyc311_assets.pipeline.profiles.types import types_with_history
from nyc311_assets.pipeline.pulls import Batch
from nyc311_assets.pipeline.tables import Lakehouse


@dataclass
class Inspection:
    """Judges a batch when it has landed, and names the days that silver must not take.

    Attributes:
        spark: The session.
        lakehouse: Where the tables are.
        city: Whose requests they are.
        ingestion_dates: The partitions of the batch.
        hold_back: Whether days that repeat or double their requests are named at all.
        verdicts: What it said, by partition.
    """

    spark: SparkSession
    lakehouse: Lakehouse
    city: City
    ingestion_dates: Collection[date]
    hold_back: bool
    verdicts: dict[date, tuple[Verdict, ...]] = field(default_factory=dict)

    def __call__(self, batch: Batch, types: DailyTypes) -> Mapping[date, str]:
        """Judge it beside the days that gold knows.

        Args:
            batch: What has landed.
            types: Request date -> canonical complaint type -> rows.

        Returns:
            Request dates to hold back, and why.
        """
        request_dates = [day.request_date for day in batch.days]
        before = types_with_history(self.spark, self.lakehouse, request_dates)
        known = known_types(before, types, batch.days)
        for partition in self.ingestion_dates:
            self.verdicts[partition] = check_raw_history(self.city, batch, partition, known)
        found = [verdict for verdicts in self.verdicts.values() for verdict in verdicts]
        return suspect_days(found) if self.hold_back else {}
