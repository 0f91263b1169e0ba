"""The shape of a city: its datasets, fields, clock and places."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, time, timedelta
from typing import Literal
from zoneinfo import ZoneInfo

from holidays import country_holidays

SodaType = Literal["text", "floating_timestamp", "number", "point"]


@dataclass(frozen=True, slots=True)
class Field:
    """One column of the source, by its API name and its SODA type."""

    name: str
    soda_type: SodaType


@dataclass(frozen=True, slots=True)
class Dataset:
    """One dataset of the portal and the request dates it holds.

    Attributes:
        dataset_id: The portal's four-by-four id.
        first_date: First request date it holds.
        last_date: Last request date it holds; None while it is still being written.
        absent_fields: Fields of the city that it has never had.
        other_types: SODA types of the fields that have another type here than the city says.
    """

    dataset_id: str
    first_date: date
    last_date: date | None
    absent_fields: frozenset[str] = frozenset()
    other_types: Mapping[str, str] = field(default_factory=dict)

    def holds(self, request_date: date) -> bool:
        """Whether requests created on this local date are in this dataset."""
        return self.first_date <= request_date and (
            self.last_date is None or request_date <= self.last_date
        )


@dataclass(frozen=True, slots=True, eq=False)
class ComplaintTypes:
    """The source's vocabulary of complaint types over the years.

    Attributes:
        known: Today's names.
        renamed: Older name -> today's name, whatever the agency.
        renamed_at: Agency -> older name -> today's name, where only that agency's use of the
            name is a rename. Goes before `renamed`.
        retired: Names that are no longer given out and have no successor.
    """

    known: frozenset[str]
    renamed: Mapping[str, str]
    renamed_at: Mapping[str, Mapping[str, str]]
    retired: frozenset[str]


@dataclass(frozen=True, slots=True, eq=False)
class BoroughClues:
    """How a place tells its borough when the source does not name it.

    Attributes:
        shared_boards: Community boards that serve more than their own borough, as number and
            borough without leading zeros ("8 BRONX"); they decide nothing.
        zip_prefixes: First three digits of a ZIP code -> borough.
        zip_codes: Whole ZIP code -> borough, or None where it decides nothing; goes before
            `zip_prefixes`.
        boundaries_file: GeoJSON of the boroughs, beside this module; see `boundaries`.
    """

    shared_boards: frozenset[str]
    zip_prefixes: Mapping[str, str]
    zip_codes: Mapping[str, str | None]
    boundaries_file: str


@dataclass(frozen=True, slots=True)
class City:
    """A city's 311 source and everything the pipeline must know about it.

    Attributes:
        name: Name for people.
        portal_url: Base address of the public SODA endpoint.
        time_zone: IANA zone in which the source's naive timestamps are wall time.
        datasets: The datasets, in the order of their dates, without overlap.
        fields: Every column of the source, in its order.
        complaint_types: Its vocabulary of complaint types, today's and earlier ones.
        boroughs: Canonical names of the top-level districts, without "Unspecified".
        borough_clues: What else tells a request's borough.
        publication_time: Local time at which the source usually publishes a day, on the day after.
        settling_days: Days after which a request date no longer changes enough to matter.
        lookback_days: Request dates before the ingestion date that each pull covers again.
        country: ISO 3166-1 code of the country whose public holidays it keeps.
        subdivision: ISO 3166-2 code of a part of it with holidays of its own; None for the
            national ones alone.
    """

    name: str
    portal_url: str
    time_zone: ZoneInfo
    datasets: tuple[Dataset, ...]
    fields: tuple[Field, ...]
    complaint_types: ComplaintTypes
    boroughs: tuple[str, ...]
    borough_clues: BoroughClues
    publication_time: time
    settling_days: int
    lookback_days: int
    country: str
    subdivision: str | None = None

    def holidays(self, first: date, last: date) -> dict[date, str]:
        """Public holidays from one day to another, both included: day -> name."""
        calendar = country_holidays(
            self.country, subdiv=self.subdivision, years=range(first.year, last.year + 1)
        )
        return {day: name for day, name in sorted(calendar.items()) if first <= day <= last}

    @property
    def known_types(self) -> frozenset[str]:
        """Today's complaint types, against which drift of the vocabulary is measured."""
        return self.complaint_types.known

    @property
    def retired_types(self) -> frozenset[str]:
        """Complaint types that are no longer given out and have no successor."""
        return self.complaint_types.retired

    def dataset_for(self, request_date: date) -> Dataset:
        """The dataset that holds a request date.

        Raises:
            ValueError: No dataset holds that date.
        """
        for dataset in self.datasets:
            if dataset.holds(request_date):
                return dataset
        raise ValueError(
            f"{self.name} has no dataset for requests of {request_date}: "
            f"its first date is {self.datasets[0].first_date}. Choose a later date."
        )

    def expected_types(self, dataset_id: str) -> dict[str, str]:
        """SODA type of every field that a dataset is expected to have, by API name.

        Raises:
            ValueError: The city has no such dataset.
        """
        for dataset in self.datasets:
            if dataset.dataset_id == dataset_id:
                return {
                    field_.name: dataset.other_types.get(field_.name, field_.soda_type)
                    for field_ in self.fields
                    if field_.name not in dataset.absent_fields
                }
        raise ValueError(
            f"{self.name} has no dataset {dataset_id}. Its datasets are "
            f"{', '.join(dataset.dataset_id for dataset in self.datasets)}."
        )

    def pulled_by(self, ingestion_date: date) -> tuple[date, ...]:
        """The request dates that one daily partition pulls, oldest first."""
        return tuple(
            ingestion_date - timedelta(days=age) for age in range(self.lookback_days, -1, -1)
        )
