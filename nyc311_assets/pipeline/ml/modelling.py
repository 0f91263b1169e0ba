"""prophet_model: which model serves each daily partition, and training where one is due."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Any

import numpy as np
import pandas as pd
from pyspark.sql import SparkSession

from nyc311_assets.pipeline.cities import City
from nyc311_assets.pipeline.contracts import MODELS, SERIES, SERVING
from nyc311_assets.pipeline.forecasting.anchored_prophet import (
    LONGEST_SERVICE_DAYS,
    ProphetFits,
)
from nyc311_assets.pipeline.forecasting.candidates import LEVEL_PROFILE, PROPHET
from nyc311_assets.pipeline.forecasting.drift import Drift, error_drift
from nyc311_assets.pipeline.forecasting.gate import served_by_prophet
from nyc311_assets.pipeline.forecasting.issue import (
    HORIZON,
    LEAST_ORIGIN_DAYS,
    catch_up,
)
from nyc311_assets.pipeline.forecasting.level_profile import VOLUME_DAYS
from nyc311_assets.pipeline.forecasting.panel import Panel
from nyc311_assets.pipeline.forecasting.past import KEPT_ORIGINS, PastForecasts
from nyc311_assets.pipeline.forecasting.volume import recent_volume
from nyc311_assets.pipeline.ml.known import Known, read_known
from nyc311_assets.pipeline.ml.outcomes import (
    CARRIED,
    REFUSED,
    TRAINED,
    WAITING,
    Served,
    Trained,
    Version,
)
from nyc311_assets.pipeline.ml.recording import Training, read_versions, record
from nyc311_assets.pipeline.ml.registry import ModelRegistry, RegistryDown
from nyc311_assets.pipeline.ml.store import existing, read_origins, write_frame, write_origins
from nyc311_assets.pipeline.ml.studies import Studies
from nyc311_assets.pipeline.ml.training import (
    LEAST_TRAINING_DAYS,
    Incumbent,
    Policy,
    train,
)
from nyc311_assets.pipeline.tables import Lakehouse, within

WEEK = 7
# After a drift the next training waits so long: its own days must come first.
DRIFT_PAUSE_DAYS = 3
# A weekly training so soon after another one would see what that one saw.
LEAST_DAYS_BETWEEN = 4
# Holidays ahead of a registered model, which may be asked for any horizon.
_HOLIDAYS_AHEAD_DAYS = 800
_WRITTEN_ORIGINS = 30


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
        self._versions = read_versions(self.spark, self.lakehouse)
        self._fits: dict[date, ProphetFits] = {}
        self._past = read_origins(
            self.spark,
            self.lakehouse,
            ordered[-1],
            first=ordered[0] - timedelta(days=KEPT_ORIGINS + WEEK),
        )
        self._there = set(self._past.origins)
        self._unwritten: set[date] = set()
        followed = self._follow_registry(ordered[-1], known)
        served = []
        for number, partition in enumerate(ordered, start=1):
            served.append(self._serve(known, partition, followed))
            if number % WEEK == 0 or number == len(ordered):
                self.tell(f"Models of {number} of {len(ordered)} partitions")
        self._flush()
        self._write_serving(served)
        if known.complete_days:
            self._write_series(known)
        return tuple(served)

    def _serve(self, known: Known, partition: date, followed: Version | None) -> Served:
        complete = [day for day in known.complete_days if day <= partition]
        if len(complete) < LEAST_ORIGIN_DAYS:
            reason = f"{len(complete)} complete days; forecasts begin with {LEAST_ORIGIN_DAYS}"
            return Served(partition, complete[-1] if complete else None, None, WAITING, reason)
        as_of = complete[-1]
        everything = known.until(as_of, least_requests=1)
        production = self._production(as_of, followed)
        before = self._caught_up(everything, as_of - timedelta(days=1), production)
        panel = known.until(as_of)
        own = before.aligned(panel.series)
        drift = self._drift(panel, own)
        mine = next((each for each in self._versions if each.trained_on == as_of), None)
        why = "" if mine else self._due(partition, as_of, production, drift)
        trained, registered = None, None
        if why and len(complete) < LEAST_TRAINING_DAYS:
            why = f"{len(complete)} complete days; a training needs {LEAST_TRAINING_DAYS}"
        elif why:
            self.tell(f"Training on {as_of} for {partition}: {why}")
            trained = self._train(panel, production, drift)
            mine, registered = self._record(trained, partition, panel, own, known)
            if mine.promoted and followed is None:
                production = mine
            why = f"{why}; {trained.decision.reason}"
        self._caught_up(everything, as_of, production)
        if trained is not None:
            action = TRAINED if trained.decision.promoted else REFUSED
        else:
            action = WAITING if production is None else CARRIED
            if mine is not None:
                why = f"the model of {as_of} is there already"
            why = why or f"trained on {production.trained_on}" if production else why
        return Served(partition, as_of, production, action, why, drift, trained, registered)

    def _due(self, partition: date, as_of: date, production: Version | None, drift: Drift) -> str:
        """Why a training is due; empty if it is not."""
        past = [each.trained_on for each in self._versions if each.trained_on <= as_of]
        newest = max(past, default=None)
        if production is None and (newest is None or (as_of - newest).days >= WEEK):
            return "there is no model yet"
        if partition.weekday() == self.policy.weekday and (
            newest is None or (as_of - newest).days >= LEAST_DAYS_BETWEEN
        ):
            return "the weekly training"
        # Later than any training of the weekday could be: that partition did not run.
        if newest is not None and (as_of - newest).days >= WEEK + LEAST_DAYS_BETWEEN:
            return f"the last training is {(as_of - newest).days} days old"
        if drift.is_found and newest is not None and (as_of - newest).days >= DRIFT_PAUSE_DAYS:
            return f"the error has drifted to {drift.ratio:.2f} of what it was"
        return ""

    def _train(self, panel: Panel, production: Version | None, drift: Drift) -> Trained:
        as_of = panel.last_day
        searches = [each.trained_on for each in self._versions if each.searched]
        last_search = max((day for day in searches if day <= as_of), default=None)
        is_search_due = (
            last_search is None
            or (as_of - last_search).days >= self.policy.search_days
            or drift.is_found
        )
        incumbent = Incumbent(production.trained_on, production.settings) if production else None
        return train(
            self.spark,
            panel,
            self._holidays,
            self.policy,
            incumbent,
            self.studies,
            is_search_due=is_search_due,
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
        self._fits[trained.trained_on] = trained.fits
        recorded = record(
            self.spark,
            self.lakehouse,
            self.registry,
            Training(trained, self.policy, partition, known.gold_version),
            panel,
            past,
            self._holidays,
            self._versions,
        )
        self._versions.append(recorded.version)
        if recorded.run_id is not None:
            self.run_ids.append(recorded.run_id)
        if recorded.warning:
            self._warn(recorded.warning)
        return recorded.version, recorded.run_id is not None

    def _caught_up(self, panel: Panel, origin: date, production: Version | None) -> PastForecasts:
        """The point forecasts up to an origin, those that were missing made and kept for writing."""
        fits = self._fits_of(production)
        if fits is not None and fits.trained_on > origin:
            fits = None
        grown = catch_up(panel, origin, self._past.until(origin), self._holidays, fits)
        added = set(grown.origins) - self._there
        if added:
            later = {
                day: {model: each[number] for model, each in self._past.forecasts.items()}
                for number, day in enumerate(self._past.origins)
                if day > origin
            }
            self._past = (
                grown
                if not later
                else grown.extended(
                    {
                        day: _aligned(forecasts, self._past.series, grown.series)
                        for day, forecasts in later.items()
                    }
                )
            )
            self._there |= added
            self._unwritten |= added
            if len(self._unwritten) >= _WRITTEN_ORIGINS:
                self._flush()
        return grown

    def _flush(self) -> None:
        if self._unwritten:
            write_origins(self.spark, self.lakehouse, self._past, self._unwritten)
            self._unwritten = set()

    def _drift(self, panel: Panel, past: PastForecasts) -> Drift:
        if not past.forecasts:
            return Drift(float("nan"), 0)
        by_prophet = served_by_prophet(panel, past, recent_volume(panel.values, VOLUME_DAYS))
        return error_drift(panel, past, {PROPHET: by_prophet}, LEVEL_PROFILE)

    def _production(self, as_of: date, followed: Version | None) -> Version | None:
        """The model that serves a day: the newest that the gate let pass, or the one followed."""
        if followed is not None and followed.trained_on <= as_of:
            return followed
        passed = [each for each in self._versions if each.promoted and each.trained_on <= as_of]
        return max(passed, key=lambda each: each.trained_on, default=None)

    def _follow_registry(self, newest_partition: date, known: Known) -> Version | None:
        """The version that somebody gave the alias by hand; None if it is the pipeline's own.

        Only a run of the newest complete day follows it: past days had what served then.
        """
        own = self._production(newest_partition, None)
        if own is None or not known.complete_days or known.complete_days[-1] > newest_partition:
            return None
        try:
            alias = self.registry.production()
        except RegistryDown as error:
            self._warn(str(error))
            return None
        if alias is None or alias.version == own.name:
            return None
        found = next((each for each in self._versions if each.name == alias.version), None)
        if found is None:
            self._warn(
                f"Version {alias.version} has the alias production and is not in "
                f"ml.model_versions: {own.name} goes on serving. Give the alias back to a version "
                "that this lakehouse trained."
            )
        else:
            self.tell(f"The alias production was moved to version {found.name}: it serves.")
        return found

    def _fits_of(self, version: Version | None) -> ProphetFits | None:
        """The fits of a version; none, with a warning, if they cannot be read."""
        if version is None:
            return None
        if version.trained_on not in self._fits:
            rows = (
                existing(self.spark, self.lakehouse, MODELS)
                .read()
                .where(within([version.trained_on], "trained_on"))
                .select("trained_on", "series", "settings", "first_day", "expected", "error")
                .toPandas()
                .assign(model=None)
            )
            try:
                self._fits[version.trained_on] = ProphetFits.from_frame(rows)
            except (ValueError, TypeError, KeyError) as error:
                self._warn(
                    f"The model of {version.trained_on} cannot be read from ml.models ({error}): "
                    "Prophet's closed form stands in. Roll back to another version, or materialize "
                    "prophet_model for a later day."
                )
                self._fits[version.trained_on] = _nothing(version.trained_on)
        fits = self._fits[version.trained_on]
        return fits if fits.series else None

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


def _nothing(trained_on: date) -> ProphetFits:
    return ProphetFits(trained_on, (), (), trained_on, np.empty((0, LONGEST_SERVICE_DAYS)))


def _aligned(
    forecasts: Mapping[str, Any], old: tuple[str, ...], new: tuple[str, ...]
) -> dict[str, Any]:
    """One origin's forecasts for other series."""
    one = PastForecasts(
        old, HORIZON, (date.min,), {model: each[None] for model, each in forecasts.items()}
    ).aligned(new)
    return {model: each[0] for model, each in one.forecasts.items()}
