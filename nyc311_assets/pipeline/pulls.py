"""A pull: what was expected of each of its days, and what landed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime

from nyc311_assets.pipeline.cities import City
from nyc311_assets.pipeline.soda.reconcile import DayReconciliation
from nyc311_assets.pipeline.soda.version import DatasetVersion


def published_at(city: City, version: DatasetVersion) -> datetime:
    """When a dataset was published, naive local time as its created_date is."""
    return version.rows_updated_at.astimezone(city.time_zone).replace(tzinfo=None)


@dataclass(frozen=True, slots=True)
class Provenance:
    """Where the rows of one request date came from.

    Attributes:
        dataset_id: The portal's four-by-four id.
        query: SoQL of the first page; None if none was asked for, because the source counted zero.
        page_sha256: SHA-256 of every answer that the rows came in, sorted.
        source_columns: SODA type of every column that the dataset had, by API name.
    """

    dataset_id: str
    query: str | None
    page_sha256: tuple[str, ...]
    source_columns: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class PulledDay(DayReconciliation):
    """One request date of a batch, as recorded in bronze.batches.

    Attributes:
        ingestion_date: Daily partition that its rows went to.
        source_reach: Newest created_date of its dataset up to its publication, naive local time.
        provenance: Where its rows came from; None where that was not recorded or not asked.
        held_back: Why its rows are kept out of silver although they landed; None if they are not.
        rows_without_day: Rows of its dataset whose created_date is null, outside the dataset's
            days or after its publication; None where that was not recorded or not asked.
    """

    ingestion_date: date
    source_reach: datetime | None
    provenance: Provenance | None = None
    held_back: str | None = None
    rows_without_day: int | None = None

    @property
    def is_usable(self) -> bool:
        """Whether its rows may go on to silver: they are whole, and not held back."""
        return self.is_reconciled and self.held_back is None

    @property
    def is_beyond_reach(self) -> bool:
        """The day begins after the newest row that the source has published."""
        return self.source_reach is None or self.request_date > self.source_reach.date()


@dataclass(frozen=True, slots=True)
class Batch:
    """One pull.

    Attributes:
        batch_id: Its id.
        source: Where the rows came from, for people.
        is_new: False if an earlier try had already landed it and nothing was fetched.
        dataset_version: Newest rowsUpdatedAt among the datasets, aware.
        source_reach: Newest created_date at the source up to its publication, naive local time.
        pulled_at: When the pull began, aware.
        days: The request dates, oldest first.
    """

    batch_id: str
    source: str
    is_new: bool
    dataset_version: datetime
    source_reach: datetime | None
    pulled_at: datetime
    days: tuple[PulledDay, ...]

    def of_partition(self, ingestion_date: date) -> tuple[PulledDay, ...]:
        """The request dates whose rows went to one partition."""
        return tuple(day for day in self.days if day.ingestion_date == ingestion_date)


@dataclass(frozen=True, slots=True)
class Pull:
    """What bronze.batches says of one ingestion date.

    Attributes:
        batch_id: Its newest whole batch.
        days: The request dates of that batch, oldest first.
        first_pulled_at: When its first whole batch began, aware.
    """

    batch_id: str
    days: tuple[PulledDay, ...]
    first_pulled_at: datetime
