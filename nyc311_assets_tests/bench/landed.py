"""Pages of the embedded feed, landed once: what both sides of the medallion's measurement read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

from nyc311_assets.local.feed.server import running_feed
from nyc311_assets.local.feed.synthetic.source import SyntheticSource
from nyc311_assets.pipeline.bronze import Fetch
from nyc311_assets.pipeline.cities import NEW_YORK
from nyc311_assets.pipeline.pulls import published_at
from nyc311_assets.pipeline.soda.cache import AnswerCache
from nyc311_assets.pipeline.soda.client import SodaClient
from nyc311_assets.pipeline.soda.queries import page_query
from nyc311_assets.pipeline.soda.version import DatasetVersion

# The feed's clock: what it shows of each day does not depend on when the measurement is made.
NOW = datetime(2026, 6, 20, 12, tzinfo=UTC)
LAST_DAY = date(2026, 6, 18)
DATASET = NEW_YORK.datasets[-1].dataset_id
PARALLEL_READS = 2
_PAGE_SIZE = 50_000


@dataclass(frozen=True)
class Landed:
    """Pages on disk, twice: as the answer cache keeps them, and as plain JSON for DuckDB.

    Attributes:
        folder: Where they are.
        url: Address that they came from.
        version: The dataset's version.
        reach: Newest creation time in the dataset.
        rows_per_day: Rows of each request day.
    """

    folder: Path
    url: str
    version: DatasetVersion
    reach: datetime
    rows_per_day: Mapping[date, int]

    @property
    def rows(self) -> int:
        """All of them."""
        return sum(self.rows_per_day.values())

    @property
    def days(self) -> list[date]:
        """The request days, oldest first."""
        return sorted(self.rows_per_day)

    @property
    def plain(self) -> Path:
        """Folder of `<request day>.json`."""
        return self.folder / "plain"

    def fetch(self, progress: Path) -> Fetch:
        """How the bronze step reads them: from the cache, asking nothing."""
        return Fetch(self.url, None, PARALLEL_READS, self.folder / "cache", progress)

    def client(self) -> SodaClient:
        """A client that knows what the source said of itself."""
        return _LandedSource(self)


class _LandedSource(SodaClient):
    def __init__(self, landed: Landed) -> None:
        super().__init__(landed.url)
        self._landed = landed

    def dataset_version(self, dataset_id: str) -> DatasetVersion:
        assert dataset_id == DATASET
        return self._landed.version

    def reach(
        self,
        dataset_id: str,
        until: datetime,  # noqa: ARG002  (nothing is later)
    ) -> datetime | None:
        assert dataset_id == DATASET
        return self._landed.reach

    def rows_without_day(
        self,
        dataset_id: str,
        first: date,  # noqa: ARG002  (nothing is earlier)
        until: datetime,  # noqa: ARG002  (nothing is later)
    ) -> int:
        assert dataset_id == DATASET
        return 0

    def rows_per_day(
        self,
        dataset_id: str,  # noqa: ARG002  (there is one)
        first: date,
        last: date,
        *,
        reads: int = 2,  # noqa: ARG002  (they all agree)
    ) -> dict[date, int]:
        return {day: n for day, n in self._landed.rows_per_day.items() if first <= day <= last}


def land(days: int, folder: Path, last: date = LAST_DAY, now: datetime = NOW) -> Landed:
    """Fetch the last days of the synthetic stream, once.

    Args:
        days: How many.
        folder: Where the pages go.
        last: The last one.
        now: The feed's clock: another hour of a young day is another state of its requests.
    """
    wanted = [last - timedelta(days=age) for age in range(days)]
    with (
        running_feed(SyntheticSource(clock=lambda: now)) as feed,
        SodaClient(feed.url) as asking,
    ):
        version = asking.dataset_version(DATASET)
        cache = AnswerCache(folder / "cache", _cache_source(version))
        reach = asking.reach(DATASET, published_at(NEW_YORK, version))
        assert reach is not None
        landed = Landed(folder, feed.url, version, reach, {})
        landed.plain.mkdir(parents=True)
        rows_per_day = {}
        with SodaClient(feed.url, cache=cache) as client:
            for day in wanted:
                rows_per_day[day] = sum(
                    page.row_count for page in client.pages(DATASET, day, version)
                )
                body = cache.get(page_query(DATASET, day, version.columns, _PAGE_SIZE), version)
                assert body is not None
                (landed.plain / f"{day}.json").write_bytes(body)
    return Landed(folder, feed.url, version, reach, rows_per_day)


def _cache_source(version: DatasetVersion) -> str:
    return f"synthetic: {version.name}"
