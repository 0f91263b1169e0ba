"""One series: its counts, what was forecast of it and when, its verdicts, and its requests."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

import pyarrow as pa

from nyc311_assets.dashboard.queries.freshness import read_days
from nyc311_assets.dashboard.queries.source import Parameter, Source, rows

_SERIES, _COUNTS, _FORECASTS = "gold.series", "gold.daily_counts", "ml.forecasts"
_ANOMALIES, _REQUESTS, _SERVING = "ml.anomalies", "silver.requests", "ml.serving"
LEVELS = ("city", "borough", "agency", "type", "type_borough", "leaf")
# Neither an address nor coordinates: nobody's home is needed to see what a day was made of.
SAMPLE_COLUMNS = (
    "unique_key", "created_local", "complaint_type", "descriptor", "agency", "borough",
    "community_board", "incident_zip", "status",
)  # fmt: skip
MOST_SAMPLED = 50


@dataclass(frozen=True, slots=True)
class Series:
    """One series; see gold.series."""

    name: str
    level: str
    complaint_type: str | None
    borough: str | None
    agency: str | None
    volume: float
    tier: str
    last_day: date
    is_active: bool


@dataclass(frozen=True, slots=True)
class SeriesDay:
    """One day of a series, past or to come.

    Attributes:
        ds: The day.
        actual: Requests; None where no count is, which is not zero.
        is_complete: The source reached past the day's end.
        is_final: It has settled.
        holiday: Name of the public holiday, if it is one.
        as_of: The last day that was known when the forecast was issued; None without one.
        yhat: Requests expected.
        lo80: Lower bound of the 80 % band.
        hi80: Its upper bound.
        lo95: Lower bound of the 95 % band.
        hi95: Its upper bound.
        model: The model.
        model_version: Version of its training.
        flagged: Whether the day is on watch or confirmed.
        tier: watch, confirmed or empty.
        side: 1 above its band, -1 below it, 0 neither.
    """

    ds: date
    actual: int | None
    is_complete: bool | None
    is_final: bool | None
    holiday: str | None
    as_of: date | None = None
    yhat: float | None = None
    lo80: float | None = None
    hi80: float | None = None
    lo95: float | None = None
    hi95: float | None = None
    model: str | None = None
    model_version: str | None = None
    flagged: bool = False
    tier: str = ""
    side: int = 0


def read_series(source: Source) -> Sequence[Series]:
    """All series, the largest of each level first."""
    found = source.query(
        """SELECT series AS name, level, complaint_type, borough, agency, volume, tier, last_day,
        is_active FROM series ORDER BY is_active DESC, volume DESC, series""",
        {"series": _SERIES},
    )
    return tuple(Series(**each) for each in rows(found))


def read_origins(source: Source) -> list[date]:
    """The days that forecasts were issued from, newest first."""
    if not source.exists(_SERVING):
        return []
    found = source.query(
        """SELECT DISTINCT as_of FROM serving
        WHERE as_of IS NOT NULL AND action <> 'waiting' ORDER BY as_of DESC""",
        {"serving": _SERVING},
    )
    return [each["as_of"] for each in rows(found)]


def read_history(
    source: Source, series: Series, *, first: date, last: date, as_of: date | None
) -> list[SeriesDay]:
    """Counts of a span with what was expected of each day, and the forecast that follows it.

    Up to `as_of` each day has the forecast that was issued the day before; the days after it have
    the one issued on `as_of`, whatever has been issued since.

    Args:
        source: The tables.
        series: The series.
        first: First day.
        last: Last day of counts.
        as_of: The day from which the days to come are forecast; None for no forecast.
    """
    days = _counts(source, series, first, last)
    blank = dict.fromkeys(("actual", "is_complete", "is_final", "holiday"))
    judged: list[dict[str, Any]] = []
    if source.exists(_ANOMALIES):
        judged = rows(_verdicts(source, series.name, first, last))
    if as_of is not None and source.exists(_FORECASTS):
        banded = [each for each in judged if each["yhat"] is not None and each["ds"] <= as_of]
        issued = rows(_forecasts(source, series.name, _not_kept_since(banded, first), as_of))
        for each in [*banded, *issued]:
            days[each["ds"]] = {**blank, **days.get(each["ds"], {}), **each}
    for each in judged:
        if each["ds"] in days:
            said = {name: each[name] for name in ("flagged", "tier", "side")}
            days[each["ds"]].update(said)
    return [SeriesDay(**days[ds]) for ds in sorted(days)]


def read_sample(source: Source, series: Series, day: date) -> pa.Table | None:
    """Some requests of a series' day, newest first, at most 50; None while there is no silver."""
    if not source.exists(_REQUESTS):
        return None
    where, parameters = _where(series)
    return source.query(
        f"SELECT {', '.join(SAMPLE_COLUMNS)} FROM requests "  # noqa: S608 # names of columns
        f"WHERE request_date = :day AND is_current{where} "
        f"ORDER BY created_local DESC, unique_key LIMIT {MOST_SAMPLED}",
        {"requests": _REQUESTS},
        {**parameters, "day": day},
    )


def _where(series: Series) -> tuple[str, dict[str, Parameter]]:
    own = {name: getattr(series, name) for name in ("complaint_type", "borough", "agency")}
    given: dict[str, Parameter] = {name: value for name, value in own.items() if value is not None}
    return "".join(f" AND {name} = :{name}" for name in given), given


def _counts(source: Source, series: Series, first: date, last: date) -> dict[date, dict[str, Any]]:
    """Day -> actual, is_complete, is_final, holiday; the last three are asked once for all series."""
    where, parameters = _where(series)
    found = source.query(
        f"""SELECT request_date AS ds, sum(requests) AS actual FROM counts
        WHERE request_date BETWEEN :first AND :last{where} GROUP BY 1""",  # noqa: S608 # columns
        {"counts": _COUNTS},
        {**parameters, "first": first, "last": last},
    )
    actual = {each["ds"]: each["actual"] for each in rows(found)}
    return {
        each.day: {
            "ds": each.day,
            "actual": actual.get(each.day),
            "is_complete": each.is_complete,
            "is_final": each.is_final,
            "holiday": each.holiday,
        }
        for each in read_days(source, first, last)
    }


def _not_kept_since(banded: Sequence[Mapping[str, Any]], first: date) -> date:
    """From which as_of on bands have to be read from the forecasts, which are many more rows."""
    unkept = [each["ds"] for each in banded if each["lo80"] is None]
    if unkept or not banded:
        return min(unkept, default=first) - timedelta(days=1)
    newest: date = max(each["ds"] for each in banded)
    return newest


def _forecasts(source: Source, series: str, since: date, as_of: date) -> pa.Table:
    """The forecasts issued on a day, and those of a day ahead of the days since another one."""
    return source.query(
        """SELECT ds, as_of, yhat, lo80, hi80, lo95, hi95, model, model_version FROM forecasts
        WHERE series = :series AND ((horizon = 1 AND as_of >= :since AND as_of < :as_of)
        OR as_of = :as_of)""",
        {"forecasts": _FORECASTS},
        {"series": series, "since": since, "as_of": as_of},
    )


def _verdicts(source: Source, series: str, first: date, last: date) -> pa.Table:
    return source.query(
        """SELECT ds, as_of, yhat, lo80, hi80, lo95, hi95, model, model_version, flagged, tier,
        CASE WHEN is_anomaly THEN 1 WHEN actual < lo95 THEN -1 ELSE 0 END AS side
        FROM days WHERE series = :series AND ds BETWEEN :first AND :last""",
        {"days": _ANOMALIES},
        {"series": series, "first": first, "last": last},
    )
