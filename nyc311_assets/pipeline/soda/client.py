"""The client of a SODA source."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import partial
from types import TracebackType
from typing import Any, Self

import orjson

from nyc311_assets.pipeline.soda.cache import AnswerCache
from nyc311_assets.pipeline.soda.errors import MalformedAnswerError, SourceMovedError
from nyc311_assets.pipeline.soda.page import Page, parse_page
from nyc311_assets.pipeline.soda.queries import (
    Query,
    RowKey,
    page_query,
    reach_query,
    rows_per_day_query,
    rows_without_day_queries,
)
from nyc311_assets.pipeline.soda.transport import Answer, RetryPolicy, Timeouts, Transport
from nyc311_assets.pipeline.soda.version import DatasetVersion

__all__ = ["DatasetVersion", "SodaClient"]

_logger = logging.getLogger(__name__)


class SodaClient:
    """Reads datasets of one portal that speaks SODA 2.1 (Socrata), such as NYC Open Data.

    Use it as a context manager.

    Args:
        base_url: The portal's address, as in `https://data.cityofnewyork.us`.
        app_token: Socrata app token; None: requests share the portal's anonymous allowance.
        timeouts: Bounds of one attempt.
        retry: Bounds of all attempts of one request.
        page_size: Most rows asked for at once; the portal serves up to 50,000.
        cache: Where pages are kept; None: nowhere.
        created_field: The column of the request's creation time.
        clock: The current time.
    """

    def __init__(
        self,
        base_url: str,
        *,
        app_token: str | None = None,
        timeouts: Timeouts | None = None,
        retry: RetryPolicy | None = None,
        page_size: int = 50_000,
        cache: AnswerCache | None = None,
        created_field: str = "created_date",
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._transport = Transport(
            base_url,
            app_token=app_token,
            timeouts=timeouts or Timeouts(),
            retry=retry or RetryPolicy(),
            clock=clock,
        )
        self._page_size = page_size
        self._cache = cache
        self._created_field = created_field

    def __repr__(self) -> str:
        return f"SodaClient({self._transport.base_url!r})"

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        exception_type: type[BaseException] | None,
        exception: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections."""
        self._transport.close()

    @property
    def retries(self) -> int:
        """Attempts so far beyond the first of each request."""
        return self._transport.retries

    def dataset_version(self, dataset_id: str) -> DatasetVersion:
        """The state in which a dataset is published now.

        Raises:
            SodaError: The dataset is missing, or the source does not answer.
        """
        return self._transport.get(
            f"/api/views/{dataset_id}.json",
            {},
            f"the metadata of dataset {dataset_id}",
            lambda body: DatasetVersion.from_metadata(dataset_id, _json(body, "the metadata")),
        )

    def reach(self, dataset_id: str, until: datetime) -> datetime | None:
        """The newest creation time in a dataset that can be true.

        A row created later than the publication that shows it cannot be true.

        Args:
            dataset_id: The dataset.
            until: When it was published, naive local time; what is later is passed over.

        Returns:
            Naive local time; None when the dataset has no such row.

        Raises:
            SodaError: The source refuses or does not answer.
        """
        query = reach_query(dataset_id, until, created_field=self._created_field)

        def read(row: dict[str, Any]) -> datetime | None:
            newest = row.get("reach")
            return None if newest is None else datetime.fromisoformat(newest)

        (reach,) = self._query(query, lambda body: _result_rows(body, query, read, range(1, 2)))
        return reach

    def rows_without_day(self, dataset_id: str, first: date, until: datetime) -> int:
        """How many rows of a dataset belong to no request day, so that no pull of a day has them.

        They have no creation time, or one before the dataset's days, or one that is later than
        can be true.

        Args:
            dataset_id: The dataset.
            first: First request day that it holds.
            until: Last moment at which a row of it can have been created, naive local time.

        Raises:
            SodaError: The source refuses or does not answer.
        """
        queries = rows_without_day_queries(
            dataset_id, first, until, created_field=self._created_field
        )
        return sum(self._row_count(query) for query in queries)

    def rows_per_day(
        self, dataset_id: str, first: date, last: date, *, reads: int = 2
    ) -> dict[date, int]:
        """The source's own count of rows per request day.

        Replicas disagree about young days, so it is asked several times and the largest count of
        a day is taken.

        Args:
            dataset_id: The dataset.
            first: First request day.
            last: Last request day.
            reads: How often to ask.

        Returns:
            Every day from first to last; 0 where the source has none.

        Raises:
            SodaError: The source refuses or does not answer.
        """
        query = rows_per_day_query(dataset_id, first, last, created_field=self._created_field)
        counts = {first + timedelta(days=n): 0 for n in range((last - first).days + 1)}

        def read(row: dict[str, Any]) -> tuple[date, int]:
            day = datetime.fromisoformat(row["day"]).date()
            return day, max(counts[day], int(row["row_count"]))

        allowed = range(len(counts) + 1)
        for _ in range(reads):
            counts.update(self._query(query, lambda body: _result_rows(body, query, read, allowed)))
        return counts

    def pages(
        self,
        dataset_id: str,
        request_date: date,
        version: DatasetVersion,
        *,
        expected_rows: int | None = None,
    ) -> Iterator[Page]:
        """All rows of one request day, page by page.

        Pages are kept in the cache, and handed out, only once the dataset is seen to be still at
        the version after the last page was fetched. A day that is empty, or shorter than
        expected, is read once more past the cache, the longer reading counts, and it is kept
        only if it is whole: what one bad replica left out is not left out for ever.

        Args:
            dataset_id: The dataset.
            request_date: The local calendar day.
            version: The dataset's version, as `dataset_version` gave it before.
            expected_rows: The source's own count of the day; None when it was not asked.

        Returns:
            At least one page; a day without rows is one empty page.

        Raises:
            SourceMovedError: The dataset was published again meanwhile.
            SodaError: The source refuses, does not answer, or answers wrongly.
        """
        least = 1 if expected_rows is None else expected_rows
        reading = self._read_day(dataset_id, request_date, version, self._cache)
        if reading.rows < least:
            _logger.warning(
                "Requests of %s in dataset %s: %d rows came where at least %d were expected. "
                "Reading the day once more.",
                request_date,
                dataset_id,
                reading.rows,
                least,
            )
            again = self._read_day(dataset_id, request_date, version, None)
            reading = max(reading, again, key=lambda reading: reading.rows)
        if self._cache is not None and reading.rows >= least:
            for page, body in reading.fetched:
                self._cache.put(page.query, version, body)
        yield from reading.pages

    def check_version(self, version: DatasetVersion) -> None:
        """Make sure that a dataset is still at a version.

        Raises:
            SourceMovedError: It was published again.
        """
        now = self.dataset_version(version.dataset_id)
        if now.rows_updated_at != version.rows_updated_at:
            raise SourceMovedError(
                f"Dataset {version.dataset_id} was published again while it was being read: its "
                f"rows changed at {now.rows_updated_at:%Y-%m-%d %H:%M:%S} UTC, and this pull "
                f"reads those of {version.rows_updated_at:%Y-%m-%d %H:%M:%S} UTC. Nothing of two "
                "versions is mixed: start the pull again."
            )

    def _read_day(
        self,
        dataset_id: str,
        request_date: date,
        version: DatasetVersion,
        cache: AnswerCache | None,
    ) -> _Reading:
        reading = _Reading([], [])
        seen: set[str] = set()
        after: RowKey | None = None
        while True:
            query = page_query(
                dataset_id,
                request_date,
                version.columns,
                self._page_size,
                after=after,
                created_field=self._created_field,
            )
            read = partial(
                self._read_page, query=query, request_date=request_date, seen=seen, after=after
            )
            cached = None if cache is None else cache.get(query, version)
            if cached is not None:
                page, _ = read(cached)
            else:
                page, body = self._query(query, read)
                reading.fetched.append((page, body))
            reading.pages.append(page)
            if page.row_count < self._page_size:
                break
            after = page.last_key
        if reading.fetched:
            self.check_version(version)
        return reading

    def _read_page(
        self,
        body: bytes,
        *,
        query: Query,
        request_date: date,
        seen: set[str],
        after: RowKey | None,
    ) -> tuple[Page, bytes]:
        page = parse_page(
            body,
            query,
            request_date,
            limit=self._page_size,
            seen=seen,
            after=after,
            created_field=self._created_field,
        )
        return page, body

    def _row_count(self, query: Query) -> int:
        def read(row: dict[str, Any]) -> int:
            return int(row["row_count"])

        (count,) = self._query(query, lambda body: _result_rows(body, query, read, range(1, 2)))
        return count

    def _query(self, query: Query, read: Callable[[bytes], Answer]) -> Answer:
        return self._transport.get(
            f"/resource/{query.dataset_id}.json", query.parameters, str(query), read
        )


@dataclass(frozen=True, slots=True)
class _Reading:
    """One reading of a day: its pages, and those fetched rather than cached, with their bodies."""

    pages: list[Page]
    fetched: list[tuple[Page, bytes]]

    @property
    def rows(self) -> int:
        return sum(page.row_count for page in self.pages)


def _json(body: bytes, what: str) -> Any:
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise MalformedAnswerError(
            f"The answer for {what} is not JSON, or is cut off: {error}."
        ) from error


def _result_rows(
    body: bytes,
    query: Query,
    read: Callable[[dict[str, Any]], Answer],
    row_counts: range,
) -> list[Answer]:
    """The rows of a small answer, each read by `read`; as many as may come.

    Raises:
        MalformedAnswerError: Not a list of so many rows, or one cannot be read.
    """
    rows = _json(body, str(query))
    if not isinstance(rows, list) or len(rows) not in row_counts:
        raise MalformedAnswerError(f"The answer for {query} is not a list of as many rows.")
    try:
        return [read(row) for row in rows]
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise MalformedAnswerError(
            f"A row of the answer for {query} cannot be read: {type(error).__name__} {error}."
        ) from error
