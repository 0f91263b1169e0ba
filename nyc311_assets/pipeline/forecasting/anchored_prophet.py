"""Prophet without its level: the shape of the coming days, which today's level is put under."""

from __future__ import annotations

import json
import logging
import threading
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta

import numpy as np
import pandas as pd
from prophet import Prophet
from prophet.serialize import model_to_json

from nyc311_assets.pipeline.forecasting.arrays import Floats, Integers
from nyc311_assets.pipeline.forecasting.level_profile import History
from nyc311_assets.pipeline.forecasting.settings import DEFAULT, ModelSettings

# A fit serves this many days, being put at each day's level, until the next one.
REFIT_DAYS = 7
# It can serve for this long when what follows it is refused or taken back.
LONGEST_SERVICE_DAYS = 35
_LEAST_DAYS = 14
# Of the mean: a shape cannot be zero or negative where counts are divided by it.
_LEAST_SHARE = 0.05


@dataclass(frozen=True, eq=False)
class ProphetFits:
    """What Prophet expects of each day, for many series, from one training day.

    Attributes:
        trained_on: The last day that was seen.
        series: Names.
        settings: Of each series.
        first_day: The day of the first column.
        expected: Requests a day, series x days; NaN for a series that could not be fitted.
        failed: Series -> why it could not be fitted.
        newton_fallbacks: Fits that L-BFGS gave up and Newton finished; harmless, but slow.
        models: Series -> the model as Prophet's JSON, where it was asked for.
    """

    trained_on: date
    series: tuple[str, ...]
    settings: tuple[ModelSettings, ...]
    first_day: date
    expected: Floats
    failed: Mapping[str, str] = field(default_factory=dict)
    newton_fallbacks: int = 0
    models: Mapping[str, str] = field(default_factory=dict)

    def to_frame(self) -> pd.DataFrame:
        """One row for each series, to be kept in a table.

        Columns: trained_on, series, settings (JSON), first_day, expected (list of requests a day;
        None for a series that failed), error (None for one that did not), model (Prophet's JSON).
        """
        return pd.DataFrame(
            {
                "trained_on": self.trained_on,
                "series": list(self.series),
                "settings": [json.dumps(each.to_dict()) for each in self.settings],
                "first_day": self.first_day,
                "expected": [
                    None if np.isnan(row).any() else row.tolist() for row in self.expected
                ],
                "error": [self.failed.get(name) for name in self.series],
                "model": [self.models.get(name) for name in self.series],
            }
        )

    @staticmethod
    def from_frame(frame: pd.DataFrame) -> ProphetFits:
        """Read the rows of one training day that `to_frame` wrote.

        Raises:
            ValueError: There are no rows, or those of several training days.
        """
        if frame["trained_on"].nunique() != 1:
            raise ValueError(
                f"The rows are of {frame['trained_on'].nunique()} training days. Read those of one."
            )
        rows = frame.to_dict("records")
        width = max(
            (len(row["expected"]) for row in rows if row["expected"] is not None), default=0
        )
        expected = np.full((len(rows), width), np.nan)
        for place, row in enumerate(rows):
            if row["expected"] is not None:
                expected[place] = row["expected"]
        return ProphetFits(
            trained_on=rows[0]["trained_on"],
            series=tuple(row["series"] for row in rows),
            settings=tuple(ModelSettings.from_dict(json.loads(row["settings"])) for row in rows),
            first_day=rows[0]["first_day"],
            expected=expected,
            failed={row["series"]: row["error"] for row in rows if row["error"] is not None},
            models={row["series"]: row["model"] for row in rows if row["model"] is not None},
        )

    def shape(self, first_day: date, days: int, series: tuple[str, ...]) -> Floats:
        """Expected requests of some days, series x days; NaN for what was not fitted."""
        result = np.full((len(series), days), np.nan)
        first = (first_day - self.first_day).days
        columns = np.arange(first, first + days)
        inside = (columns >= 0) & (columns < self.expected.shape[1])
        place = {name: row for row, name in enumerate(self.series)}
        rows = [(row, place[name]) for row, name in enumerate(series) if name in place]
        if rows:
            here, there = np.array(rows).T
            result[np.ix_(here, np.flatnonzero(inside))] = self.expected[
                np.ix_(there, columns[inside])
            ]
        return result


def join_fits(parts: Sequence[ProphetFits]) -> ProphetFits:
    """Put together fits of different series from the same training day.

    Raises:
        ValueError: There is none, or they are of different days.
    """
    spans = {(part.trained_on, part.first_day, part.expected.shape[1]) for part in parts}
    if len(spans) != 1:
        raise ValueError(
            f"Fits of {len(spans)} training windows cannot be joined; fit all series to one."
        )
    return ProphetFits(
        trained_on=parts[0].trained_on,
        series=tuple(name for part in parts for name in part.series),
        settings=tuple(each for part in parts for each in part.settings),
        first_day=parts[0].first_day,
        expected=np.concatenate([part.expected for part in parts]),
        failed={name: why for part in parts for name, why in part.failed.items()},
        newton_fallbacks=sum(part.newton_fallbacks for part in parts),
        models={name: text for part in parts for name, text in part.models.items()},
    )


