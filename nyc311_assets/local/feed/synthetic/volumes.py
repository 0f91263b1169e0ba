"""How many requests a day has: per type and agency, and per borough."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt

from nyc311_assets.local.feed.synthetic.calendar import day_number, day_of, holidays
from nyc311_assets.local.feed.synthetic.events import Event, events
from nyc311_assets.pipeline.cities import NEW_YORK

Floats = npt.NDArray[np.float64]
Int64s = npt.NDArray[np.int64]

PLACES = (*NEW_YORK.boroughs, "Unspecified")
DUPLICATE_SHARE = 0.0002

_STREAM_COUNTS, _STREAM_DRIFT, _STREAM_SPELLS = 31, 32, 33
_DAYS_OF_YEAR = 365.25
_PER_MILLE = 1000
# After the last measured month the city grows as it did from 2023 to 2025.
_LATER_GROWTH = 1.04
# A level that wanders by some 6 % over months; chosen, as no measured series is long enough.
_DRIFT_KNOT_DAYS, _DRIFT_DEVIATION = 28, 0.06
# Cold comes in spells: of the measured dispersion of HEAT/HOT WATER most is shared by days.
_SPELL_KNOT_DAYS, _SPELL_DEVIATION = 6, 0.3
_HEAT_DAILY_DISPERSION = 25.0
# Half of a type's measured variance is that of its boroughs, unless they are too few to carry it.
_BOROUGH_SHARE_OF_VARIANCE = 0.5
_LEAST_BOROUGH_DISPERSION = 20.0

# Measured against the same weekday a week and a fortnight before and after: Noise - Street/
# Sidewalk on the holidays of 2023 and 2024, Illegal Parking and HEAT/HOT WATER on all of them.
_NOISE_ON_HOLIDAYS = {
    "Independence": 3.4,
    "New Year": 2.7,
    "Labor": 3.1,
    "Thanksgiving": 1.4,
    "Christmas": 1.4,
    "Memorial": 1.5,
}
_NOISE_ON_OTHER_HOLIDAYS = 1.2
_PARKING_ON_HOLIDAYS = 0.75
_PARKING_AT_NEW_YEAR = 0.99
_HEAT_ON_HOLIDAYS = 0.75
_SUNDAY = 6


@dataclass(frozen=True, slots=True)
class Unit:
    """A complaint type of an agency: the smallest thing that has a rate of its own."""

    complaint_type: str
    agency: str
    weekday: str
    season: str


class Volumes:
    """Expected and drawn numbers of requests.

    Args:
        seed: Everything drawn depends on it and on the day alone.
        figures: The measured table.
    """

    def __init__(self, seed: int, figures: Mapping[str, Any]) -> None:
        records: Sequence[Mapping[str, Any]] = figures["units"]
        self.seed = seed
        self.units = [
            Unit(record["type"], record["agency"], record["weekday"], record["season"])
            for record in records
        ]
        self._rates = np.array([record["rate"] for record in records])
        self._places = np.array([record["places"] for record in records])
        self._hours = np.array([record["hours"] for record in records], dtype=np.float64)
        self._hours /= self._hours.sum(axis=1, keepdims=True)
        self._weekdays = np.array([figures["weekdays"][u.weekday] for u in self.units]) / _PER_MILLE
        self._seasons = np.array([figures["seasons"][u.season] for u in self.units]) / _PER_MILLE
        measured = np.array([_dispersion(u, figures["dispersions"]) for u in self.units])
        # A type's count is the sum of its boroughs': their noise partly cancels in it.
        concentration = (self._places**2).sum(axis=1)
        self._borough_dispersions = np.maximum(
            concentration * measured / _BOROUGH_SHARE_OF_VARIANCE, _LEAST_BOROUGH_DISPERSION
        )
        self._city_dispersions = 1 / (1 / measured - concentration / self._borough_dispersions)
        self._is_noise = np.array([u.complaint_type.startswith("Noise -") for u in self.units])
        self._is_heat = np.array([u.season == "heat" for u in self.units])
        self._is_parking = np.array(
            [u.complaint_type in ("Illegal Parking", "Blocked Driveway") for u in self.units]
        )
        self._levels = _Levels(figures["totals"], self._rates @ self._seasons)
        self._knots = lru_cache(maxsize=512)(self._drawn_knots)
        self.row_count = lru_cache(maxsize=8192)(self._row_count)

    def usual(self, day: date) -> Floats:
        """Requests per unit that the measured figures make a day expect."""
        rates: Floats = self._rates * self._levels.at(day) * self._season(day) * self._weekday(day)
        return rates

    def expected(self, day: date) -> Floats:
        """Requests per unit and place (units x 6) around which a day is drawn.

        The usual ones, moved by each unit's wandering level and by the events of the day.
        """
        rates = self.usual(day) * np.exp(self._drift(day))
        table: Floats = rates[:, None] * self._places
        for event in events(self.seed, day, day):
            table[self._moved(event)] *= self._event_factor(event, day)
        return table

    def counts(self, day: date) -> Int64s:
        """Drawn requests per unit and place (units x 6).

        Negative binomial, as a Poisson number around a gamma rate: one gamma per unit and day,
        with the measured dispersion, and a smaller one per borough.
        """
        draw = np.random.default_rng([self.seed, _STREAM_COUNTS, day_number(day)])
        city = draw.gamma(self._city_dispersions, 1 / self._city_dispersions)
        local = np.broadcast_to(self._borough_dispersions[:, None], self._places.shape)
        boroughs = draw.gamma(local, 1 / local)
        drawn: Int64s = draw.poisson(self.expected(day) * city[:, None] * boroughs)
        return drawn

    def duplicates(self, day: date, requests: int) -> int:
        """How many of a day's requests the source holds twice."""
        draw = np.random.default_rng([self.seed, _STREAM_COUNTS, day_number(day), 1])
        return int(draw.binomial(requests, DUPLICATE_SHARE))

    def hours(self, day: date) -> Floats:
        """Shares of each unit's requests per hour of a day (units x 24)."""
        shares = self._hours.copy()
        for event in events(self.seed, day, day):
            if event.kind == "outage":
                units, _ = self._moved(event)
                shares[units[:, 0], event.start.hour : event.end.hour] *= event.factor(day)
        found: Floats = shares / shares.sum(axis=1, keepdims=True)
        return found

    def _row_count(self, day: date) -> int:
        requests = int(self.counts(day).sum())
        return requests + self.duplicates(day, requests)

    def _moved(self, event: Event) -> tuple[Int64s, Int64s]:
        units = [
            number
            for number, unit in enumerate(self.units)
            if unit.complaint_type in event.complaint_types or unit.agency in event.agencies
        ]
        places = [PLACES.index(borough) for borough in event.boroughs]
        grid = np.ix_(np.array(units, dtype=np.int64), np.array(places, dtype=np.int64))
        return grid[0], grid[1]

    def _event_factor(self, event: Event, day: date) -> Floats | float:
        factor = event.factor(day)
        if event.kind != "outage":
            return factor
        units, _ = self._moved(event)
        lost = self._hours[units[:, 0], event.start.hour : event.end.hour].sum(axis=1)
        remaining: Floats = 1 - lost * (1 - factor)
        return remaining[:, None]

    def _season(self, day: date) -> Floats:
        """Monthly factors, joined by straight lines from mid-month to mid-month."""
        position = (day.timetuple().tm_yday - 0.5) / _DAYS_OF_YEAR * 12 - 0.5
        month = int(np.floor(position))
        share = position - month
        found: Floats = (
            self._seasons[:, month % 12] * (1 - share) + self._seasons[:, (month + 1) % 12] * share
        )
        return found

    def _weekday(self, day: date) -> Floats:
        factors: Floats = self._weekdays[:, day.weekday()]
        holiday = holidays(day.year).get(day)
        if holiday is None:
            return factors
        noise = _NOISE_ON_HOLIDAYS.get(holiday, _NOISE_ON_OTHER_HOLIDAYS)
        parking = _PARKING_AT_NEW_YEAR if holiday == "New Year" else _PARKING_ON_HOLIDAYS
        closed_offices = np.minimum(factors, self._weekdays[:, _SUNDAY])
        found: Floats = np.select(
            [self._is_noise, self._is_parking, self._is_heat],
            [factors * noise, factors * parking, factors * _HEAT_ON_HOLIDAYS],
            closed_offices,
        )
        return found

    def _drift(self, day: date) -> Floats:
        """Logarithm of each unit's wandering level."""
        slow = self._wander(_STREAM_DRIFT, day, _DRIFT_KNOT_DAYS) * _DRIFT_DEVIATION
        spells = self._wander(_STREAM_SPELLS, day, _SPELL_KNOT_DAYS) * _SPELL_DEVIATION
        # The mean of a lognormal stays 1.
        cold = np.where(self._is_heat, spells - _SPELL_DEVIATION**2 / 3, 0.0)
        found: Floats = slow + cold
        return found

    def _wander(self, stream: int, day: date, knot_days: int) -> Floats:
        knot, age = divmod(day_number(day), knot_days)
        share = age / knot_days
        found: Floats = (
            self._knots(stream, knot) * (1 - share) + self._knots(stream, knot + 1) * share
        )
        return found

    def _drawn_knots(self, stream: int, knot: int) -> Floats:
        return np.random.default_rng([self.seed, stream, knot]).standard_normal(len(self.units))


