"""The versions that were trained, and which of them serves a day."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date

import numpy as np
from pyspark.sql import SparkSession

from nyc311_assets.pipeline.contracts import MODELS
from nyc311_assets.pipeline.forecasting.anchored_prophet import (
    LONGEST_SERVICE_DAYS,
    ProphetFits,
)
from nyc311_assets.pipeline.ml.outcomes import Version
from nyc311_assets.pipeline.ml.recording import read_versions
from nyc311_assets.pipeline.ml.registry import ModelRegistry, RegistryDown
from nyc311_assets.pipeline.ml.store import existing
from nyc311_assets.pipeline.tables import Lakehouse, within


@dataclass(eq=False)
class Production:
    """The versions of ml.model_versions and their fits.

    Attributes:
        spark: The session.
        lakehouse: Where the tables are.
        registry: Where somebody may have given the alias `production` to another version.
        warn: Is told of what went wrong without stopping anything.
        versions: All that were recorded.
        followed: The version that somebody gave the alias by hand; None if it is the pipeline's.
    """

    spark: SparkSession
    lakehouse: Lakehouse
    registry: ModelRegistry
    warn: Callable[[str], None]
    versions: list[Version]
    followed: Version | None = None
    _fits: dict[date, ProphetFits] = field(default_factory=dict)

    @classmethod
    def read(
        cls,
        spark: SparkSession,
        lakehouse: Lakehouse,
        registry: ModelRegistry,
        warn: Callable[[str], None],
    ) -> Production:
        """Read the versions that were recorded; none is followed yet."""
        return cls(spark, lakehouse, registry, warn, read_versions(spark, lakehouse))

    def on(self, as_of: date) -> Version | None:
        """The model that serves a day: the newest that the gate let pass, or the one followed."""
        if self.followed is not None and self.followed.trained_on <= as_of:
            return self.followed
        passed = [each for each in self.versions if each.promoted and each.trained_on <= as_of]
        return max(passed, key=lambda each: each.trained_on, default=None)

    def follow_alias(self, newest: date, tell: Callable[[str], None]) -> None:
        """Look up whether somebody gave the alias by hand, and follow it from then on.

        For a run of the newest complete day only: past days had what served then.

        Args:
            newest: The newest partition of the run.
            tell: Is told if a version is followed.
        """
        own = self.on(newest)
        if own is None:
            return
        try:
            alias = self.registry.production()
        except RegistryDown as error:
            self.warn(str(error))
            return
        if alias is None or alias.version == own.name:
            return
        self.followed = next((each for each in self.versions if each.name == alias.version), None)
        if self.followed is None:
            self.warn(
                f"Version {alias.version} has the alias production and is not in "
                f"ml.model_versions: {own.name} goes on serving. Give the alias back to a version "
                "that this lakehouse trained."
            )
        else:
            tell(f"The alias production was moved to version {self.followed.name}: it serves.")

    def add(self, version: Version, fits: ProphetFits) -> None:
        """A version that was trained and recorded now."""
        self.versions.append(version)
        self._fits[version.trained_on] = fits

    def fits_of(self, version: Version | None) -> ProphetFits | None:
        """The fits of a version; none, with a warning, if they cannot be read."""
        if version is None:
            return None
        trained_on = version.trained_on
        if trained_on not in self._fits:
            rows = (
                existing(self.spark, self.lakehouse, MODELS)
                .read()
                .where(within([trained_on], "trained_on"))
                .select("trained_on", "series", "settings", "first_day", "expected", "error")
                .toPandas()
                .assign(model=None)
            )
            try:
                self._fits[trained_on] = ProphetFits.from_frame(rows)
            except (ValueError, TypeError, KeyError) as error:
                self.warn(
                    f"The model of {trained_on} cannot be read from ml.models ({error}): "
                    "Prophet's closed form stands in. Roll back to another version, or materialize "
                    "prophet_model for a later day."
                )
                self._fits[trained_on] = ProphetFits(
                    trained_on, (), (), trained_on, np.empty((0, LONGEST_SERVICE_DAYS))
                )
        fits = self._fits[trained_on]
        return fits if fits.series else None
