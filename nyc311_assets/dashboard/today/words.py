"""The sentences of Today, made from the data."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta

from nyc311_assets.dashboard.queries.episodes import Changes, Entry
from nyc311_assets.dashboard.queries.freshness import Freshness
from nyc311_assets.dashboard.queries.headlines import DayVerdicts

LAG_TARGET = timedelta(hours=2)
_MINUTES_PER_HOUR = 60


def day_words(day: date) -> str:
    """A day as it is written: Thu 29 Oct."""
    return f"{day:%a} {day.day} {day:%b}"


def span_words(days: Sequence[date]) -> str:
    """Days in a row as they are written: Wed 28 Oct to Thu 29 Oct."""
    if not days:
        return ""
    if len(days) == 1:
        return day_words(days[0])
    return f"{day_words(days[0])} to {day_words(days[-1])}"


def lag_words(lag: timedelta) -> str:
    """A lag: 25 min, 3 h 10 min."""
    minutes = round(lag.total_seconds() / 60)
    hours, rest = divmod(minutes, _MINUTES_PER_HOUR)
    return f"{hours} h {rest} min" if hours else f"{minutes} min"


def place(series: str) -> tuple[str, str]:
    """A series as problem and place: Rodent, Bronx · DOHMH."""
    if series == "city":
        return "All requests", "whole city"
    parts = dict(part.split(": ", 1) for part in series.split(" | ") if ": " in part)
    problem = parts.get("type", "All requests")
    where = [parts["borough"].title()] if "borough" in parts else []
    where += [parts["agency"]] if "agency" in parts else []
    return problem, " · ".join(where) or "whole city"


def sentence(
    day: date | None, verdicts: DayVerdicts | None, queue: Sequence[Entry], changes: Changes | None
) -> str:
    """What is the matter, in one sentence.

    Args:
        day: The newest complete day.
        verdicts: How its series were judged.
        queue: Open episodes, the most severe first.
        changes: What has changed with the day.
    """
    if day is None:
        return "No day is complete yet: nothing can be said of any."
    if queue:
        high = sum(each.episode.direction > 0 for each in queue)
        low = len(queue) - high
        told = [_count(high, "high")] if high else []
        told += [_count(low, "low")] if low else []
        new = len(changes.new) if changes else 0
        worst = queue[0]
        problem, where = place(worst.episode.series)
        days = "1 day" if worst.episode.days == 1 else f"{worst.episode.days} days"
        excess = f", {worst.episode.excess:+,.0f}" if worst.episode.excess is not None else ""
        return f"{' and '.join(told)}; {new} new since yesterday; worst: {problem}, {where}, {days}{excess}."
    if verdicts is None or not verdicts.checked:
        return f"{day_words(day)} has not been judged yet."
    if verdicts.above:
        return (
            f"No alert on {day_words(day)}: {verdicts.above:,} of {verdicts.checked:,} series are above "
            f"their band, about {verdicts.above_by_chance:,.0f} would be by chance."
        )
    return f"Nothing above its expected range on {day_words(day)}. {_checked(verdicts)}"


def _checked(verdicts: DayVerdicts) -> str:
    text = f"{verdicts.checked:,} series checked"
    if verdicts.not_scored:
        text += f", {verdicts.not_scored:,} not scored (too little history)"
    return f"{text}."


def _count(number: int, side: str) -> str:
    return (
        f"1 series is abnormally {side}"
        if number == 1
        else f"{number} series are abnormally {side}"
    )


def late(freshness: Freshness, today: date, limit_days: int) -> str | None:
    """A warning when data is late; None when it is in time.

    Args:
        freshness: How new the data is.
        today: The New York day.
        limit_days: Most days between the newest complete one and today.
    """
    newest = freshness.newest_complete
    if newest is None or (days := (today - newest).days) <= limit_days:
        return None
    return (
        f"Data is late: the newest complete day is {days} days ago (limit {limit_days}). Scores stop "
        f"at {day_words(newest)}; no alert is not all-clear."
    )
