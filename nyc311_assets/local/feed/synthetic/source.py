"""The feed's synthetic source: a stream computed from a seed and read by a clock."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from threading import Lock
from typing import Any

from nyc311_assets.local.feed.clock import Clock, system_clock
from nyc311_assets.local.feed.rows import Rows
from nyc311_assets.local.feed.source import Provenance, Publication, UnknownDataset
from nyc311_assets.local.feed.synthetic.calendar import (
    day_number,
    day_of,
    newest_publication,
    published_at,
)
from nyc311_assets.local.feed.synthetic.day import DayRequests, draw_day
from nyc311_assets.local.feed.synthetic.events import events
from nyc311_assets.local.feed.synthetic.figures import figures
from nyc311_assets.local.feed.synthetic.places import address_book
from nyc311_assets.local.feed.synthetic.state import SETTLED_AFTER_DAYS, visible_rows
from nyc311_assets.local.feed.synthetic.vocabulary import vocabulary
from nyc311_assets.local.feed.synthetic.volumes import Volumes, first_day
from nyc311_assets.pipeline.cities import NEW_YORK

DEFAULT_SEED = 311
# A day of 10,000 rows takes some 3 MB here.
_DAYS_KEPT = 48


class SyntheticSource:
    """A deterministic stream of requests for any day since 2020-01-01.

    What a day holds depends on the seed and the day alone. What of it is shown, and in which
    state, depends on the newest publication at the time of asking: see `calendar`.

    Args:
        seed: Another seed is another city with the same figures.
        clock: Tells which publication is the newest.
    """

    def __init__(self, seed: int = DEFAULT_SEED, clock: Clock = system_clock) -> None:
        self.seed = seed
        self._clock = clock
        self.volumes = Volumes(seed, figures())
        self._words = vocabulary(self.volumes.units, figures())
        self._addresses = address_book(seed, figures())
        self._shown: OrderedDict[tuple[int, date], Rows] = OrderedDict()
        self._lock = Lock()

    @property
    def provenance(self) -> Provenance:
        """Nobody's requests."""
        return "synthetic"

    def publication(self, dataset_id: str) -> Publication:
        """The newest published state of a dataset; that of 2010 to 2019 is empty.

        Raises:
            UnknownDataset: No such dataset.
        """
        older, current = NEW_YORK.datasets
        number = newest_publication(self.seed, self._clock())
        if dataset_id == current.dataset_id:
            return SyntheticPublication(self, number)
        if dataset_id == older.dataset_id:
            return EmptyPublication(published_at(self.seed, day_number(first_day())))
        raise UnknownDataset(dataset_id)

    def name(self, dataset_id: str) -> str:
        """A dataset's name for people."""
        if dataset_id == NEW_YORK.datasets[0].dataset_id:
            return "Synthetic 311 Service Requests from 2010 to 2019 (empty)"
        return "Synthetic 311 Service Requests from 2020 to Present"

    def description(self) -> Mapping[str, Any]:
        """The seed."""
        return {"seed": self.seed, "files": []}

    def events(self, first: date, last: date) -> Sequence[Mapping[str, Any]]:
        """The injected events that touch a range of days."""
        return [event.as_json() for event in events(self.seed, first, last)]

    def requests(self, day: date) -> DayRequests:
        """A day's requests with their whole lives."""
        return draw_day(day, self.volumes, self._words, self._addresses)

    def rows(self, publication: int, day: date) -> Rows:
        """What a publication shows of a day; the days asked for last are kept."""
        key = (publication, day)
        with self._lock:
            if key in self._shown:
                self._shown.move_to_end(key)
                return self._shown[key]
        rows = visible_rows(
            self.requests(day),
            publication,
            seed=self.seed,
            words=self._words,
            addresses=self._addresses,
        )
        with self._lock:
            self._shown[key] = rows
            while len(self._shown) > _DAYS_KEPT:
                self._shown.popitem(last=False)
        return rows


@dataclass(frozen=True, slots=True)
class SyntheticPublication:
    """The current dataset as one publication shows it."""

    source: SyntheticSource
    number: int

    @property
    def rows_updated_at(self) -> datetime:
        """When it came."""
        return published_at(self.source.seed, self.number)

    @property
    def days(self) -> tuple[date, date] | None:
        """From 2020 to the publication's own day, of which it shows the first hours."""
        last = day_of(self.number)
        return (first_day(), last) if last >= first_day() else None

    def rows(self, day: date) -> Rows:
        """The rows of a day."""
        return self.source.rows(self.number, day)

    def row_count(self, day: date) -> int:
        """The rows of a day: once it has settled, without drawing them."""
        if self.number >= day_number(day + timedelta(days=SETTLED_AFTER_DAYS)):
            return self.source.volumes.row_count(day)
        return len(self.rows(day))


@dataclass(frozen=True, slots=True)
class EmptyPublication:
    """A dataset without rows."""

    rows_updated_at: datetime

    @property
    def days(self) -> tuple[date, date] | None:
        """None: there are no rows."""
        return None

    def rows(self, day: date) -> Rows:  # noqa: ARG002 - the protocol has it
        """No rows."""
        return Rows(0, {})

    def row_count(self, day: date) -> int:  # noqa: ARG002 - the protocol has it
        """None."""
        return 0
