"""Checks of the verdicts."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date, timedelta
from statistics import median

from nyc311_assets.pipeline.anomalies.verdicts import NO_FORECAST
from nyc311_assets.pipeline.checks.spec import (
    DATA_ENGINEERING,
    OPERATIONS_ANALYTICS,
    CheckSpec,
    Verdict,
    names,
    not_judged,
)
from nyc311_assets.pipeline.ml.outcomes import JudgedDay

LOOK_BACK_DAYS = 28
MOST_ABOVE = 0.05
MOST_ON_WATCH = 0.005

JUDGED_BEFOREHAND = CheckSpec(
    "judged_by_earlier_forecasts",
    "ERROR",
    "Every verdict is by a forecast that was issued before its day.",
    owner=DATA_ENGINEERING,
)
DAYS_JUDGED = CheckSpec(
    "complete_days_judged",
    "WARN",
    "Nine in ten series of each complete day have a verdict. Days whose forecasts were never issued "
    "have none: materialize prophet_model and forecasts for the partitions before.",
    owner=DATA_ENGINEERING,
)
SHARE_ABOVE = CheckSpec(
    "share_above_band",
    "WARN",
    f"On the median day of the last {LOOK_BACK_DAYS}, at most {MOST_ABOVE:.0%} of the series are "
    "above their 95 % band.",
    owner=OPERATIONS_ANALYTICS,
)
SHARE_ON_WATCH = CheckSpec(
    "share_on_watch",
    "WARN",
    f"On the median day of the last {LOOK_BACK_DAYS}, at most {MOST_ON_WATCH:.1%} of the series are "
    "on watch.",
    owner=OPERATIONS_ANALYTICS,
)

ANOMALY_CHECKS = (JUDGED_BEFOREHAND, DAYS_JUDGED, SHARE_ABOVE, SHARE_ON_WATCH)


def check_verdicts(
    judged: Iterable[JudgedDay], pulled: Sequence[date], history: Iterable[JudgedDay]
) -> tuple[Verdict, ...]:
    """Verdicts on what the days of one partition were judged to be.

    Args:
        judged: The days of the run.
        pulled: The days that are the partition's.
        history: The days up to and with the partition's, as far back as `LOOK_BACK_DAYS`.
    """
    mine = [day for day in judged if day.ds in set(pulled)]
    if not mine:
        return tuple(
            not_judged(spec, "no day of the partition is complete") for spec in ANOMALY_CHECKS
        )
    last = max(day.ds for day in mine)
    since = last - timedelta(days=LOOK_BACK_DAYS - 1)
    recent = [day for day in history if since <= day.ds <= last and day.judged]
    late = sum(day.late_forecasts for day in mine)
    without = [day.ds for day in mine if day.judged < 9 * day.unjudged.get(NO_FORECAST, 0)]
    verdicts = [
        Verdict(
            JUDGED_BEFOREHAND,
            not late,
            {"verdicts": sum(day.judged for day in mine), "late_forecasts": late},
        ),
        Verdict(DAYS_JUDGED, not without, {"days": len(mine), "days_not_judged": names(without)}),
    ]
    if len(recent) < LOOK_BACK_DAYS // 2:
        why = f"{len(recent)} days have verdicts; {LOOK_BACK_DAYS // 2} are needed"
        verdicts += [not_judged(spec, why) for spec in (SHARE_ABOVE, SHARE_ON_WATCH)]
    else:
        above = median(day.above / day.judged for day in recent)
        watch = median(day.watch / day.judged for day in recent)
        verdicts += [
            Verdict(
                SHARE_ABOVE, above <= MOST_ABOVE, {"share": round(above, 4), "days": len(recent)}
            ),
            Verdict(
                SHARE_ON_WATCH,
                watch <= MOST_ON_WATCH,
                {"share": round(watch, 4), "days": len(recent)},
            ),
        ]
    return tuple(verdicts)
