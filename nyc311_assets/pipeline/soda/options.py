"""The options of `spark.read.format("soda")`: a value that fits into Spark's strings."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Self

import orjson

from nyc311_assets.pipeline.cities import City
from nyc311_assets.pipeline.soda.cache import AnswerCache
from nyc311_assets.pipeline.soda.client import SodaClient
from nyc311_assets.pipeline.soda.version import DatasetVersion

PAGE_SIZE = 50_000
PARALLEL_REQUESTS = 4


@dataclass(frozen=True, slots=True)
class RequestDay:
    """One request day and the dataset that holds it."""

    request_date: date
    dataset_id: str


@dataclass(frozen=True, slots=True)
class SodaOptions:
    """What a read needs to know, settled once so that all its tasks read the same.

    Attributes:
        url: The portal's address.
        app_token: Socrata app token. The name is one that Spark's own redaction hides.
        days: The request days to read, each once.
        versions: The version of every dataset that the days need, by dataset id.
        page_size: Most rows asked for at once.
        parallel_requests: Most requests to the source at one time.
        cache_path: Folder of the answer cache; None: no cache.
        cache_source: Name of the source in the cache; None: its address.
        progress_path: Folder of the progress markers; None: none are written.
        rows_per_day: The source's own count of each day, as SodaClient.rows_per_day gives it. With
            it a day that comes short is read once more and not cached, a day of zero rows is not
            asked for at all, and the days are spread evenly. May be empty.
    """

    url: str
    days: tuple[RequestDay, ...]
    versions: Mapping[str, DatasetVersion]
    app_token: str | None = field(default=None, repr=False)
    page_size: int = PAGE_SIZE
    parallel_requests: int = PARALLEL_REQUESTS
    cache_path: Path | None = None
    cache_source: str | None = None
    progress_path: Path | None = None
    rows_per_day: Mapping[date, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not self.days:
            raise ValueError("A SODA read needs at least one request day in request_dates.")
        missing = sorted({day.dataset_id for day in self.days} - set(self.versions))
        if missing:
            raise ValueError(
                f"A SODA read needs the version of dataset {', '.join(missing)}. "
                "Ask for it with SodaClient.dataset_version."
            )
        if self.parallel_requests < 1 or self.page_size < 1:
            raise ValueError("parallel_requests and page_size must be at least 1.")

    def to_spark(self) -> dict[str, str]:
        """The options as Spark takes them. Those that are not set are left out."""
        values: dict[str, str | None] = {
            "url": self.url,
            "app_token": self.app_token,
            "request_dates": ",".join(day.request_date.isoformat() for day in self.days),
            "datasets": ",".join(day.dataset_id for day in self.days),
            "versions": _json_text({key: v.to_json() for key, v in self.versions.items()}),
            "page_size": str(self.page_size),
            "parallel_requests": str(self.parallel_requests),
            "cache_path": None if self.cache_path is None else str(self.cache_path),
            "cache_source": self.cache_source,
            "progress_path": None if self.progress_path is None else str(self.progress_path),
            "rows_per_day": _json_text(
                {day.isoformat(): rows for day, rows in self.rows_per_day.items()}
            ),
        }
        return {name: value for name, value in values.items() if value is not None}

    @classmethod
    def from_spark(cls, options: Mapping[str, str]) -> Self:
        """The options that `to_spark` wrote.

        Raises:
            ValueError: One is missing or cannot be read.
        """
        required = ("url", "request_dates", "datasets", "versions")
        missing = [name for name in required if not options.get(name)]
        if missing:
            raise ValueError(
                f"The soda data source needs the option {', '.join(missing)}. "
                "Build its options with nyc311_assets.pipeline.soda.options.soda_options."
            )
        dates = [date.fromisoformat(text) for text in options["request_dates"].split(",")]
        dataset_ids = options["datasets"].split(",")
        versions = orjson.loads(options["versions"])
        rows_per_day = orjson.loads(options.get("rows_per_day") or "{}")
        return cls(
            url=options["url"],
            app_token=options.get("app_token"),
            days=tuple(
                RequestDay(day, dataset_id)
                for day, dataset_id in zip(dates, dataset_ids, strict=True)
            ),
            versions={key: DatasetVersion.from_json(value) for key, value in versions.items()},
            page_size=int(options.get("page_size") or PAGE_SIZE),
            parallel_requests=int(options.get("parallel_requests") or PARALLEL_REQUESTS),
            cache_path=_path(options.get("cache_path")),
            cache_source=options.get("cache_source"),
            progress_path=_path(options.get("progress_path")),
            rows_per_day={date.fromisoformat(day): rows for day, rows in rows_per_day.items()},
        )

    def client(self) -> SodaClient:
        """A client of the source. Close it after use."""
        return SodaClient(
            self.url,
            app_token=self.app_token,
            page_size=self.page_size,
            cache=(
                AnswerCache(self.cache_path, self.cache_source or self.url)
                if self.cache_path is not None
                else None
            ),
        )

    def shares(self) -> list[tuple[RequestDay, ...]]:
        """The days dealt out to at most `parallel_requests` tasks.

        The largest day first, each to the task with the fewest rows so far ("longest processing
        time first"). A day of unknown size counts as one row, so that without counts every task
        gets as many days as the others.
        """
        loads = [0] * min(self.parallel_requests, len(self.days))
        shares: list[list[RequestDay]] = [[] for _ in loads]
        sizes = {day: max(1, self.rows_per_day.get(day.request_date, 1)) for day in self.days}
        for day in sorted(self.days, key=lambda day: (-sizes[day], day.request_date)):
            lightest = loads.index(min(loads))
            loads[lightest] += sizes[day]
            shares[lightest].append(day)
        return [tuple(sorted(share, key=lambda day: day.request_date)) for share in shares]


def request_days(city: City, request_dates: Iterable[date]) -> tuple[RequestDay, ...]:
    """Each request date once, oldest first, with the dataset of the city that holds it.

    Raises:
        ValueError: No dataset of the city holds a date.
    """
    return tuple(
        RequestDay(day, city.dataset_for(day).dataset_id) for day in sorted(set(request_dates))
    )


def soda_options(
    city: City,
    *,
    url: str,
    request_dates: Iterable[date],
    versions: Mapping[str, DatasetVersion],
    app_token: str | None = None,
    page_size: int = PAGE_SIZE,
    parallel_requests: int = PARALLEL_REQUESTS,
    cache_path: Path | None = None,
    cache_source: str | None = None,
    progress_path: Path | None = None,
    rows_per_day: Mapping[date, int] | None = None,
) -> dict[str, str]:
    """All options of `spark.read.format("soda")` for request days of a city.

    The arguments are those of SodaOptions.

    Raises:
        ValueError: No date, a date that no dataset holds, or a dataset without a version.
    """
    return SodaOptions(
        url=url,
        app_token=app_token,
        days=request_days(city, request_dates),
        versions=versions,
        page_size=page_size,
        parallel_requests=parallel_requests,
        cache_path=cache_path,
        cache_source=cache_source,
        progress_path=progress_path,
        rows_per_day=rows_per_day or {},
    ).to_spark()


def _path(text: str | None) -> Path | None:
    return Path(text) if text else None


def _json_text(value: object) -> str:
    return orjson.dumps(value).decode()
