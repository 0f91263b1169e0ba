"""How trustworthy alarms are: days flagged, what people said of them, how early spikes are found."""

from __future__ import annotations

import statistics
from dataclasses import dataclass
from datetime import date, timedelta

from nyc311_assets.dashboard.queries.episodes import read_alerts
from nyc311_assets.dashboard.queries.source import Source, rows

_ANOMALIES, _EPISODES = "ml.anomalies", "ml.episodes"
# An episode of a day or two has its peak on the day it is found.
LASTING_DAYS = 3
# So long before its peak a surge is found early.
EARLY_DAYS = 2


@dataclass(frozen=True, slots=True)
class Flags:
    """Days of series over a span.

    Attributes:
        judged: Days of series that were judged.
        flagged: Of them, those on watch or confirmed.
        above: Of them, those above their 95 % band, of which 2.5 % are so by chance.
    """

    judged: int
    flagged: int
    above: int


@dataclass(frozen=True, slots=True)
class Answers:
    """What people said of episodes that began in a span.

    Attributes:
        answered: Episodes that somebody acknowledged or marked as false.
        false: Of them, those marked as false.
    """

    answered: int
    false: int


@dataclass(frozen=True, slots=True)
class Leads:
    """How early lasting surges are found.

    Attributes:
        episodes: High episodes of `LASTING_DAYS` flagged days and more that began in the span.
        median_days: From the first flagged day to the peak; None if there are none.
        early: How many of them were found `EARLY_DAYS` or more before their peak.
    """

    episodes: int
    median_days: float | None
    early: int


def read_flags(source: Source, last: date, *, days: int) -> Flags:
    """Count judged and flagged days of all series, over the newest days up to `last`."""
    [row] = rows(
        source.query(
            """SELECT count(z) AS judged, count(CASE WHEN flagged THEN 1 END) AS flagged,
            count(CASE WHEN is_anomaly THEN 1 END) AS above
            FROM days WHERE ds BETWEEN :first AND :last""",
            {"days": _ANOMALIES},
            _span(last, days),
        )
    )
    return Flags(row["judged"], row["flagged"], row["above"])


def read_answers(source: Source, last: date, *, days: int) -> Answers:
    """What people said of the episodes that began in the newest days up to `last`."""
    began = rows(
        source.query(
            "SELECT id FROM episodes WHERE start BETWEEN :first AND :last",
            {"episodes": _EPISODES},
            _span(last, days),
        )
    )
    of_these = {each["id"] for each in began}
    alerts = [each for each in read_alerts(source) if each.subject in of_these]
    false = {each.subject for each in alerts if each.marked_false_by}
    answered = {each.subject for each in alerts if each.acknowledged_by} | false
    return Answers(len(answered), len(false))


def read_leads(source: Source, last: date, *, days: int) -> Leads:
    """How early the lasting surges were found that began in the newest days up to `last`."""
    found = rows(
        source.query(
            """SELECT start, peak FROM episodes WHERE start BETWEEN :first AND :last
            AND days >= :lasting AND direction = 1 AND state <> 'withdrawn'""",
            {"episodes": _EPISODES},
            _span(last, days) | {"lasting": LASTING_DAYS},
        )
    )
    leads = [(each["peak"] - each["start"]).days for each in found]
    early = sum(each >= EARLY_DAYS for each in leads)
    return Leads(len(leads), statistics.median(leads) if leads else None, early)


def _span(last: date, days: int) -> dict[str, date | int]:
    return {"first": last - timedelta(days=days - 1), "last": last}
