"""Checks of the forecasts: what was issued, and how earlier ones have done."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, timedelta

import pandas as pd

from nyc311_assets.pipeline.checks.spec import (
    DATA_ENGINEERING,
    OPERATIONS_ANALYTICS,
    CheckSpec,
    Figure,
    Verdict,
    names,
    not_judged,
)
from nyc311_assets.pipeline.ml.accuracy import AHEAD_DAYS, SUMS
from nyc311_assets.pipeline.ml.outcomes import IssuedDay

LOOK_BACK_DAYS = 28
LEAST_ORIGINS = 14
LOWEST_COVERAGE, HIGHEST_COVERAGE = 0.92, 0.98
MOST_CITY_MAPE = 0.15

BANDS_SOUND = CheckSpec(
    "bands_sound",
    "ERROR",
    "Every forecast and bound is a finite number of zero or more, and lo95, lo80, yhat, hi80 and "
    "hi95 are in this order.",
    owner=DATA_ENGINEERING,
)
HORIZON_WHOLE = CheckSpec(
    "horizon_whole",
    "ERROR",
    "Every series has a forecast of each of the 30 days ahead.",
    owner=DATA_ENGINEERING,
)
NO_LOOK_AHEAD = CheckSpec(
    "no_look_ahead",
    "ERROR",
    "No forecast was made from days after its partition.",
    owner=DATA_ENGINEERING,
)
FORECASTS_ISSUED = CheckSpec(
    "forecasts_issued",
    "WARN",
    "The newest complete day has forecasts, for 95 % of its series with 28 days of history and more.",
    owner=DATA_ENGINEERING,
)
COVERAGE = CheckSpec(
    "coverage_as_promised",
    "WARN",
    f"Of the forecasts 1 to {AHEAD_DAYS} days ahead of the last {LOOK_BACK_DAYS} days, "
    f"{LOWEST_COVERAGE:.0%} to {HIGHEST_COVERAGE:.0%} of the days lay within the 95 % band.",
    owner=OPERATIONS_ANALYTICS,
)
BEATS_BASELINES = CheckSpec(
    "beats_baselines",
    "WARN",
    "Over the same forecasts the scaled error is below those of seasonal naive and of the four-week "
    "weekday mean.",
    owner=OPERATIONS_ANALYTICS,
)
MAPE = CheckSpec(
    "mape_where_volume_allows",
    "WARN",
    f"The mean relative error of all requests together is at most {MOST_CITY_MAPE:.0%}, 1 to "
    f"{AHEAD_DAYS} days ahead; that of series of 100 a day and more is shown.",
    owner=OPERATIONS_ANALYTICS,
)

FORECAST_CHECKS = (
    BANDS_SOUND,
    HORIZON_WHOLE,
    NO_LOOK_AHEAD,
    FORECASTS_ISSUED,
    COVERAGE,
    BEATS_BASELINES,
    MAPE,
)


def check_issued(days: Iterable[IssuedDay], partition: date) -> tuple[Verdict, ...]:
    """Verdicts on what was issued for one partition."""
    mine = [day for day in days if day.partition == partition]
    newest = max(mine, key=lambda day: day.as_of, default=None)
    if newest is None:
        why = "no day of the partition could be forecast: too few are complete"
        return tuple(
            not_judged(spec, why)
            for spec in (BANDS_SOUND, HORIZON_WHOLE, NO_LOOK_AHEAD, FORECASTS_ISSUED)
        )
    series, skipped = newest.series, len(newest.skipped)
    is_cold = not series and not skipped and newest.young > 0
    ahead = [day.as_of for day in mine if day.as_of > partition]
    return (
        Verdict(
            BANDS_SOUND,
            not any(day.bad_rows for day in mine),
            {"rows": sum(day.rows for day in mine), "bad_rows": sum(day.bad_rows for day in mine)},
        ),
        Verdict(
            HORIZON_WHOLE,
            not any(day.short_series for day in mine),
            {"series": series, "short_series": sum(day.short_series for day in mine)},
        ),
        Verdict(NO_LOOK_AHEAD, not ahead, {"as_of_after_partition": names(ahead)}),
        Verdict(
            FORECASTS_ISSUED,
            is_cold or (bool(series) and skipped <= series / 19),
            {
                "as_of": str(newest.as_of),
                "series": series,
                "skipped": skipped,
                "too_young": newest.young,
                "why": _reasons(newest),
            },
        ),
    )


def _reasons(day: IssuedDay) -> str:
    shown = [f"{name} ({why})" for name, why in sorted(day.skipped.items())[:3]]
    return "; ".join(shown)


def check_accuracy(accuracy: pd.DataFrame, partition: date) -> tuple[Verdict, ...]:
    """Verdicts on the forecasts that had come by one partition.

    Args:
        accuracy: See `past_accuracy`.
        partition: The daily partition.
    """
    last = partition - timedelta(days=AHEAD_DAYS)
    first = last - timedelta(days=LOOK_BACK_DAYS - 1)
    mine = accuracy[(accuracy["as_of"] >= first) & (accuracy["as_of"] <= last)]
    origins = int(mine["as_of"].nunique())
    total = mine[list(SUMS)].sum()
    if origins < LEAST_ORIGINS or not total["forecasts"]:
        why = f"{origins} days of forecasts have come; {LEAST_ORIGINS} are needed"
        return tuple(not_judged(spec, why) for spec in (COVERAGE, BEATS_BASELINES, MAPE))
    count = float(total["forecasts"])
    coverage = float(total["inside"]) / count
    own, naive, mean = (
        float(total[name]) / count for name in ("error", "naive_error", "weekday_mean_error")
    )
    seen: dict[str, Figure] = {"days": origins, "forecasts": int(count)}
    tiers = mine.groupby("tier")[list(SUMS)].sum()
    verdicts = [
        Verdict(
            COVERAGE,
            LOWEST_COVERAGE <= coverage <= HIGHEST_COVERAGE,
            {
                "coverage": round(coverage, 4),
                **seen,
                **{
                    f"coverage {tier}": round(float(row["inside"] / row["forecasts"]), 4)
                    for tier, row in tiers.iterrows()
                },
            },
        ),
        Verdict(
            BEATS_BASELINES,
            own < min(naive, mean),
            {
                "scaled_error": round(own, 4),
                "seasonal_naive": round(naive, 4),
                "weekday_mean": round(mean, 4),
                **seen,
            },
        ),
    ]
    if not total["city_forecasts"]:
        verdicts.append(not_judged(MAPE, "all requests together have no forecast"))
    else:
        city = float(total["city_percent_error"] / total["city_forecasts"])
        figures: dict[str, Figure] = {"mape_city": round(city, 4), "days": origins}
        if total["percent_forecasts"]:
            busy = float(total["percent_error"] / total["percent_forecasts"])
            figures["mape_100_a_day_and_more"] = round(busy, 4)
        verdicts.append(Verdict(MAPE, city <= MOST_CITY_MAPE, figures))
    return tuple(verdicts)
