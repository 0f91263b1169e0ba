"""What is kept of a training: its models, its version in the registry, and what the gate said."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date

import numpy as np
import pandas as pd
from pyspark.sql import SparkSession

from nyc311_assets.pipeline.contracts import MODEL_VERSIONS, MODELS
from nyc311_assets.pipeline.forecasting.bands import calibrate
from nyc311_assets.pipeline.forecasting.candidates import LEVEL_PROFILE, PROPHET
from nyc311_assets.pipeline.forecasting.gate import (
    FOLD_DAYS,
    fold_errors,
    fold_rows,
    served_by_prophet,
)
from nyc311_assets.pipeline.forecasting.level_profile import VOLUME_DAYS
from nyc311_assets.pipeline.forecasting.panel import Panel
from nyc311_assets.pipeline.forecasting.past import PastForecasts
from nyc311_assets.pipeline.forecasting.settings import ModelSettings
from nyc311_assets.pipeline.forecasting.volume import TIER_NAMES, recent_volume, tier_of
from nyc311_assets.pipeline.ml.bundle import Bundle
from nyc311_assets.pipeline.ml.outcomes import Trained, Version
from nyc311_assets.pipeline.ml.registry import ModelRegistry, RegistryDown
from nyc311_assets.pipeline.ml.store import existing, write_frame
from nyc311_assets.pipeline.ml.training import BASELINES, Policy
from nyc311_assets.pipeline.tables import Lakehouse, within


@dataclass(frozen=True, eq=False)
class Training:
    """A training and where it belongs.

    Attributes:
        trained: What came of it.
        policy: How it was made.
        partition: The daily partition that trained.
        gold_version: Version of gold.daily_counts that was read.
    """

    trained: Trained
    policy: Policy
    partition: date
    gold_version: int


@dataclass(frozen=True, slots=True)
class Recorded:
    """What was kept.

    Attributes:
        version: The version.
        run_id: MLflow's run; None if the registry was down.
        warning: What the registry said then; empty if it was not.
    """

    version: Version
    run_id: str | None
    warning: str


def read_versions(spark: SparkSession, lakehouse: Lakehouse) -> list[Version]:
    """All trainings that were recorded."""
    rows = existing(spark, lakehouse, MODEL_VERSIONS).read().collect()
    return [
        Version(
            row["trained_on"],
            row["model_version"],
            row["promoted"] and row["rolled_back_at"] is None,
            {
                tier: ModelSettings.from_dict(each)
                for tier, each in json.loads(row["settings"]).items()
            },
            row["searched"],
        )
        for row in rows
    ]


def record(
    spark: SparkSession,
    lakehouse: Lakehouse,
    registry: ModelRegistry,
    training: Training,
    panel: Panel,
    past: PastForecasts,
    holidays: Mapping[date, str],
    versions: Iterable[Version],
) -> Recorded:
    """Keep a training: in ml.models first, then in the registry, last as a version.

    A version that is there has all the rest, so that a run that was killed trains again. The alias
    `production` moves only forward: training a past day does not take back a newer model.

    Args:
        spark: The session.
        lakehouse: Where the tables are.
        registry: Where it is registered; if it is down, the model serves all the same.
        training: The training.
        panel: The series that matter, up to the training day.
        past: Their earlier origins.
        holidays: Day -> name, over the panel and some years ahead.
        versions: Those that were recorded before.
    """
    trained = training.trained
    volume = recent_volume(panel.values, VOLUME_DAYS)
    by_prophet = served_by_prophet(panel, past, volume)
    rows = _model_rows(trained, panel, past, by_prophet)
    mine = within([trained.trained_on], "trained_on")
    write_frame(existing(spark, lakehouse, MODELS), rows, mine)
    served = past.served({PROPHET: by_prophet}, LEVEL_PROFILE)
    calibration = calibrate(panel, past, served, tier_of(volume))
    bundle = Bundle(panel, trained.fits, by_prophet, calibration, dict(holidays))
    name, run_id, warning = f"unregistered {trained.trained_on}", None, ""
    newest = max((each.trained_on for each in versions if each.promoted), default=date.min)
    try:
        registered = registry.record(
            bundle,
            parameters=_parameters(trained, training.policy),
            metrics=_metrics(trained, rows),
            tags={
                "partition": training.partition.isoformat(),
                "gold_version": str(training.gold_version),
                "lakehouse": lakehouse.root,
            },
        )
        name, run_id = registered.version, registered.run_id
        if trained.decision.promoted and newest < trained.trained_on:
            registry.promote(registered.version)
    except RegistryDown as error:
        warning = str(error)
    write_frame(
        existing(spark, lakehouse, MODEL_VERSIONS), _version_row(training, name, run_id), mine
    )
    version = Version(
        trained.trained_on, name, trained.decision.promoted, trained.settings, trained.searched
    )
    return Recorded(version, run_id, warning)


def _version_row(training: Training, name: str, run_id: str | None) -> pd.DataFrame:
    trained, decision = training.trained, training.trained.decision
    settings = {tier: each.to_dict() for tier, each in trained.settings.items()}
    return pd.DataFrame(
        [
            {
                "trained_on": trained.trained_on,
                "partition": training.partition,
                "model_version": name,
                "mlflow_run_id": run_id,
                "window_first_day": trained.window_first_day,
                "series": len(trained.fits.series),
                "failed": len(trained.fits.failed),
                "settings": json.dumps(settings, sort_keys=True),
                "searched": trained.searched,
                "scores": json.dumps(_finite(decision.losses), sort_keys=True),
                "promoted": decision.promoted,
                "reason": decision.reason,
                "gold_version": training.gold_version,
                "rolled_back_at": pd.NaT,
            }
        ]
    )


def _model_rows(
    trained: Trained, panel: Panel, past: PastForecasts, by_prophet: np.ndarray
) -> pd.DataFrame:
    """The rows of ml.models: fits, errors over the folds, and which model serves."""
    errors = fold_errors(panel, past)
    place = {name: row for row, name in enumerate(panel.series)}
    rows = np.array([place[name] for name in trained.fits.series], dtype=np.int64)
    tier = np.array(TIER_NAMES)[tier_of(recent_volume(panel.values, VOLUME_DAYS))]
    nothing = np.full(len(panel.series), np.nan)
    baselines = _baseline_errors(panel, past)
    return trained.fits.to_frame().assign(
        tier=tier[rows],
        folds=errors.folds[rows].astype("int32"),
        prophet_error=errors.mean.get(PROPHET, nothing)[rows],
        level_profile_error=errors.mean.get(LEVEL_PROFILE, nothing)[rows],
        naive_error=baselines[0][rows],
        weekday_mean_error=baselines[1][rows],
        served_by=np.where(by_prophet[rows], PROPHET, LEVEL_PROFILE),
    )


def _baseline_errors(panel: Panel, past: PastForecasts) -> list[np.ndarray]:
    """Mean absolute errors of the baselines over the folds, by series."""
    origins = [past.origins[row] for row in fold_rows(panel, past)]
    result = []
    for forecast in BASELINES.values():
        errors = []
        for origin in origins:
            first = panel.column(origin) + 1
            point = forecast(panel.until(origin))
            errors.append(np.abs(panel.values[:, first : first + FOLD_DAYS] - point))
        if errors:
            known = ~np.isnan(np.concatenate(errors, axis=1))
            total = np.nansum(np.concatenate(errors, axis=1), axis=1)
            count = known.sum(axis=1)
            result.append(np.where(count > 0, total / np.maximum(count, 1), np.nan))
        else:
            result.append(np.full(len(panel.series), np.nan))
    return result


def _finite(values: Mapping[str, float]) -> dict[str, float | None]:
    return {name: float(value) if np.isfinite(value) else None for name, value in values.items()}


def _plain(name: str) -> str:
    """A name that MLflow takes."""
    return name.replace("+", " and more")


def _parameters(trained: Trained, policy: Policy) -> dict[str, str]:
    return {
        "trained_on": trained.trained_on.isoformat(),
        "window_first_day": trained.window_first_day.isoformat(),
        "searched": str(trained.searched),
        "trials": str(policy.trials),
        "seed": str(policy.seed),
        **{
            _plain(f"{tier} {name}"): str(value)
            for tier, each in trained.settings.items()
            for name, value in each.to_dict().items()
        },
    }


def _metrics(trained: Trained, rows: pd.DataFrame) -> dict[str, float]:
    decision = trained.decision
    named = {f"fold_loss {name}": loss for name, loss in decision.losses.items()}
    named |= {
        f"fold_loss {name} {tier}": loss
        for name, tiers in decision.by_tier.items()
        for tier, loss in tiers.items()
    }
    return {
        **{_plain(name): float(value) for name, value in named.items()},
        "series": float(len(rows)),
        "series_failed": float(len(trained.fits.failed)),
        "series_served_by_prophet": float((rows["served_by"] == PROPHET).sum()),
        "newton_fallbacks": float(trained.fits.newton_fallbacks),
        "promoted": float(decision.promoted),
    }