def _dispersion(unit: Unit, measured: Mapping[str, float]) -> float:
    if unit.season == "heat":
        return _HEAT_DAILY_DISPERSION
    if unit.complaint_type in measured:
        return measured[unit.complaint_type]
    if unit.weekday == "Noise - Residential":
        return measured[unit.weekday]
    # The categories are sums of many types; a type of its own varies as the measured types do.
    types = [value for name, value in measured.items() if name != name.upper()]
    return float(np.median(types))


class _Levels:
    """Requests of an average day relative to the units' rates, through measured totals.

    The logarithm runs straight between the middles of the measured periods: years to 2025, then
    months.
    """

    def __init__(self, totals: Mapping[str, int], monthly_rates: Floats) -> None:
        knots: dict[float, float] = {}
        for period, total in totals.items():
            year, _, month = period.partition("-")
            first = date(int(year), int(month or 1), 1)
            after = (
                date(int(year) + 1, 1, 1)
                if not month
                else (first + timedelta(days=31)).replace(day=1)
            )
            months = range(12) if not month else [int(month) - 1]
            modelled = float(np.mean([monthly_rates[number] for number in months]))
            days = (after - first).days
            knots[day_number(first) + days / 2] = float(np.log(total / days / modelled))
        last_day = max(knots)
        recent = [level for day, level in knots.items() if day > last_day - _DAYS_OF_YEAR * 0.75]
        # The last months may be off season: what follows grows from their mean.
        yearly = float(np.log(_LATER_GROWTH))
        for year_number in range(1, 51):
            knots[last_day + year_number * _DAYS_OF_YEAR] = float(np.mean(recent)) + yearly * (
                year_number + 0.5
            )
        self._days = np.array(list(knots))
        self._levels = np.array(list(knots.values()))

    def at(self, day: date) -> float:
        """The level of a day."""
        return float(np.exp(np.interp(day_number(day) + 0.5, self._days, self._levels)))


def first_day() -> date:
    """The first day of the stream: that of the dataset which is still written."""
    return NEW_YORK.datasets[-1].first_date


def days_between(first: int, last: int) -> Sequence[date]:
    """The days of a range of day numbers, both included."""
    return [day_of(number) for number in range(first, last + 1)]
