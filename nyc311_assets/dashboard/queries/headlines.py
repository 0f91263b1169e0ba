"""The four numbers of Today."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta

from nyc311_assets.dashboard.queries.source import Source, rows

_ANOMALIES, _FORECASTS = "ml.anomalies", "ml.forecasts"
CITY = "city"


@dataclass(frozen=True, slots=True)
class DayVerdicts:
    """How the series of one day were judged.

    Attributes:
        actual: Requests in the city; None if it was not judged.
        expected: What was expected the day before; None if nothing was issued.
        lo95: Lower bound of the 95 % band.
        hi95: Its upper bound.
        checked: Series that were judged.
        not_scored: Series that were not.
        above: Series above their band.
        above_before: The same of the day before.
    """

    actual: float | None
    expected: float | None
    lo95: float | None
    hi95: float | None
    checked: int
    not_scored: int
    above: int
    above_before: int

    @property
    def above_by_chance(self) -> float:
        """Series that would be above a 95 % band if nothing had happened: 2.5 % of them."""
        return 0.025 * self.checked


@dataclass(frozen=True, slots=True)
class Outlook:
    """Requests expected in the city in the next 7 days.

    Attributes:
        as_of: The last day that was known.
        expected: Their sum.
        lo80: The lower bounds of the days' 80 % bands, summed.
        hi80: The upper ones. Bands of days added up are wider than the band of the sum.
    """

    as_of: date
    expected: float
    lo80: float
    hi80: float


def read_verdicts(source: Source, day: date) -> DayVerdicts:
    """How the series of a day were judged; reads two days of verdicts."""
    found = rows(
        source.query(
            """SELECT ds, count(z) AS checked, count(*) - count(z) AS not_scored,
            sum(CASE WHEN is_anomaly THEN 1 ELSE 0 END) AS above,
            max(CASE WHEN series = :city THEN actual END) AS actual,
            max(CASE WHEN series = :city THEN yhat END) AS expected,
            max(CASE WHEN series = :city THEN lo95 END) AS lo95,
            max(CASE WHEN series = :city THEN hi95 END) AS hi95
            FROM days WHERE ds BETWEEN :before AND :day GROUP BY ds""",
            {"days": _ANOMALIES},
            {"day": day, "before": day - timedelta(days=1), "city": CITY},
        )
    )
    by_day = {each["ds"]: each for each in found}
    now, before = by_day.get(day), by_day.get(day - timedelta(days=1))
    above_before = before["above"] if before else 0
    if now is None:
        return DayVerdicts(None, None, None, None, 0, 0, 0, above_before)
    return DayVerdicts(
        now["actual"],
        now["expected"],
        now["lo95"],
        now["hi95"],
        now["checked"],
        now["not_scored"],
        now["above"],
        above_before,
    )


def read_outlook(source: Source, *, days: int = 7) -> Outlook | None:
    """What is expected in the city in the next days; None before a forecast was issued."""
    if not source.exists(_FORECASTS):
        return None
    found = rows(
        source.query(
            """SELECT as_of, sum(yhat) AS expected, sum(lo80) AS lo80, sum(hi80) AS hi80
            FROM forecasts WHERE as_of = (SELECT max(as_of) FROM forecasts)
            AND series = :city AND horizon <= :days GROUP BY as_of""",
            {"forecasts": _FORECASTS},
            {"city": CITY, "days": days},
        )
    )
    if not found:
        return None
    return Outlook(found[0]["as_of"], found[0]["expected"], found[0]["lo80"], found[0]["hi80"])
