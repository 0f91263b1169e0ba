"""Forecasts of past origins: what bands and the choice of models are learnt from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date

import numpy as np
import pandas as pd

from nyc311_assets.pipeline.forecasting.arrays import Flags, Floats, Integers
from nyc311_assets.pipeline.forecasting.panel import Panel

# The widest window that anything is learnt from.
KEPT_ORIGINS = 180

TABLE_COLUMNS = ("series", "origin", "ds", "horizon", "model", "y", "f")


@dataclass(frozen=True, eq=False)
class PastForecasts:
    """Point forecasts of the newest origins, one a day, by model.

    A new day costs one new origin: `extended` appends it and drops the oldest one.

    Attributes:
        series: Names, in the panel's order.
        horizon: Days ahead of every forecast.
        origins: Days at whose end the forecasts were made, ascending.
        forecasts: Model -> origins x series x horizon, NaN where there was no forecast.
    """

    series: tuple[str, ...]
    horizon: int
    origins: tuple[date, ...] = ()
    forecasts: Mapping[str, Floats] = field(default_factory=dict)

    def extended(
        self, added: Mapping[date, Mapping[str, Floats]], *, kept: int = KEPT_ORIGINS
    ) -> PastForecasts:
        """These and the forecasts of other origins; the newest of all are kept.

        Args:
            added: Origin -> model -> series x horizon.
            kept: How many origins.

        Raises:
            ValueError: An origin is there already: forecasts are kept as they were issued.
        """
        if not added:
            return self
        again = sorted(set(added) & set(self.origins))
        if again:
            raise ValueError(
                f"The forecasts of {again[0]} are there already and are kept as they were issued. "
                "Add only origins that are missing."
            )
        days = (*self.origins, *added)
        order = np.array(sorted(range(len(days)), key=days.__getitem__)[-kept:])
        shape = (len(self.series), self.horizon)
        nothing = np.full(shape, np.nan)
        absent = np.full((len(self.origins), *shape), np.nan)
        models = sorted(
            self.forecasts.keys() | {model for each in added.values() for model in each}
        )
        grown = {
            model: np.concatenate(
                [self.forecasts.get(model, absent)]
                + [each.get(model, nothing)[None] for each in added.values()]
            )[order]
            for model in models
        }
        return PastForecasts(
            self.series, self.horizon, tuple(days[place] for place in order), grown
        )

    def until(self, as_of: date) -> PastForecasts:
        """The forecasts that were there at the end of a day."""
        count = sum(origin <= as_of for origin in self.origins)
        kept = {model: each[:count] for model, each in self.forecasts.items()}
        return PastForecasts(self.series, self.horizon, self.origins[:count], kept)

    def part(self, rows: Sequence[int], horizon: int) -> PastForecasts:
        """The forecasts of some origins, by number, up to so many days ahead."""
        ahead = min(horizon, self.horizon)
        return PastForecasts(
            self.series,
            ahead,
            tuple(self.origins[row] for row in rows),
            {model: each[list(rows), :, :ahead] for model, each in self.forecasts.items()},
        )

    def targets(self, panel: Panel) -> Integers:
        """The panel's column that each forecast is for, origins x horizon."""
        columns = np.array([panel.column(origin) for origin in self.origins], dtype=np.int64)
        return np.asarray(columns[:, None] + 1 + np.arange(self.horizon)[None, :])

    def actuals(self, panel: Panel) -> Floats:
        """What came, origins x series x horizon; NaN where it has not come or is unknown."""
        targets = self.targets(panel)
        padded = np.pad(panel.values, ((0, 0), (0, 1)), constant_values=np.nan)
        inside = (targets >= 0) & (targets < panel.values.shape[1])
        columns = np.where(inside, targets, panel.values.shape[1])
        return np.asarray(padded[:, columns].transpose(1, 0, 2))

    def served(self, choice: Mapping[str, Flags], default: str) -> Floats:
        """The forecasts of the model that each series is served by, origins x series x horizon.

        Where that model has no forecast, that of the default stands in.

        Args:
            choice: Model -> which series it serves.
            default: The model of all others.
        """
        result = self.forecasts[default]
        for model, serves in choice.items():
            if model != default and model in self.forecasts:
                own = self.forecasts[model]
                result = np.where(serves[None, :, None] & ~np.isnan(own), own, result)
        return result

    def aligned(self, series: tuple[str, ...]) -> PastForecasts:
        """The same for other series: without those that are gone, NaN for those that are new."""
        if series == self.series:
            return self
        place = {name: row for row, name in enumerate(self.series)}
        rows = np.array([place.get(name, len(place)) for name in series], dtype=np.int64)
        grown = {
            model: np.pad(each, ((0, 0), (0, 1), (0, 0)), constant_values=np.nan)[:, rows]
            for model, each in self.forecasts.items()
        }
        return PastForecasts(series, self.horizon, self.origins, grown)

    def to_frame(self, panel: Panel, *, after: date | None = None) -> pd.DataFrame:
        """As a table: series, origin, ds, horizon, model, y (NaN if it has not come), f.

        Args:
            panel: Daily counts.
            after: Only later origins, to append a new day's; None for all.
        """
        ahead = np.arange(1, self.horizon + 1)
        wanted = np.array([after is None or origin > after for origin in self.origins], dtype=bool)
        actuals = self.actuals(panel)
        parts = []
        for model, each in self.forecasts.items():
            o, s, h = np.nonzero(~np.isnan(each) & wanted[:, None, None])
            origins = pd.DatetimeIndex(self.origins)[o]
            parts.append(
                pd.DataFrame(
                    {
                        "series": np.array(self.series, dtype=object)[s],
                        "origin": origins,
                        "ds": origins + pd.to_timedelta(ahead[h], unit="D"),
                        "horizon": ahead[h],
                        "model": model,
                        "y": actuals[o, s, h],
                        "f": each[o, s, h],
                    }
                )
            )
        if not parts:
            return pd.DataFrame(columns=list(TABLE_COLUMNS))
        return pd.concat(parts, ignore_index=True)

    @staticmethod
    def from_frame(frame: pd.DataFrame, series: tuple[str, ...], horizon: int) -> PastForecasts:
        """Read what `to_frame` wrote, for the series of a panel; later horizons are left out."""
        frame = frame[frame["series"].isin(series) & (frame["horizon"] <= horizon)]
        days = sorted({stamp.date() for stamp in pd.DatetimeIndex(frame["origin"]).unique()})
        origins = {pd.Timestamp(day): number for number, day in enumerate(days)}
        place = {name: row for row, name in enumerate(series)}
        forecasts = {}
        for model, rows in frame.groupby("model"):
            each = np.full((len(days), len(series), horizon), np.nan)
            at = (rows["origin"].map(origins), rows["series"].map(place), rows["horizon"] - 1)
            each[tuple(index.to_numpy(dtype=np.int64) for index in at)] = rows["f"]
            forecasts[str(model)] = each
        return PastForecasts(series, horizon, tuple(days), forecasts)
