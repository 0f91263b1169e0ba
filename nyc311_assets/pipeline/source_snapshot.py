"""What the source says of itself before its rows are read."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Any, Self
from urllib.parse import urlsplit

from nyc311_assets.pipeline.cities import City, Dataset
from nyc311_assets.pipeline.pulls import published_at
from nyc311_assets.pipeline.soda.client import SodaClient
from nyc311_assets.pipeline.soda.errors import EmptyPullError
from nyc311_assets.pipeline.soda.version import DatasetVersion

_LOCAL_HOSTS = {"127.0.0.1", "localhost", "::1"}


class SourceMixed(RuntimeError):
    """Rows of two different sources would land in one lakehouse."""


@dataclass(frozen=True, slots=True)
class SourceSnapshot:
    """The publication that a pull reads, and what is expected of it.

    Attributes:
        asked_at: When the source was asked, aware.
        source: Name of the source, which tells a city's own rows from made-up ones.
        versions: Each dataset's published state, by dataset id.
        reach: Newest created_date of each up to its publication, naive local time.
        rows_without_day: Rows of each that were created on no day of it.
        expected: The source's own count of each request date.
    """

    asked_at: datetime
    source: str
    versions: Mapping[str, DatasetVersion]
    reach: Mapping[str, datetime | None]
    rows_without_day: Mapping[str, int]
    expected: Mapping[date, int]

    @property
    def cache_source(self) -> str | None:
        """A name under which cached answers stay good when an embedded feed changes its port."""
        names = ", ".join(sorted({version.name for version in self.versions.values()}))
        return f"{self.source}: {names}" if self.source == "synthetic" else None

    def to_json(self) -> dict[str, Any]:
        """A value that JSON can hold, for `from_json`."""
        return {
            "asked_at": self.asked_at.isoformat(),
            "source": self.source,
            "versions": [version.to_json() for version in self.versions.values()],
            "reach": {id_: at and at.isoformat() for id_, at in self.reach.items()},
            "rows_without_day": dict(self.rows_without_day),
            "expected": {day.isoformat(): rows for day, rows in self.expected.items()},
        }

    @classmethod
    def from_json(cls, value: dict[str, Any]) -> Self:
        """The snapshot that `to_json` wrote."""
        versions = [DatasetVersion.from_json(each) for each in value["versions"]]
        return cls(
            asked_at=datetime.fromisoformat(value["asked_at"]),
            source=value["source"],
            versions={version.dataset_id: version for version in versions},
            reach={id_: at and datetime.fromisoformat(at) for id_, at in value["reach"].items()},
            rows_without_day=value["rows_without_day"],
            expected={date.fromisoformat(day): rows for day, rows in value["expected"].items()},
        )


def take_snapshot(
    city: City,
    client: SodaClient,
    url: str,
    request_dates: Iterable[date],
    known_sources: set[str],
    *,
    now: datetime,
) -> SourceSnapshot:
    """Ask the source for its state and for the counts of some request dates.

    Args:
        city: Whose requests they are.
        client: Asks.
        url: Base address that the client asks at, for names and messages.
        request_dates: The days whose rows are to be read.
        known_sources: Names of the sources whose rows the lakehouse holds.
        now: The time, aware.

    Raises:
        SourceMixed: The lakehouse holds rows of another source.
        EmptyPullError: The source has no row for any of the request dates.
        SodaError: The source did not answer as it should.
    """
    datasets = by_dataset(city, request_dates)
    versions = {dataset_id: client.dataset_version(dataset_id) for dataset_id in datasets}
    source = _one_source(known_sources, url, versions.values())
    published = {id_: published_at(city, version) for id_, version in versions.items()}
    reach = {dataset_id: client.reach(dataset_id, until) for dataset_id, until in published.items()}
    rows_without_day = {
        dataset.dataset_id: client.rows_without_day(
            dataset.dataset_id,
            dataset.first_date,
            _last_moment(dataset, published[dataset.dataset_id]),
        )
        for dataset in city.datasets
        if dataset.dataset_id in datasets
    }
    expected = count_rows(client, datasets)
    if not any(expected.values()):
        newest = max(filter(None, reach.values()), default=None)
        raise EmptyPullError(
            f"{source} has no row for {min(expected)} to {max(expected)} (its newest is of "
            f"{newest}). Nothing was written. Choose partitions that the source has published, or "
            "wait until it publishes them."
        )
    return SourceSnapshot(now, source, versions, reach, rows_without_day, expected)


def by_dataset(city: City, request_dates: Iterable[date]) -> dict[str, list[date]]:
    """The request dates that each dataset holds."""
    datasets: dict[str, list[date]] = {}
    for request_date in request_dates:
        datasets.setdefault(city.dataset_for(request_date).dataset_id, []).append(request_date)
    return datasets


def count_rows(client: SodaClient, datasets: Mapping[str, list[date]]) -> dict[date, int]:
    """The source's own count of each request date, asked of the dataset that holds it."""
    counts: dict[date, int] = {}
    for dataset_id, days in datasets.items():
        wanted = set(days)
        per_day = client.rows_per_day(dataset_id, min(days), max(days))
        counts.update({day: count for day, count in per_day.items() if day in wanted})
    return counts


def _source_name(url: str, version: DatasetVersion) -> str:
    """Name of a source that tells a city's own rows from made-up ones."""
    host = urlsplit(url).hostname or url
    return version.provenance if host in _LOCAL_HOSTS else host


def _last_moment(dataset: Dataset, published: datetime) -> datetime:
    """The last moment at which a row of a dataset can have been created, naive local time."""
    if dataset.last_date is None:
        return published
    # SODA's times are in milliseconds.
    end = datetime.combine(dataset.last_date + timedelta(days=1), time.min)
    return min(published, end - timedelta(milliseconds=1))


def _one_source(known: set[str], url: str, versions: Iterable[DatasetVersion]) -> str:
    sources = {_source_name(url, version) for version in versions}
    if len(sources | known) > 1:
        raise SourceMixed(
            f"This lakehouse holds rows of {', '.join(sorted(known)) or 'no source'}; "
            f"the configured source is {', '.join(sorted(sources))} at {url}. "
            "Use another NYC311_HOME (or catalog) for each source: mixed rows cannot be told apart."
        )
    return sources.pop()
