"""The project's targets, and where it stands: one list for the page Operations and `nyc311 kpis`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, datetime

from nyc311_assets.dashboard.queries.accuracy import (
    ALL_TIERS,
    MAPE_TIER,
    WEEK_AHEAD,
    read_accuracy,
    read_city_error,
    read_last_judged,
)
from nyc311_assets.dashboard.queries.alarms import (
    EARLY_DAYS,
    LASTING_DAYS,
    read_answers,
    read_flags,
    read_leads,
)
from nyc311_assets.dashboard.queries.runs import LAG_TARGET, read_completion, read_lags
from nyc311_assets.dashboard.queries.source import Source

COMPLETION_DAYS = 90
JUDGED_DAYS = 28
_LEAST_COMPLETION = 0.995
_MOST_MAPE = 0.15
_COVERAGE = (0.92, 0.98)
_MOST_FLAGGED = 0.05


@dataclass(frozen=True, slots=True)
class Kpi:
    """One target and where it stands.

    Attributes:
        name: What it is.
        target: The target, in words.
        now: The figure, in words; None where there is nothing to compute it from.
        met: Whether the target is met; None if `now` is.
        n: How many of what it is computed from, in words.
        how: How it is computed, or why it is not.
    """

    name: str
    target: str
    now: str | None
    met: bool | None
    n: str
    how: str


@dataclass(frozen=True, slots=True)
class Spend:
    """A month's spend.

    Attributes:
        name: The month, 2026-03.
        to_date_usd: Until now.
        forecast_usd: All of it, when it goes on as it did.
        budget_usd: The budget.
    """

    name: str
    to_date_usd: float
    forecast_usd: float
    budget_usd: float


def read_kpis(source: Source, spend: Spend, now: datetime) -> list[Kpi]:
    """Where the project stands against each of its targets.

    Args:
        source: The tables; those that are missing leave their KPIs without a figure.
        spend: This month's.
        now: The present time, aware.

    Raises:
        TableUnreadable: A table is there and cannot be read.
    """
    last = read_last_judged(source) if source.exists("ml.anomalies") else None
    return [
        _completion(source, now),
        _freshness(source, now),
        *_accuracy(source, last),
        *_alarms(source, last),
        Kpi(
            "Spend this month",
            f"under ${spend.budget_usd:,.0f}",
            f"${spend.forecast_usd:,.2f} forecast, ${spend.to_date_usd:,.2f} so far",
            spend.forecast_usd < spend.budget_usd,
            spend.name,
            "runs by list prices and fixed costs, as `nyc311 cost` adds them up",
        ),
    ]


def _completion(source: Source, now: datetime) -> Kpi:
    how = (
        "daily partitions of which all six steps have succeeded, of those due in "
        f"{COMPLETION_DAYS} days; a day is due at 06:00 of the next one"
    )
    found = read_completion(source, now, days=COMPLETION_DAYS)
    if found is None or found.share is None:
        return _unknown("Daily completion", "99.5 % or more", "no run was recorded yet")
    return Kpi(
        "Daily completion",
        "99.5 % or more",
        f"{found.share:.1%}",
        found.share >= _LEAST_COMPLETION,
        f"{found.due} days",
        how + (f"; missing: {_some(found.missing)}" if found.missing else ""),
    )


def _freshness(source: Source, now: datetime) -> Kpi:
    name, target = "Published to gold", "under 2 h"
    found = read_lags(source, now, days=COMPLETION_DAYS)
    if found is None or found.median is None:
        return _unknown(name, target, "no day ran on its own yet: backfills do not count")
    minutes = found.median.total_seconds() / 60
    return Kpi(
        name,
        target,
        f"{minutes:,.0f} min; under 2 h on {found.within_target} of {found.days} days",
        found.median < LAG_TARGET,
        f"{found.days} days",
        "median, from the source's publication that a day pulled to the end of its first gold",
    )


def _accuracy(source: Source, last: date | None) -> list[Kpi]:
    mape = ("MAPE of all requests, 7 days", "MAPE of series of 100 a day and more, 7 days")
    coverage = "Coverage of the 95 % bands, 7 days"
    targets = ("under 15 %", "under 15 %", ".92 to .98")
    if last is None or not (source.exists("ml.forecasts") and source.exists("gold.series")):
        why = "no forecast has been judged yet"
        return [
            _unknown(each, target, why)
            for each, target in zip((*mape, coverage), targets, strict=True)
        ]
    city = read_city_error(source, last, days=JUDGED_DAYS)
    scored = {
        each.tier: each
        for each in read_accuracy(source, last, days=JUDGED_DAYS, horizons=(WEEK_AHEAD,))
    }
    large, everything = scored.get(MAPE_TIER), scored.get(ALL_TIERS)
    window = f"forecasts as issued, 1 to 7 days ahead, of the {JUDGED_DAYS} days to {last}"
    return [
        _share(
            mape[0],
            targets[0],
            city.mape,
            lambda value: value < _MOST_MAPE,
            f"{city.forecasts} forecasts",
            f"mean of |count - forecast| / count; {window}",
        ),
        _share(
            mape[1],
            targets[1],
            large.mape if large else None,
            lambda value: value < _MOST_MAPE,
            f"{large.series} series" if large else "no series",
            "the same of each series, then their mean; smaller ones have none, for chance alone "
            "makes it large",
        ),
        _share(
            coverage,
            targets[2],
            everything.coverage95 if everything else None,
            lambda value: _COVERAGE[0] <= value <= _COVERAGE[1],
            f"{everything.series:,} series" if everything else "no series",
            f"share of days within the band, of each series, then their mean; {window}",
        ),
    ]


def _alarms(source: Source, last: date | None) -> list[Kpi]:
    flagged, false, lead = (
        "False positives, at most",
        "False alarms, by what people say",
        "Lasting surges found before their peak",
    )
    targets = ("under 5 %", "under 5 %", "2 days or more")
    if last is None or not source.exists("ml.episodes"):
        why = "no day has been judged yet"
        return [
            _unknown(each, target, why)
            for each, target in zip((flagged, false, lead), targets, strict=True)
        ]
    flags = read_flags(source, last, days=JUDGED_DAYS)
    answers = read_answers(source, last, days=COMPLETION_DAYS)
    leads = read_leads(source, last, days=COMPLETION_DAYS)
    return [
        _share(
            flagged,
            targets[0],
            flags.flagged / flags.judged if flags.judged else None,
            lambda value: value < _MOST_FLAGGED,
            f"{flags.judged:,} days of series",
            "days on watch or confirmed of those judged, as if none of them were true, over "
            f"{JUDGED_DAYS} days",
        ),
        _share(
            false,
            targets[1],
            answers.false / answers.answered if answers.answered else None,
            lambda value: value < _MOST_FLAGGED,
            f"{answers.answered} answered",
            "episodes marked as false of those acknowledged or marked, that began within "
            f"{COMPLETION_DAYS} days",
        ),
        Kpi(
            lead,
            targets[2],
            (
                None
                if leads.median_days is None
                else f"{leads.median_days:.1f} days; 2 or more for {leads.early} of "
                f"{leads.episodes}"
            ),
            None if leads.median_days is None else leads.median_days >= EARLY_DAYS,
            f"{leads.episodes} episodes",
            f"median from the first flagged day to the peak, of high episodes of {LASTING_DAYS} flagged "
            f"days and more that began within {COMPLETION_DAYS} days",
        ),
    ]


def _share(
    name: str, target: str, value: float | None, met: Callable[[float], bool], n: str, how: str
) -> Kpi:
    if value is None:
        return Kpi(name, target, None, None, n, how)
    return Kpi(name, target, f"{value:.1%}", met(value), n, how)


def _unknown(name: str, target: str, why: str) -> Kpi:
    return Kpi(name, target, None, None, "none", why)


def _some(days: Sequence[date]) -> str:
    more = f" and {len(days) - 3} more" if len(days) > 3 else ""  # noqa: PLR2004 # shown in a line
    return ", ".join(map(str, days[:3])) + more
