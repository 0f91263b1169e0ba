"""The point forecasts of past origins while prophet_model runs: read once, grown, written."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta

from pyspark.sql import SparkSession

from nyc311_assets.pipeline.days import WEEK
from nyc311_assets.pipeline.forecasting.anchored_prophet import ProphetFits
from nyc311_assets.pipeline.forecasting.issue import HORIZON, catch_up
from nyc311_assets.pipeline.forecasting.panel import Panel
from nyc311_assets.pipeline.forecasting.past import KEPT_ORIGINS, PastForecasts
from nyc311_assets.pipeline.ml.store import read_origins, write_origins
from nyc311_assets.pipeline.tables import Lakehouse

_WRITTEN_AT_ONCE = 30


@dataclass(eq=False)
class Origins:
    """The origins of ml.origins around a run's days, and those that the run adds.

    Attributes:
        spark: The session.
        lakehouse: Where the table is.
        holidays: Day -> name.
        past: The forecasts, of all origins read or made.
    """

    spark: SparkSession
    lakehouse: Lakehouse
    holidays: Mapping[date, str]
    past: PastForecasts
    # With those that `past` has dropped by now: it keeps the newest only.
    _there: set[date] = field(init=False)
    _unwritten: set[date] = field(init=False, default_factory=set)

    def __post_init__(self) -> None:
        self._there = set(self.past.origins)

    @classmethod
    def around(
        cls,
        spark: SparkSession,
        lakehouse: Lakehouse,
        holidays: Mapping[date, str],
        first: date,
        last: date,
    ) -> Origins:
        """Read the origins that a run from a first to a last day may learn from."""
        since = first - timedelta(days=KEPT_ORIGINS + WEEK)
        return cls(spark, lakehouse, holidays, read_origins(spark, lakehouse, last, first=since))

    def caught_up(self, panel: Panel, origin: date, fits: ProphetFits | None) -> PastForecasts:
        """The forecasts up to an origin, those that were missing made and kept for writing.

        Args:
            panel: Counts as they were known then.
            origin: The last origin.
            fits: The model that serves, if there is one; origins before its training do without.
        """
        grown = catch_up(panel, origin, self.past.until(origin), self.holidays, fits)
        added = [day for day in grown.origins if day not in self._there]
        if added:
            self._add(grown, added)
            if len(self._unwritten) >= _WRITTEN_AT_ONCE:
                self.write()
        return grown

    def write(self) -> None:
        """Write the origins that were made and are not in the table yet."""
        if self._unwritten:
            write_origins(self.spark, self.lakehouse, self.past, self._unwritten)
            self._unwritten = set()

    def _add(self, grown: PastForecasts, added: list[date]) -> None:
        """Keep some origins of a panel, and those of series that are in other panels only."""
        every_series = tuple(sorted({*self.past.series, *grown.series}))
        # Origins that are there already for later days of the run must not push these out.
        later = sum(day > grown.origins[-1] for day in self.past.origins)
        new = grown.part([grown.origins.index(day) for day in added], HORIZON).aligned(every_series)
        self.past = self.past.aligned(every_series).extended(
            {
                day: {model: each[number] for model, each in new.forecasts.items()}
                for number, day in enumerate(added)
            },
            kept=KEPT_ORIGINS + later,
        )
        self._there |= set(added)
        self._unwritten |= set(added)