def weekday_means(values: Floats, weekday: Integers) -> Floats:
    """What Prophet with flat growth and its default weekly seasonality expects, in closed form.

    Three Fourier pairs and a constant have as many parameters as a week has days, and Prophet's
    priors (10 on a seasonality of order 1, 5 on the level) do not hold them: the fit is the mean of
    each weekday. Past origins are replayed with it, at no cost; a test holds it against Prophet.

    Args:
        values: Requests a day, series x days, NaN where unknown.
        weekday: Weekday of each day.

    Returns:
        series x 7, Monday first; the overall mean for a weekday without any known day.
    """
    is_weekday = (weekday[:, None] == np.arange(7)).astype(float)
    known = (~np.isnan(values)).astype(float) @ is_weekday
    total = np.nan_to_num(values) @ is_weekday
    overall = total.sum(axis=1, keepdims=True) / np.maximum(known.sum(axis=1, keepdims=True), 1)
    return np.asarray(np.where(known > 0, total / np.maximum(known, 1), overall))


def fit_prophet(
    past: History,
    series: Sequence[str],
    horizon: int,
    settings: Mapping[str, ModelSettings] | None = None,
    *,
    keep_models: bool = False,
    on_fit: Callable[[str], None] = lambda _: None,
) -> ProphetFits:
    """Fit Prophet (Taylor and Letham, Forecasting at Scale, 2018) to each series of a history.

    Weekly seasonality only, holidays and outliers missing, L-BFGS instead of the Newton that
    Prophet takes below 100 rows (an eighth of the time), no samples of its uncertainty, which is
    not used. A series that cannot be fitted is named in `failed` and fails no other.

    Args:
        past: The history up to the training day.
        series: Names of the history's rows.
        horizon: Days ahead that a forecast will need.
        settings: Series -> its settings; defaults for all others.
        keep_models: Keep the fitted models as JSON.
        on_fit: Called with each series' name after its fit.
    """
    chosen = tuple((settings or {}).get(name, DEFAULT) for name in series)
    known_days = past.values.shape[1]
    days = pd.date_range(past.first_day, periods=known_days + LONGEST_SERVICE_DAYS + horizon)
    expected = np.full((len(series), len(days)), np.nan)
    failed: dict[str, str] = {}
    models: dict[str, str] = {}
    before = _FALLBACKS.count
    for row, name in enumerate(series):
        try:
            model = _fitted(past.values[row], days[:known_days], chosen[row])
            expected[row] = _expected(model, days)
        except (RuntimeError, ValueError, ArithmeticError) as error:
            failed[name] = f"{type(error).__name__}: {error}"
        else:
            if keep_models:
                models[name] = model_to_json(model)
        on_fit(name)
    return ProphetFits(
        trained_on=past.next_day - timedelta(days=1),
        series=tuple(series),
        settings=chosen,
        first_day=past.first_day,
        expected=expected,
        failed=failed,
        newton_fallbacks=_FALLBACKS.count - before,
        models=models,
    )


def usable_shape(expected: Floats) -> Floats:
    """Shapes over their own mean, kept away from zero, series x days; NaN rows stay NaN."""
    mean = expected.mean(axis=1, keepdims=True)
    share = np.divide(expected, mean, out=np.full_like(expected, np.nan), where=mean > 0)
    return np.asarray(np.maximum(share, _LEAST_SHARE))


def _fitted(counts: Floats, days: pd.DatetimeIndex, settings: ModelSettings) -> Prophet:
    known = ~np.isnan(counts)
    if known.sum() < _LEAST_DAYS:
        raise ValueError(f"{int(known.sum())} known days are too few; {_LEAST_DAYS} are needed")
    model = Prophet(
        growth=settings.growth,
        changepoint_prior_scale=settings.changepoint_prior_scale,
        seasonality_mode=settings.seasonality_mode,
        seasonality_prior_scale=settings.seasonality_prior_scale,
        yearly_seasonality=False,
        weekly_seasonality=True,
        daily_seasonality=False,
        uncertainty_samples=0,
    )
    model.fit(pd.DataFrame({"ds": days[known], "y": counts[known]}), algorithm="LBFGS")
    return model


def _expected(model: Prophet, days: pd.DatetimeIndex) -> Floats:
    """Prophet.predict's yhat, without the tables around it, which take twice the time."""
    frame = model.setup_dataframe(pd.DataFrame({"ds": days}))
    trend = np.asarray(model.predict_trend(frame), dtype=float)
    parts = model.predict_seasonal_components(frame)
    result = trend * (1 + parts["multiplicative_terms"].to_numpy()) + parts["additive_terms"]
    return np.asarray(result, dtype=float)


class _Fallbacks(logging.Filter):
    """Counts, by thread, what Prophet says when L-BFGS gives up, and keeps it out of the log."""

    def __init__(self) -> None:
        super().__init__()
        self._counts: Counter[int] = Counter()

    @property
    def count(self) -> int:
        """How often it was said in this thread."""
        return self._counts[threading.get_ident()]

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether a record goes on to the log."""
        is_fallback = "Falling back to Newton" in record.getMessage()
        self._counts[threading.get_ident()] += is_fallback
        return not is_fallback


_FALLBACKS = _Fallbacks()
logging.getLogger("prophet.models").addFilter(_FALLBACKS)
