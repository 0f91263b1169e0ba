"""A trained model as a folder of plain files, and the forecasts that are made from it.

No pickle: numbers as Parquet and npz, the rest as JSON, so that it can be read in ten years and
nothing in it can run.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from nyc311_assets.pipeline.days import WEEK
from nyc311_assets.pipeline.forecasting.anchored_prophet import ProphetFits
from nyc311_assets.pipeline.forecasting.arrays import Flags
from nyc311_assets.pipeline.forecasting.bands import LEVELS, Calibration, bands
from nyc311_assets.pipeline.forecasting.candidates import (
    LEVEL_PROFILE,
    PROPHET,
    point_forecasts,
)
from nyc311_assets.pipeline.forecasting.conformal import Conformal
from nyc311_assets.pipeline.forecasting.panel import Panel

_PANEL, _FITS, _BANDS, _FACTS = "counts.parquet", "fits.parquet", "bands.npz", "facts.json"
COLUMNS = ("series", "ds", "horizon", "yhat", "lo80", "hi80", "lo95", "hi95", "model")


class BundleBroken(RuntimeError):
    """The files of a model cannot be read, or do not belong together."""


@dataclass(frozen=True, eq=False)
class Bundle:
    """What is needed to forecast any of its series, any number of days ahead.

    Attributes:
        panel: The counts up to the training day.
        fits: Prophet's fits.
        by_prophet: Which series Prophet serves.
        calibration: The spread of past errors, of the panel's series.
        holidays: Day -> name, over the panel and some years ahead.
    """

    panel: Panel
    fits: ProphetFits
    by_prophet: Flags
    calibration: Calibration
    holidays: dict[date, str]

    def forecast(self, wanted: pd.DataFrame) -> pd.DataFrame:
        """Forecast from the day after the training day on.

        Args:
            wanted: `series`, and `horizon`, the days ahead.

        Returns:
            series, ds, horizon, yhat, lo80, hi80, lo95, hi95 (requests a day), model; a row for
            each series and day. Beyond the days that a fit reaches, its last week repeats.

        Raises:
            ValueError: A series is unknown, or a horizon is no whole number of 1 and more.
        """
        place = {name: row for row, name in enumerate(self.panel.series)}
        unknown = sorted(set(map(str, wanted["series"])) - place.keys())
        if unknown:
            raise ValueError(
                f"The model has no series {', '.join(unknown[:3])}; gold.series lists those that "
                "there are."
            )
        ahead = pd.to_numeric(wanted["horizon"], errors="coerce").to_numpy(dtype=float)
        if not len(ahead) or not (np.isfinite(ahead) & (ahead >= 1) & (ahead % 1 == 0)).all():
            raise ValueError("A horizon is a whole number of days ahead, 1 or more.")
        days = int(ahead.max())
        names = list(dict.fromkeys(map(str, wanted["series"])))
        rows = np.array([place[name] for name in names], dtype=np.int64)
        points = point_forecasts(self.panel.only(rows), self.holidays, days, self._reaching(days))
        takes = self.by_prophet[rows] & np.isfinite(points[PROPHET]).all(axis=1)
        point = np.where(takes[:, None], points[PROPHET], points[LEVEL_PROFILE])
        bounds = bands(point, _of_rows(self.calibration, rows))
        at = {name: row for row, name in enumerate(names)}
        parts = []
        for name, horizon in zip(wanted["series"], ahead.astype(int), strict=True):
            row, last = at[str(name)], int(horizon)
            first = pd.Timestamp(self.panel.last_day + timedelta(days=1))
            parts.append(
                pd.DataFrame(
                    {
                        "series": str(name),
                        "ds": pd.date_range(first, periods=last),
                        "horizon": np.arange(1, last + 1),
                        "yhat": point[row, :last],
                        **{
                            f"{side}{round(level * 100)}": bounds[level][number][row, :last]
                            for level in LEVELS
                            for number, side in enumerate(("lo", "hi"))
                        },
                        "model": PROPHET if takes[row] else LEVEL_PROFILE,
                    }
                )
            )
        return pd.concat(parts, ignore_index=True)[list(COLUMNS)]

    def _reaching(self, days: int) -> ProphetFits:
        """The fits, whose last week is repeated as far as is needed."""
        there = self.fits.expected.shape[1]
        needed = self.panel.column(self.panel.last_day) + 1 + days
        needed -= self.panel.column(self.fits.first_day)
        if needed <= there or there < WEEK:
            return self.fits
        columns = there - WEEK + np.arange(needed - there) % WEEK
        grown = np.concatenate([self.fits.expected, self.fits.expected[:, columns]], axis=1)
        return replace(self.fits, expected=grown)

    def save(self, folder: Path) -> None:
        """Write the files."""
        folder.mkdir(parents=True, exist_ok=True)
        counts = pd.DataFrame(
            self.panel.values.T,
            index=pd.date_range(self.panel.first_day, periods=self.panel.values.shape[1]),
            columns=list(self.panel.series),
        )
        counts.to_parquet(folder / _PANEL)
        self.fits.to_frame().to_parquet(folder / _FITS)
        np.savez_compressed(folder / _BANDS, allow_pickle=False, **_arrays(self.calibration))
        facts = {
            "as_of": self.panel.last_day.isoformat(),
            "by_prophet": [
                name
                for name, is_served in zip(self.panel.series, self.by_prophet, strict=True)
                if is_served
            ],
            "holidays": {day.isoformat(): name for day, name in self.holidays.items()},
        }
        (folder / _FACTS).write_text(json.dumps(facts, indent=1), encoding="utf-8")

    @staticmethod
    def load(folder: Path) -> Bundle:
        """Read what `save` wrote.

        Raises:
            BundleBroken: A file is missing or cannot be read.
        """
        try:
            counts = pd.read_parquet(folder / _PANEL)
            fits = pd.read_parquet(folder / _FITS)
            with np.load(folder / _BANDS, allow_pickle=False) as arrays:
                calibration = _calibration(dict(arrays))
            facts = json.loads((folder / _FACTS).read_text(encoding="utf-8"))
            series = tuple(map(str, counts.columns))
            panel = Panel(series, counts.index[0].date(), counts.to_numpy(dtype=float).T.copy())
            return Bundle(
                panel,
                _fits(fits, panel),
                np.isin(series, facts["by_prophet"]),
                calibration,
                {date.fromisoformat(day): name for day, name in facts["holidays"].items()},
            )
        except (OSError, ValueError, KeyError, TypeError, IndexError) as error:
            raise BundleBroken(
                f"The model in {folder} cannot be read ({type(error).__name__}: {error}). Load "
                "another version, or train again."
            ) from error


def _fits(frame: pd.DataFrame, panel: Panel) -> ProphetFits:
    if frame.empty:
        return ProphetFits(panel.last_day, (), (), panel.first_day, np.empty((0, 0)))
    for column in ("trained_on", "first_day"):
        frame[column] = [pd.Timestamp(each).date() for each in frame[column]]
    return ProphetFits.from_frame(frame)


def _of_rows(calibration: Calibration, rows: np.ndarray) -> Calibration:
    """The calibration of some of its series."""
    return Calibration(
        tuple(
            Conformal(
                {level: each[rows] for level, each in one.low.items()},
                {level: each[rows] for level, each in one.high.items()},
            )
            for one in calibration.conformals
        ),
        tuple(each[rows] for each in calibration.dispersions),
        calibration.origins[rows],
    )


def _arrays(calibration: Calibration) -> dict[str, Any]:
    found: dict[str, Any] = {"origins": calibration.origins}
    for number, one in enumerate(calibration.conformals):
        for level in LEVELS:
            found[f"low_{number}_{level}"] = one.low[level]
            found[f"high_{number}_{level}"] = one.high[level]
    found |= {f"dispersion_{number}": each for number, each in enumerate(calibration.dispersions)}
    return found


def _calibration(arrays: dict[str, np.ndarray]) -> Calibration:
    windows = sum(name.startswith("low_") for name in arrays) // len(LEVELS)
    return Calibration(
        tuple(
            Conformal(
                {level: arrays[f"low_{number}_{level}"] for level in LEVELS},
                {level: arrays[f"high_{number}_{level}"] for level in LEVELS},
            )
            for number in range(windows)
        ),
        tuple(arrays[name] for name in sorted(arrays) if name.startswith("dispersion_")),
        arrays["origins"],
    )
