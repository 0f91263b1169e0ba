"""What the steps of models, forecasts and anomalies say of each day: figures, without Spark."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date

from nyc311_assets.pipeline.forecasting.anchored_prophet import ProphetFits
from nyc311_assets.pipeline.forecasting.drift import Drift
from nyc311_assets.pipeline.forecasting.settings import ModelSettings

TRAINED, REFUSED, CARRIED, WAITING = "trained", "refused", "carried", "waiting"


@dataclass(frozen=True, eq=False)
class Decision:
    """What the gate says.

    Attributes:
        promoted: Whether the new model may serve.
        reason: Why.
        losses: Candidate -> mean scaled error 1 to 7 days ahead over the newest weekly folds.
        by_tier: Candidate -> tier -> the same.
    """

    promoted: bool
    reason: str
    losses: Mapping[str, float]
    by_tier: Mapping[str, Mapping[str, float]] = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class Trained:
    """A training.

    Attributes:
        trained_on: The last day that it saw.
        window_first_day: The first day of its window.
        settings: Volume tier -> settings.
        searched: Whether they were searched now.
        trials: Tier -> trials that ended, and how many of them failed.
        fits: The fits.
        decision: The gate's.
    """

    trained_on: date
    window_first_day: date
    settings: Mapping[str, ModelSettings]
    searched: bool
    trials: Mapping[str, tuple[int, int]]
    fits: ProphetFits
    decision: Decision


@dataclass(frozen=True, slots=True)
class Version:
    """A training that was recorded.

    Attributes:
        trained_on: The last day that it saw.
        name: Its version in the registry, or what stands in for it.
        promoted: Whether the gate let it serve, and nobody took it back.
        settings: Volume tier -> settings.
        searched: Whether they were searched then.
    """

    trained_on: date
    name: str
    promoted: bool
    settings: Mapping[str, ModelSettings]
    searched: bool


@dataclass(frozen=True, eq=False)
class Served:
    """What prophet_model says of one partition.

    Attributes:
        partition: The daily partition.
        as_of: Its last complete day; None before there is one.
        version: The model that serves; None for none yet.
        action: `TRAINED`, `REFUSED`, `CARRIED` or `WAITING`.
        reason: Why.
        drift: How the error has moved; None without a forecast.
        trained: The training, if there was one.
        registered: Whether it could be registered; None without a training.
    """

    partition: date
    as_of: date | None
    version: Version | None
    action: str
    reason: str
    drift: Drift | None = None
    trained: Trained | None = None
    registered: bool | None = None


@dataclass(frozen=True, slots=True)
class IssuedDay:
    """The forecasts of one day.

    Attributes:
        as_of: The last day that was known.
        partition: The daily partition that they belong to.
        rows: Forecasts, a row for each series and day ahead.
        series: Series that have one.
        skipped: Series that have none though their history is long enough -> why.
        young: Series whose history is too short.
        by_model: Model -> series that it serves.
        bad_rows: Rows whose numbers are not finite, ordered and zero or more.
        short_series: Series without all days ahead.
        total_7_days: Requests expected citywide over the next 7 days; None without that series.
        is_new: Whether they were issued now, not before.
    """

    as_of: date
    partition: date
    rows: int
    series: int
    skipped: Mapping[str, str]
    young: int
    by_model: Mapping[str, int]
    bad_rows: int
    short_series: int
    total_7_days: float | None
    is_new: bool


@dataclass(frozen=True, slots=True)
class JudgedDay:
    """The verdicts of one day.

    Attributes:
        ds: The day.
        judged: Series with a verdict.
        above: Of them, those above their 95 % band.
        watch, confirmed: Those on watch, and confirmed, in either direction.
        unjudged: Series without one -> why -> how many.
        late_forecasts: Verdicts by a forecast that was not issued before the day.
    """

    ds: date
    judged: int
    above: int
    watch: int
    confirmed: int
    unjudged: Mapping[str, int]
    late_forecasts: int
