"""Checks of the models."""

from __future__ import annotations

from nyc311_assets.pipeline.checks.spec import (
    DATA_ENGINEERING,
    OPERATIONS_ANALYTICS,
    CheckSpec,
    Figure,
    Verdict,
    not_judged,
)
from nyc311_assets.pipeline.forecasting.anchored_prophet import LONGEST_SERVICE_DAYS
from nyc311_assets.pipeline.forecasting.drift import MOST_RATIO
from nyc311_assets.pipeline.ml.outcomes import Served

MOST_FAILED_SHARE = 0.05

TRAINING_ACCEPTED = CheckSpec(
    "training_accepted",
    "WARN",
    "A model that was trained beats seasonal naive and the weekday mean over the last weekly folds, "
    "and does not lose to the model in service. If not, that one goes on serving.",
    owner=OPERATIONS_ANALYTICS,
)
FITS_SUCCEED = CheckSpec(
    "fits_succeed",
    "WARN",
    f"Of the series that were fitted, at most {MOST_FAILED_SHARE:.0%} failed; level x profile "
    "serves those.",
    owner=OPERATIONS_ANALYTICS,
)
MODEL_REGISTERED = CheckSpec(
    "model_registered",
    "WARN",
    "A model that was trained is in the registry. If not, forecasts use it all the same, from "
    "ml.models.",
    owner=DATA_ENGINEERING,
)
MODEL_IN_SERVICE = CheckSpec(
    "model_in_service",
    "WARN",
    f"The model that serves was trained at most {LONGEST_SERVICE_DAYS} days before. Before the "
    "first training, and after that, Prophet's closed form stands in.",
    owner=OPERATIONS_ANALYTICS,
)
ERRORS_NOT_DRIFTING = CheckSpec(
    "errors_not_drifting",
    "WARN",
    f"The median series' error of the last 14 days is at most {MOST_RATIO} times that of the 56 "
    "days before. If not, the model is trained anew.",
    owner=OPERATIONS_ANALYTICS,
)

MODEL_CHECKS = (
    TRAINING_ACCEPTED,
    FITS_SUCCEED,
    MODEL_REGISTERED,
    MODEL_IN_SERVICE,
    ERRORS_NOT_DRIFTING,
)


def check_model(served: Served) -> tuple[Verdict, ...]:
    """Verdicts on what prophet_model says of one partition."""
    return (*_of_training(served), _of_service(served), _of_drift(served))


def _of_training(served: Served) -> tuple[Verdict, ...]:
    if served.trained is None:
        specs = (TRAINING_ACCEPTED, FITS_SUCCEED, MODEL_REGISTERED)
        return tuple(not_judged(spec, "no model was trained") for spec in specs)
    fits, decision = served.trained.fits, served.trained.decision
    failed, fitted = len(fits.failed), len(fits.series)
    figures: dict[str, Figure] = {
        f"loss {name}": round(loss, 4) for name, loss in decision.losses.items()
    }
    named = ", ".join(sorted(fits.failed)[:3])
    return (
        Verdict(TRAINING_ACCEPTED, decision.promoted, {"reason": decision.reason, **figures}),
        Verdict(
            FITS_SUCCEED,
            failed <= MOST_FAILED_SHARE * max(fitted, 1),
            {"series": fitted, "failed": failed, "failed_series": named},
        ),
        Verdict(MODEL_REGISTERED, bool(served.registered), {"trained_on": str(fits.trained_on)}),
    )


def _of_service(served: Served) -> Verdict:
    if served.version is not None and served.as_of is not None:
        age = (served.as_of - served.version.trained_on).days
        return Verdict(
            MODEL_IN_SERVICE,
            age <= LONGEST_SERVICE_DAYS,
            {"trained_on": str(served.version.trained_on), "age_days": age},
        )
    if served.trained is not None:
        return Verdict(MODEL_IN_SERVICE, passed=False, figures={"reason": served.reason})
    return not_judged(MODEL_IN_SERVICE, served.reason)


def _of_drift(served: Served) -> Verdict:
    if served.drift is None or not served.drift.series:
        return not_judged(ERRORS_NOT_DRIFTING, "too few days have been forecast")
    return Verdict(
        ERRORS_NOT_DRIFTING,
        not served.drift.is_found,
        {"ratio": round(served.drift.ratio, 3), "series": served.drift.series},
    )
