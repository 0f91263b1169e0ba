"""Walks the checks of silver through the synthetic city, whose arrivals, nulls and values are known."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date, timedelta

from nyc311_assets.local.feed.synthetic.source import SyntheticSource
from nyc311_assets.pipeline.checks.composition import DayValues, check_vocabulary
from nyc311_assets.pipeline.checks.history import vocabulary
from nyc311_assets.pipeline.checks.lateness import check_lateness
from nyc311_assets.pipeline.checks.nulls import DayNulls, NullCounts, check_null_rates
from nyc311_assets.pipeline.checks.spec import Verdict
from nyc311_assets.pipeline.cities import NEW_YORK
from nyc311_assets_tests.pipeline.checks.synthetic import (
    arrived,
    contents,
    nightly_pulls,
    without_publication,
)
from nyc311_assets_tests.pipeline.checks.walk import Walk

COLUMN = "incident_zip"


def silver_walks(first: date, count: int) -> dict[str, Walk]:
    """Judge each day of a span with nothing but the days before it."""
    source = SyntheticSource()
    found = {
        day: contents(source, day) for day in (first + timedelta(days=n) for n in range(count))
    }
    nulls = {day: each[0] for day, each in found.items()}
    values = {day: each[1] for day, each in found.items()}
    known = vocabulary(NEW_YORK)
    return {
        "null_rates_as_usual": _walk(
            sorted(found),
            lambda day: check_null_rates(nulls, day),
            "a column empty in 5 % more",
            lambda day: check_null_rates({**nulls, day: emptied(nulls[day])}, day),
        ),
        "vocabulary_known": _walk(
            sorted(found),
            lambda day: check_vocabulary(values, day, known),
            "a new type at 5 %",
            lambda day: check_vocabulary({**values, day: with_new_type(values[day])}, day, known),
        ),
        "lateness_as_usual": _lateness(source, first, count),
    }


def emptied(day: DayNulls) -> dict[str, NullCounts]:
    """One column without its value in 5 % of the rows that had one."""
    return {
        kind: NullCounts(
            counts.rows,
            {
                **counts.nulls,
                COLUMN: counts.nulls[COLUMN] + round(0.05 * (counts.rows - counts.nulls[COLUMN])),
            },
        )
        for kind, counts in day.items()
    }


def with_new_type(day: DayValues) -> dict[str, Mapping[str, int]]:
    """A type that nobody knows, with 5 % of the day's requests."""
    types = day["complaint_type"]
    return {**day, "complaint_type": {**types, "Drone Noise": round(sum(types.values()) / 19)}}


def _walk(
    days: list[date],
    check: Callable[[date], Verdict],
    trouble: str,
    troubled: Callable[[date], Verdict],
) -> Walk:
    judged = [day for day in days if "not_judged" not in check(day).figures]
    return Walk(
        len(judged),
        tuple(day for day in judged if not check(day).passed),
        {trouble: sum(not troubled(day).passed for day in judged)},
    )


def _lateness(source: SyntheticSource, first: date, count: int) -> Walk:
    days = arrived(source, first, count)
    pulls = nightly_pulls(days)

    def troubled(day: date) -> Verdict:
        return check_lateness(nightly_pulls(without_publication(days, day)), day)

    return _walk(sorted(pulls), lambda day: check_lateness(pulls, day), "no publication", troubled)
