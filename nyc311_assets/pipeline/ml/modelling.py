"""prophet_model: which model serves each daily partition, and training where one is due."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta

import pandas as pd
from pyspark.sql import SparkSession

from nyc311_assets.pipeline.cities import City
from nyc311_assets.pipeline.contracts import SERIES, SERVING
from nyc311_assets.pipeline.days import WEEK
from nyc311_assets.pipeline.forecasting.candidates import LEVEL_PROFILE, PROPHET
from nyc311_assets.pipeline.forecasting.drift import Drift, error_drift
from nyc311_assets.pipeline.forecasting.gate import served_by_prophet
from nyc311_assets.pipeline.forecasting.issue import LEAST_ORIGIN_DAYS
from nyc311_assets.pipeline.forecasting.level_profile import VOLUME_DAYS
from nyc311_assets.pipeline.forecasting.panel import Panel
from nyc311_assets.pipeline.forecasting.past import PastForecasts
from nyc311_assets.pipeline.forecasting.volume import recent_volume
from nyc311_assets.pipeline.ml.due import search_due, training_due
from nyc311_assets.pipeline.ml.known import Known, read_known
from nyc311_assets.pipeline.ml.origins import Origins
from nyc311_assets.pipeline.ml.outcomes import (
    CARRIED,
    REFUSED,
    TRAINED,
    WAITING,
    Served,
    Trained,
    Version,
)
from nyc311_assets.pipeline.ml.production import Production
from nyc311_assets.pipeline.ml.recording import Training, record
from nyc311_assets.pipeline.ml.registry import ModelRegistry
from nyc311_assets.pipeline.ml.store import existing, write_frame
from nyc311_assets.pipeline.ml.studies import Studies
from nyc311_assets.pipeline.ml.training import (
    LEAST_TRAINING_DAYS,
    Incumbent,
    Policy,
    train,
)
from nyc311_assets.pipeline.tables import Lakehouse, within

# Holidays ahead of a registered model, which may be asked for any horizon.
_HOLIDAYS_AHEAD_DAYS = 800


@dataclass(eq=False)
class Modelling:
    """One run of prophet_model over its partitions.

    Attributes:
        spark: The session.
        lakehouse: Where the tables are.
        city: Gives the holidays.
        policy: When and how models are trained.
        registry: Where they are registered.
        studies: Where searches are kept.
        tell: Is told of what happens.
        warnings: What went wrong without stopping anything.
        run_ids: MLflow runs of the trainings.
    """

    spark: SparkSession
    lakehouse: Lakehouse
    city: City
    policy: Policy
    registry: ModelRegistry
    studies: Studies
    tell: Callable[[str], None]
    warnings: list[str] = field(default_factory=list)
    run_ids: list[str] = field(default_factory=list)

    def run(self, partitions: Iterable[date]) -> tuple[Served, ...]:
        """Say which model serves each partition; train where it is due.

        Partitions are gone through oldest first, each from what was known then. What was trained
        or forecast before stays as it is, so that running again changes nothing.
        """
        ordered = sorted(partitions)
        known = read_known(self.spark, self.lakehouse, self.city, ordered)
        self._holidays = self.city.holidays(
            known.first_day, ordered[-1] + timedelta(days=_HOLIDAYS_AHEAD_DAYS)
        )
        self._production = Production.read(self.spark, self.lakehouse, self.registry, self._warn)
        if known.complete_days and known.complete_days[-1] <= ordered[-1]:
            self._production.follow_alias(ordered[-1], self.tell)
        self._origins = Origins.around(
            self.spark, self.lakehouse, self._holidays, ordered[0], ordered[-1]
        )
        served = []
        for number, partition in enumerate(ordered, start=1):
            served.append(self._serve(known, partition))
            if number % WEEK == 0 or number == len(ordered):
                self.tell(f"Models of {number} of {len(ordered)} partitions")
        self._origins.write()
        self._write_serving(served)
        if known.complete_days:
            self._write_series(known)
        return tuple(served)

    def _serve(self, known: Known, partition: date) -> Served:
        complete = [day for day in known.complete_days if day <= partition]
        if len(complete) < LEAST_ORIGIN_DAYS:
            reason = f"{len(complete)} complete days; forecasts begin with {LEAST_ORIGIN_DAYS}"
            return Served(partition, complete[-1] if complete else None, None, WAITING, reason)
        as_of = complete[-1]
        everything = known.until(as_of, least_requests=1)
        production = self._production.on(as_of)
        fits = self._production.fits_of(production)
        before = self._origins.caught_up(everything, as_of - timedelta(days=1), fits)
        panel = known.until(as_of)
        own = before.aligned(panel.series)
        drift = self._drift(panel, own)
        versions = self._production.versions
        mine = next((each for each in versions if each.trained_on == as_of), None)
        why = (
            ""
            if mine
            else training_due(
                self.policy, partition, as_of, versions, drift, is_served=production is not None
            )
        )
        trained, registered = None, None
        if why and len(complete) < LEAST_TRAINING_DAYS:
            why = f"{len(complete)} complete days; a training needs {LEAST_TRAINING_DAYS}"
        elif why:
            self.tell(f"Training on {as_of} for {partition}: {why}")
            trained = self._train(panel, production, drift)
            mine, registered = self._record(trained, partition, panel, own, known)
            production = self._production.on(as_of)
            fits = self._production.fits_of(production)
            why = f"{why}; {trained.decision.reason}"
        self._origins.caught_up(everything, as_of, fits)
        if trained is not None:
            action = TRAINED if trained.decision.promoted else REFUSED
        else:
            action = WAITING if production is None else CARRIED
            if mine is not None:
                why = f"the model of {as_of} is there already"
            why = why or f"trained on {production.trained_on}" if production else why
        return Served(partition, as_of, production, action, why, drift, trained, registered)

    def _train(self, panel: Panel, production: Version | None, drift: Drift) -> Trained:
        incumbent = Incumbent(production.trained_on, production.settings) if production else None
        return train(
            self.spark,
            panel,
            self._holidays,
            self.policy,
            incumbent,
            self.studies,
            is_search_due=search_due(self.policy, panel.last_day, self._production.versions, drift),
            tell=self.tell,
        )

    def _record(
        self,
        trained: Trained,
        partition: date,
        panel: Panel,
        past: PastForecasts,
        known: Known,
    ) -> tuple[Version, bool]:
        recorded = record(
            self.spark,
            self.lakehouse,
            self.registry,
            Training(trained, self.policy, partition, known.gold_version),
            panel,
            past,
            self._holidays,
            self._production.versions,
        )
        self._production.add(recorded.version, trained.fits)
        if recorded.run_id is not None:
            self.run_ids.append(recorded.run_id)
        if recorded.warning:
            self._warn(recorded.warning)
        return recorded.version, recorded.run_id is not None

    def _drift(self, panel: Panel, past: PastForecasts) -> Drift:
        if not past.forecasts:
            return Drift(float("nan"), 0)
        by_prophet = served_by_prophet(panel, past, recent_volume(panel.values, VOLUME_DAYS))
        return error_drift(panel, past, {PROPHET: by_prophet}, LEVEL_PROFILE)

    def _write_serving(self, served: Sequence[Served]) -> None:
        write_frame(
            existing(self.spark, self.lakehouse, SERVING),
            pd.DataFrame(
                [
                    {
                        "partition": each.partition,
                        "as_of": each.as_of,
                        "trained_on": each.version.trained_on if each.version else None,
                        "model_version": each.version.name if each.version else None,
                        "action": each.action,
                        "reason": each.reason,
                    }
                    for each in served
                ]
            ),
            within([each.partition for each in served], "partition"),
        )

    def _write_series(self, known: Known) -> None:
        """Bring gold.series up to the newest day; a run of older days leaves it alone."""
        table = existing(self.spark, self.lakehouse, SERIES)
        newest = table.read().agg({"last_day": "max"}).collect()[0][0]
        rows = known.series(known.complete_days[-1])
        if newest is None or newest <= rows["last_day"].max():
            write_frame(table, rows, "true")

    def _warn(self, text: str) -> None:
        if text not in self.warnings:
            self.warnings.append(text)
            self.tell(text)
