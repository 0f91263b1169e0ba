"""One training: search of settings, the gate, and a fit of every series that Prophet may serve."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date

import numpy as np
from pyspark.sql import SparkSession

from nyc311_assets.pipeline.forecasting.arrays import Floats, Integers
from nyc311_assets.pipeline.forecasting.baselines import (
    SEASONAL_NAIVE,
    WEEKDAY_MEAN,
    seasonal_naive,
    weekday_mean,
)
from nyc311_assets.pipeline.forecasting.benchmark import sample_of
from nyc311_assets.pipeline.forecasting.gate import (
    FOLD_DAYS,
    FOLDS,
    PROPHET_VOLUME,
    fold_origins,
)
from nyc311_assets.pipeline.forecasting.issue import HORIZON
from nyc311_assets.pipeline.forecasting.level_profile import VOLUME_DAYS, WINDOW_DAYS
from nyc311_assets.pipeline.forecasting.panel import Panel
from nyc311_assets.pipeline.forecasting.search import NothingFound, losses_of, replaces, search
from nyc311_assets.pipeline.forecasting.settings import DEFAULT, ModelSettings
from nyc311_assets.pipeline.forecasting.volume import TIER_NAMES, recent_volume, tier_of
from nyc311_assets.pipeline.ml.fitting import fit_on_spark, trials_on_spark
from nyc311_assets.pipeline.ml.outcomes import Decision, Trained
from nyc311_assets.pipeline.ml.studies import Studies

# A fold's own window needs four weeks of history before the eight folds.
LEAST_TRAINING_DAYS = WINDOW_DAYS
# Series of a tier that settings are tried on: trials cost in proportion, and neighbours agree.
SAMPLE_SERIES = 8
# Below this volume noise decides which settings win.
SEARCHED_TIERS = ("30-100", "100+")
GATED_TIERS = ("10-30", *SEARCHED_TIERS)
BASELINES: Mapping[str, Callable[[Panel], Floats]] = {
    SEASONAL_NAIVE: lambda past: seasonal_naive(past, FOLD_DAYS).point,
    WEEKDAY_MEAN: lambda past: weekday_mean(past, FOLD_DAYS).point,
}
CHALLENGER, INCUMBENT = "challenger", "incumbent"


@dataclass(frozen=True, slots=True)
class Policy:
    """When and how models are trained.

    Attributes:
        weekday: Partitions of this weekday train, Monday is 0.
        trials: Trials of a search, of each tier; 0 for no search.
        search_days: The settings are searched again when the last search is this many days old.
        seed: Of the search.
    """

    weekday: int = 0
    trials: int = 20
    search_days: int = 7
    seed: int = 311


@dataclass(frozen=True, eq=False)
class Incumbent:
    """The model that serves while another is trained.

    Attributes:
        trained_on: Its training day.
        settings: Volume tier -> its settings.
    """

    trained_on: date
    settings: Mapping[str, ModelSettings]


def train(
    spark: SparkSession,
    panel: Panel,
    holidays: Mapping[date, str],
    policy: Policy,
    incumbent: Incumbent | None,
    studies: Studies,
    *,
    is_search_due: bool,
    tell: Callable[[str], None],
) -> Trained:
    """Train on a panel's last day, from what was known then.

    The settings of a tier are those that a search found if they are enough better than the
    incumbent's over the newest folds (`search.replaces`), else the incumbent's. The model is
    refused if its settings lose, over all tiers, to the incumbent's or to a baseline.

    Args:
        spark: The session.
        panel: The series that matter, up to the training day.
        holidays: Day -> name, over the panel and the days ahead.
        policy: How.
        incumbent: The model that serves now; None if there is none.
        studies: Where searches are kept.
        is_search_due: Whether to search.
        tell: Is told of what happens.
    """
    volume = recent_volume(panel.values, VOLUME_DAYS)
    tier = np.array(TIER_NAMES)[tier_of(volume)]
    origins = fold_origins(panel)
    before: Mapping[str, ModelSettings] = incumbent.settings if incumbent else {}
    settings: dict[str, ModelSettings] = {}
    trials: dict[str, tuple[int, int]] = {}
    by_tier: dict[str, dict[str, float]] = {}
    for name in GATED_TIERS:
        rows = np.flatnonzero(tier == name)
        if not rows.size:
            continue
        part = panel.only(rows)
        sample = part.only(sample_of(part, SAMPLE_SERIES))
        bench = _Bench(spark, sample, holidays, origins)
        old = before.get(name, DEFAULT)
        settings[name] = old
        if is_search_due and policy.trials and name in SEARCHED_TIERS:
            settings[name], trials[name] = _searched(
                bench, old, policy, studies, f"{panel.last_day} {name}", tell
            )
        by_tier[name] = {
            CHALLENGER: bench.loss(settings[name]),
            INCUMBENT: bench.loss(old),
            **{
                baseline: float(np.nanmean(losses_of(sample, origins, forecast)))
                for baseline, forecast in BASELINES.items()
            },
        }
    weights = {name: int((tier == name).sum()) for name in by_tier}
    decision = decide(by_tier, weights, has_incumbent=incumbent is not None)
    served = np.flatnonzero(volume >= PROPHET_VOLUME)
    tell(f"Fitting Prophet to {served.size:,} series up to {panel.last_day}")
    fits = fit_on_spark(
        spark, panel.only(served), holidays, HORIZON, _by_series(panel, served, tier, settings)
    )
    return Trained(
        panel.last_day,
        panel.day(max(panel.values.shape[1] - WINDOW_DAYS, 0)),
        settings,
        bool(trials),
        trials,
        fits,
        decision,
    )


def decide(
    by_tier: Mapping[str, Mapping[str, float]], series: Mapping[str, int], *, has_incumbent: bool
) -> Decision:
    """Whether a model may serve: not worse than the incumbent, better than each baseline.

    Args:
        by_tier: Tier -> candidate -> loss; losses that are not finite do not pass.
        series: Tier -> how many series it has, its weight.
        has_incumbent: Whether there is one to lose to.
    """
    total = sum(series.values())
    candidates = [CHALLENGER, INCUMBENT, *BASELINES]
    losses = {
        name: sum(by_tier[tier][name] * series[tier] for tier in by_tier) / max(total, 1)
        for name in candidates
    }
    shown = {name: {tier: each[name] for tier, each in by_tier.items()} for name in candidates}
    if not has_incumbent:
        del losses[INCUMBENT], shown[INCUMBENT]
    own = losses[CHALLENGER]
    if not total:
        return Decision(False, "no series has 10 requests a day", losses, shown)
    if not np.isfinite(own):
        return Decision(False, "its loss over the folds is no number", losses, shown)
    for name in BASELINES:
        if not own < losses[name]:
            reason = f"loses to {name} over {FOLDS} weekly folds ({own:.3f} to {losses[name]:.3f})"
            return Decision(False, reason, losses, shown)
    if has_incumbent and own > losses[INCUMBENT]:
        reason = f"loses to the incumbent over {FOLDS} weekly folds ({own:.3f} to {losses[INCUMBENT]:.3f})"
        return Decision(False, reason, losses, shown)
    beaten = ", ".join(f"{name} {losses[name]:.3f}" for name in losses if name != CHALLENGER)
    return Decision(True, f"loss {own:.3f} over {FOLDS} weekly folds; {beaten}", losses, shown)


class _Bench:
    """Losses of settings on one sample of series, each evaluated once."""

    def __init__(
        self,
        spark: SparkSession,
        sample: Panel,
        holidays: Mapping[date, str],
        origins: Sequence[date],
    ) -> None:
        self._evaluate = trials_on_spark(spark, sample, holidays, origins)
        self._known: dict[ModelSettings, Floats] = {}

    def by_fold(self, batch: Sequence[ModelSettings]) -> list[Floats]:
        """Losses by fold, oldest first."""
        missing = [each for each in dict.fromkeys(batch) if each not in self._known]
        if missing:
            self._known |= dict(zip(missing, self._evaluate(missing), strict=True))
        return [self._known[each] for each in batch]

    def losses(self, batch: Sequence[ModelSettings]) -> list[float]:
        """Mean losses; NaN if a fold could not be fitted at all."""
        return [float(each.mean()) for each in self.by_fold(batch)]

    def loss(self, settings: ModelSettings) -> float:
        """Mean loss of one."""
        return self.losses([settings])[0]


def _searched(
    bench: _Bench,
    old: ModelSettings,
    policy: Policy,
    studies: Studies,
    name: str,
    tell: Callable[[str], None],
) -> tuple[ModelSettings, tuple[int, int]]:
    """The settings of a tier after a search, and how many trials ended and failed."""
    tell(f"Searching settings: {name}, {policy.trials} trials")
    study = studies.open(name, policy.seed)
    try:
        found = search(
            study,
            bench.losses,
            trials=policy.trials,
            on_batch=lambda each: studies.keep(name, each),
        )
    except NothingFound as error:
        tell(str(error))
        return old, (0, policy.trials)
    challenger, incumbent = bench.by_fold([found.settings, old])
    chosen = found.settings if replaces(challenger, incumbent) else old
    return chosen, (found.trials, found.failed)


def _by_series(
    panel: Panel, rows: Integers, tier: np.ndarray, settings: Mapping[str, ModelSettings]
) -> dict[str, ModelSettings]:
    return {panel.series[row]: settings.get(str(tier[row]), DEFAULT) for row in rows}
