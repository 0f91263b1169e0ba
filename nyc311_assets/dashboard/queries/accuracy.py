"""How forecasts did whose days have come: errors and coverage by volume tier and horizon."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from nyc311_assets.dashboard.queries.source import Source, rows
from nyc311_assets.pipeline.forecasting.volume import HORIZON_GROUPS, TIER_NAMES

_FORECASTS, _ANOMALIES, _SERIES = "ml.forecasts", "ml.anomalies", "gold.series"
ALL_TIERS = "all"
CITY = "city"
WEEK_AHEAD = (1, 7)
# MAPE is given for no other: where counts are small, chance alone makes it large.
MAPE_TIER = TIER_NAMES[-1]
# Errors are scaled by how much a series differs from the week before; that needs more days than
# are judged.
_SCALE_DAYS = 90

_JUDGED = """
WITH judged AS (
    SELECT f.series, f.horizon, f.yhat, a.actual AS y,
        CASE WHEN a.actual BETWEEN f.lo80 AND f.hi80 THEN 1e0 ELSE 0e0 END AS in80,
        CASE WHEN a.actual BETWEEN f.lo95 AND f.hi95 THEN 1e0 ELSE 0e0 END AS in95
    FROM forecasts f JOIN days a ON a.series = f.series AND a.ds = f.ds
    WHERE f.as_of BETWEEN :earliest AND :last AND f.ds BETWEEN :first AND :last
        AND a.ds BETWEEN :first AND :last AND f.horizon BETWEEN :nearest AND :furthest
)
"""


@dataclass(frozen=True, slots=True)
class Accuracy:
    """Scores of one volume tier and group of horizons; every series weighs the same.

    Attributes:
        tier: Volume tier, requests a day, or `ALL_TIERS`.
        horizon: First and last days ahead.
        series: Series that were judged.
        forecasts: Forecasts that were judged.
        mape: Mean absolute error over the count on days with requests, of series of 100 a day and
            more; None for others.
        wape: Sum of absolute errors over sum of counts.
        mase: Mean absolute error over the mean difference from the week before.
        coverage80: Share of days within the 80 % band.
        coverage95: Share of days within the 95 % band.
    """

    tier: str
    horizon: tuple[int, int]
    series: int
    forecasts: int
    mape: float | None
    wape: float | None
    mase: float | None
    coverage80: float
    coverage95: float


@dataclass(frozen=True, slots=True)
class CityError:
    """Relative error of all requests together, 1 to 7 days ahead.

    Attributes:
        mape: Mean absolute error over the count.
        forecasts: Forecasts that were judged.
    """

    mape: float | None
    forecasts: int


def read_last_judged(source: Source) -> date | None:
    """The newest day that was judged; None before the first one."""
    found = source.query(
        "SELECT max(ds) AS day FROM days WHERE series = :city",
        {"days": _ANOMALIES},
        {"city": CITY},
    )
    day: date | None = rows(found)[0]["day"]
    return day


def read_accuracy(
    source: Source,
    last: date,
    *,
    days: int,
    horizons: Sequence[tuple[int, int]] = HORIZON_GROUPS,
) -> list[Accuracy]:
    """Score what was forecast for the newest days, by tier and horizon, smallest tier first.

    The scores are those of `pipeline.forecasting.scores`: of each series first, then the mean of
    the series of a tier.

    Args:
        source: The tables.
        last: The newest day to judge.
        days: How many days up to it.
        horizons: First and last days ahead of each group; no day in two of them.
    """
    groups = " ".join(
        f"WHEN horizon BETWEEN {first:d} AND {until:d} THEN {number:d}"
        for number, (first, until) in enumerate(horizons)
    )
    found = source.query(
        f"""{_JUDGED}, own AS (
            SELECT series, CASE {groups} END AS grp, count(*) AS n, avg(abs(y - yhat)) AS error,
                avg(y) AS y, avg(in80) AS in80, avg(in95) AS in95,
                avg(CASE WHEN y > 0 THEN abs(y - yhat) / y END) AS percent
            FROM judged GROUP BY 1, 2
        ), scale AS (
            SELECT a.series, avg(abs(a.actual - b.actual)) AS scale
            FROM days a JOIN days b ON b.series = a.series AND b.ds = a.ds - INTERVAL '7' DAY
            WHERE a.ds BETWEEN :scaled AND :last AND b.ds BETWEEN :scaled AND :last
            GROUP BY 1
        ), tiered AS (
            SELECT own.*, scale.scale, s.tier FROM own JOIN names s ON s.series = own.series
            LEFT JOIN scale ON scale.series = own.series WHERE own.grp IS NOT NULL
        )
        SELECT grp, tier, count(*) AS series, sum(n) AS n, avg(error / nullif(scale, 0)) AS mase,
            avg(error / nullif(y, 0)) AS wape,
            avg(CASE WHEN tier = :large THEN percent END) AS mape,
            avg(in80) AS in80, avg(in95) AS in95
        FROM (SELECT * FROM tiered UNION ALL
              SELECT series, grp, n, error, y, in80, in95, percent, scale, :all FROM tiered)
        GROUP BY 1, 2""",  # noqa: S608 # whole numbers, written as such
        {"forecasts": _FORECASTS, "days": _ANOMALIES, "names": _SERIES},
        _span(last, days, (horizons[0][0], horizons[-1][1]))
        | {"scaled": last - timedelta(days=_SCALE_DAYS), "large": MAPE_TIER, "all": ALL_TIERS},
    )
    order = {name: place for place, name in enumerate((*TIER_NAMES, ALL_TIERS))}
    scored = [
        Accuracy(
            tier=each["tier"],
            horizon=tuple(horizons[each["grp"]]),
            series=each["series"],
            forecasts=int(each["n"]),
            mape=each["mape"] if each["tier"] == MAPE_TIER else None,
            wape=each["wape"],
            mase=each["mase"],
            coverage80=each["in80"],
            coverage95=each["in95"],
        )
        for each in rows(found)
    ]
    return sorted(scored, key=lambda each: (each.horizon, order.get(each.tier, -1)))


def read_city_error(source: Source, last: date, *, days: int) -> CityError:
    """The relative error of all requests together, 1 to 7 days ahead of the newest days."""
    found = source.query(
        f"""{_JUDGED} SELECT avg(abs(y - yhat) / nullif(y, 0)) AS mape, count(*) AS n FROM judged
        WHERE series = :city""",  # noqa: S608 # texts of this module
        {"forecasts": _FORECASTS, "days": _ANOMALIES},
        _span(last, days, WEEK_AHEAD) | {"city": CITY},
    )
    [row] = rows(found)
    return CityError(row["mape"], row["n"])


def _span(last: date, days: int, horizon: tuple[int, int]) -> dict[str, date | int | str]:
    first = last - timedelta(days=days - 1)
    nearest, furthest = horizon
    return {
        "first": first,
        "last": last,
        "earliest": first - timedelta(days=furthest),
        "nearest": nearest,
        "furthest": furthest,
    }
