"""Search of model settings on past folds: ask and tell, so that trials can be evaluated anywhere."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date

import numpy as np
import optuna
from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution
from optuna.storages import BaseStorage
from optuna.trial import TrialState

from nyc311_assets.pipeline.forecasting.anchored_prophet import fit_prophet
from nyc311_assets.pipeline.forecasting.arrays import Floats
from nyc311_assets.pipeline.forecasting.candidates import PROPHET, point_forecasts
from nyc311_assets.pipeline.forecasting.gate import FOLD_DAYS, FOLDS
from nyc311_assets.pipeline.forecasting.level_profile import ALPHA, history
from nyc311_assets.pipeline.forecasting.panel import Panel
from nyc311_assets.pipeline.forecasting.scores import weekly_difference
from nyc311_assets.pipeline.forecasting.settings import DEFAULT, ModelSettings

TRIALS = 20
# A challenger that is less better than this is as likely luck.
LEAST_GAIN = 0.05
# Goes up when the space changes: trials of another space say nothing about this one.
SPACE_VERSION = 1
SPACE: Mapping[str, BaseDistribution] = {
    "growth": CategoricalDistribution(("flat", "linear")),
    "changepoint_prior_scale": FloatDistribution(0.001, 0.5, log=True),
    "seasonality_mode": CategoricalDistribution(("multiplicative", "additive")),
    "seasonality_prior_scale": FloatDistribution(0.01, 10.0, log=True),
    "alpha": FloatDistribution(0.05, 0.3),
    "tilt": FloatDistribution(0.0, 0.7),
}

# Settings of a batch of trials -> the loss of each; NaN or infinite for one that failed.
Evaluator = Callable[[Sequence[ModelSettings]], Sequence[float]]


@dataclass(frozen=True, slots=True)
class Found:
    """What a search found.

    Attributes:
        settings: The best.
        loss: Its mean loss over the folds.
        trials: Trials that succeeded, with those of earlier, interrupted runs.
        failed: Trials that did not.
    """

    settings: ModelSettings
    loss: float
    trials: int
    failed: int


class NothingFound(RuntimeError):
    """No trial of a search succeeded."""


def open_study(storage: str | BaseStorage | None, name: str, seed: int) -> optuna.Study:
    """Open a study, or take up the one of this name and this version of the search space.

    A study of another version keeps its trials under its own name and is not read.

    Args:
        storage: Optuna's storage or its address; None for memory.
        name: What is searched and when, as `100+ 2026-03-01`.
        seed: Of the sampler.
    """
    return optuna.create_study(
        storage=storage,
        study_name=f"{name} space {SPACE_VERSION}",
        sampler=optuna.samplers.TPESampler(seed=seed, n_startup_trials=8, constant_liar=True),
        direction="minimize",
        load_if_exists=True,
    )


def search(
    study: optuna.Study,
    evaluate: Evaluator,
    *,
    trials: int = TRIALS,
    batch: int = 4,
    on_batch: Callable[[optuna.Study], None] = lambda _: None,
) -> Found:
    """Run what is missing of a study, the default settings first.

    Args:
        study: See `open_study`. Trials that an interrupted run left open are closed as failed.
        evaluate: Gives the losses of a batch of settings, in parallel if it can.
        trials: How many trials the study is to have.
        batch: Trials to ask for at once.
        on_batch: Called after each batch, to keep what is known by then.

    Raises:
        NothingFound: No trial succeeded.
    """
    for left in study.get_trials(deepcopy=False, states=(TrialState.RUNNING,)):
        study.tell(left.number, state=TrialState.FAIL)
    if not study.get_trials(deepcopy=False):
        study.enqueue_trial({**DEFAULT.to_dict(), "alpha": ALPHA})
    while (missing := trials - len(_ended(study))) > 0:
        asked = [study.ask(dict(SPACE)) for _ in range(min(batch, missing))]
        losses = evaluate([ModelSettings.from_dict(trial.params) for trial in asked])
        for trial, loss in zip(asked, losses, strict=True):
            if np.isfinite(loss):
                study.tell(trial, float(loss))
            else:
                study.tell(trial, state=TrialState.FAIL)
        on_batch(study)
    ended = _ended(study)
    done = [trial for trial in ended if trial.state == TrialState.COMPLETE]
    if not done:
        raise NothingFound(
            f"All {len(ended)} trials of the study {study.study_name} failed. The incumbent's "
            "settings stay; look at what the evaluation of a trial says."
        )
    best = study.best_trial
    return Found(
        ModelSettings.from_dict(best.params),
        float(study.best_value),
        len(done),
        len(ended) - len(done),
    )


def fold_losses(
    panel: Panel,
    holidays: Mapping[date, str],
    settings: ModelSettings,
    origins: Sequence[date],
) -> Floats:
    """Mean scaled absolute error 1 to 7 days ahead from past origins.

    Args:
        panel: What is known; each fold is fitted to what was known at its origin.
        holidays: Day -> name.
        settings: Of all series.
        origins: See `gate.fold_origins`.

    Returns:
        One loss for each origin: the mean over series of the mean absolute error over the mean
        absolute difference from the same weekday a week before; NaN where no series can be fitted.
    """

    def forecast(past: Panel) -> Floats:
        fits = fit_prophet(
            history(past, holidays),
            panel.series,
            FOLD_DAYS,
            dict.fromkeys(panel.series, settings),
        )
        return point_forecasts(past, holidays, FOLD_DAYS, fits, models=(PROPHET,))[PROPHET]

    return losses_of(panel, origins, forecast)


def losses_of(panel: Panel, origins: Sequence[date], forecast: Callable[[Panel], Floats]) -> Floats:
    """The same loss of any way to forecast `FOLD_DAYS` from what was known at an origin.

    Args:
        panel: What is known.
        origins: See `gate.fold_origins`.
        forecast: What was known at an origin -> requests a day, series x `FOLD_DAYS`.
    """
    scale = weekly_difference(panel.values)
    losses = np.full(len(origins), np.nan)
    for place, origin in enumerate(origins):
        point = forecast(panel.until(origin))
        first = panel.column(origin) + 1
        error = np.abs(panel.values[:, first : first + FOLD_DAYS] - point)
        days = (~np.isnan(error)).sum(axis=1)
        usable = (days > 0) & (scale > 0)
        if usable.any():
            mean = np.nansum(error, axis=1)[usable] / days[usable]
            losses[place] = float((mean / scale[usable]).mean())
    return losses


def replaces(challenger: Floats, incumbent: Floats) -> bool:
    """Whether a challenger is enough better over the newest `FOLDS` that both have.

    Args:
        challenger: Losses by fold, oldest first.
        incumbent: Losses of the same folds.
    """
    both = ~np.isnan(challenger) & ~np.isnan(incumbent)
    ours, theirs = challenger[both][-FOLDS:], incumbent[both][-FOLDS:]
    if len(ours) < FOLDS:
        return False
    return bool(ours.mean() <= (1 - LEAST_GAIN) * theirs.mean())


def _ended(study: optuna.Study) -> list[optuna.trial.FrozenTrial]:
    return study.get_trials(deepcopy=False, states=(TrialState.COMPLETE, TrialState.FAIL))
