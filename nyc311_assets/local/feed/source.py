"""What the feed serves from: a source of rows, and one published state of a dataset in it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import Any, Literal, Protocol

from nyc311_assets.local.feed.rows import Rows

Provenance = Literal["synthetic", "files"]


class UnknownDataset(KeyError):
    """No dataset of this id is served."""

    def __init__(self, dataset_id: str) -> None:
        super().__init__(dataset_id)
        self.dataset_id = dataset_id


class Publication(Protocol):
    """One published state of one dataset. Every answer to a request comes from just one."""

    @property
    def rows_updated_at(self) -> datetime:
        """When the source published this state, aware."""
        ...

    @property
    def days(self) -> tuple[date, date] | None:
        """First and last local day that can have rows; None for an empty dataset."""
        ...

    def rows(self, day: date) -> Rows:
        """The rows created on a local day, in the order of `(created_date, :id)`."""
        ...

    def row_count(self, day: date) -> int:
        """How many rows a day has; far cheaper than the rows where the source can manage it."""
        ...


class FeedSource(Protocol):
    """Where the feed's rows come from."""

    @property
    def provenance(self) -> Provenance:
        """What the rows are; the city's own portal says "official"."""
        ...

    def publication(self, dataset_id: str) -> Publication:
        """The newest published state of a dataset.

        Raises:
            UnknownDataset: No such dataset.
        """
        ...

    def name(self, dataset_id: str) -> str:
        """A dataset's name for people, which says what its rows are."""
        ...

    def description(self) -> Mapping[str, Any]:
        """What is served, for the health answer: `seed`, `files` and the like."""
        ...

    def events(self, first: date, last: date) -> Sequence[Mapping[str, Any]]:
        """Injected events that touch a range of days; none for real rows."""
        ...
