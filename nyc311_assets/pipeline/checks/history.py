"""The checks that look at a day beside the days before it, by the asset they belong to."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from nyc311_assets.pipeline.checks.composition import (
    REJECTS_AS_USUAL,
    VOCABULARY_KNOWN,
    DayValues,
    RejectCounts,
    check_rejects,
    check_vocabulary,
)
from nyc311_assets.pipeline.checks.lateness import LATENESS_AS_USUAL, Arrivals, check_lateness
from nyc311_assets.pipeline.checks.levels import DailyTypes, complete_days, newest
from nyc311_assets.pipeline.checks.nulls import NULL_RATES_AS_USUAL, DayNulls, check_null_rates
from nyc311_assets.pipeline.checks.repeats import NOT_FLAT_LINED, check_not_flat_lined
from nyc311_assets.pipeline.checks.spec import Verdict
from nyc311_assets.pipeline.checks.staleness import NOT_STALE, check_not_stale
from nyc311_assets.pipeline.checks.volume import (
    NOT_DOUBLED,
    TYPES_AS_USUAL,
    VOLUME_AS_USUAL,
    check_not_doubled,
    check_types,
    check_volume,
)
from nyc311_assets.pipeline.cities import City
from nyc311_assets.pipeline.pulls import Batch, PulledDay

RAW_HISTORY_CHECKS = (VOLUME_AS_USUAL, NOT_STALE, NOT_FLAT_LINED, NOT_DOUBLED)
SILVER_HISTORY_CHECKS = (
    VOCABULARY_KNOWN,
    NULL_RATES_AS_USUAL,
    REJECTS_AS_USUAL,
    LATENESS_AS_USUAL,
)
GOLD_HISTORY_CHECKS = (TYPES_AS_USUAL,)


@dataclass(frozen=True, slots=True)
class SilverProfile:
    """What the checks of silver compare, over a run's partitions and the days before them.

    Attributes:
        values: Request date -> column -> value -> rows.
        nulls: Request date -> complaint type -> null counts.
        rejects: Ingestion date -> rejects of its newest batch.
        arrivals: Ingestion date -> what its pull was the first to bring.
    """

    values: Mapping[date, DayValues]
    nulls: Mapping[date, DayNulls]
    rejects: Mapping[date, RejectCounts]
    arrivals: Mapping[date, Arrivals]


def known_types(
    before: DailyTypes, pulled: DailyTypes, pulled_days: Iterable[PulledDay]
) -> DailyTypes:
    """The counts of complete days: those of a pull where it found them complete, else earlier ones.

    Args:
        before: Counts of complete days, from gold.
        pulled: Counts of a pull.
        pulled_days: The request dates of the pull, in all its partitions.
    """
    pulled_days = tuple(pulled_days)
    again = {day.request_date for day in pulled_days}
    return {
        **{day: counts for day, counts in before.items() if day not in again},
        **{day: pulled[day] for day in complete_days(pulled_days) if day in pulled},
    }


def check_raw_history(
    city: City, batch: Batch, partition: date, days: DailyTypes
) -> tuple[Verdict, ...]:
    """Verdicts on one partition of a pull, beside the days before it.

    Every complete day of the pull must be neither a repeat nor doubled: as long as a broken day
    is in the pull, it would be merged again. The volume is judged on the newest complete day
    alone, so that one odd day is shown once and not by eight pulls.

    Args:
        city: Gives the rhythm of the source, and its public holidays.
        batch: The pull. Whether it holds days back makes no difference.
        partition: The ingestion date.
        days: `known_types` of the pull and of the LEVEL_HISTORY_DAYS before it.
    """
    pulled = batch.of_partition(partition)
    complete = complete_days(pulled)
    return (
        check_volume(city, days, newest(complete, days)),
        check_not_stale(city, pulled, batch.pulled_at, batch.source),
        check_not_flat_lined(days, complete),
        check_not_doubled(days, complete),
    )


def suspect_days(verdicts: Iterable[Verdict]) -> dict[date, str]:
    """The request dates that some verdicts want kept out of silver, and why."""
    return {
        day: f"{verdict.spec.name}: {reason}"
        for verdict in verdicts
        if verdict.spec.holds_back
        for day, reason in verdict.suspect_days.items()
    }


def check_silver_history(
    city: City, profile: SilverProfile, partition: date, pulled: Sequence[PulledDay]
) -> tuple[Verdict, ...]:
    """Verdicts on one partition of a refinement, beside the days before it.

    Args:
        city: Gives the vocabulary.
        profile: The figures.
        partition: The ingestion date.
        pulled: Its request dates, as recorded in bronze.batches; the newest complete one that
            is not held back is judged.
    """
    complete = complete_days(day for day in pulled if day.is_usable)
    return (
        check_vocabulary(profile.values, newest(complete, profile.values), vocabulary(city)),
        check_null_rates(profile.nulls, newest(complete, profile.nulls)),
        check_rejects(profile.rejects, partition),
        check_lateness(profile.arrivals, partition),
    )


def check_gold_history(days: DailyTypes, pulled: Sequence[date]) -> tuple[Verdict, ...]:
    """Verdicts on the request dates that one partition brought to gold.

    Args:
        days: Counts per type of complete days: the pulled ones and the LEVEL_HISTORY_DAYS before.
        pulled: The request dates; the newest complete one is judged.
    """
    return (check_types(days, newest(pulled, days)),)


def vocabulary(city: City) -> dict[str, frozenset[str]]:
    """The values that a city knows of, by column of silver.requests."""
    return {
        "complaint_type": city.known_types | city.retired_types,
        "borough": frozenset({*city.boroughs, "UNSPECIFIED"}),
    }
