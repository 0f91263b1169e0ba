"""How the rows of a run add up: what its checks compare of silver and of gold."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date


@dataclass(frozen=True, slots=True)
class PartitionCounts:
    """What became of one partition's rows: read = kept + superseded + rejected.

    Attributes:
        rows_read: Rows of the newest usable pull of each of its request dates.
        rows_kept: Sound rows, each request once.
        rows_superseded: Older or equal copies of a request in the same pull.
        rows_rejected: Rows that break the contract.
    """

    rows_read: int = 0
    rows_kept: int = 0
    rows_superseded: int = 0
    rows_rejected: int = 0

    @property
    def reject_rate(self) -> float:
        """Rejected rows as a share of the rows read; 0 for none read."""
        return self.rows_rejected / self.rows_read if self.rows_read else 0.0


@dataclass(frozen=True, slots=True)
class DayAccount:
    """Where the rows of a request date's newest merged pull are.

    Attributes:
        request_date: The date of the query.
        ingestion_date: Daily partition of the pull.
        rows_at_source: The source's own count.
        rows_in_bronze: Rows that landed.
        requests_in_silver: Current rows of the day in the published silver.requests.
        rejects: Rows of the pull that break the contract.
        duplicates: Older or equal copies of a request in the pull, and requests that another pull
            brought with a newer version, created on another day.
    """

    request_date: date
    ingestion_date: date
    rows_at_source: int
    rows_in_bronze: int
    requests_in_silver: int
    rejects: int
    duplicates: int

    @property
    def adds_up(self) -> bool:
        """Source = bronze = silver + rejects + duplicates."""
        accounted = self.requests_in_silver + self.rejects + self.duplicates
        return self.rows_at_source == self.rows_in_bronze == accounted


@dataclass(frozen=True, slots=True)
class KeyAudit:
    """silver.requests, as it stands, over the request dates of a run.

    Attributes:
        rows: Its rows.
        distinct_keys: Different unique_keys among them.
        rows_with_nulls: Rows with a null in a column that the contract requires.
        current: Current rows per request date.
    """

    rows: int
    distinct_keys: int
    rows_with_nulls: int
    current: Mapping[date, int]


@dataclass(frozen=True, slots=True)
class DayTotals:
    """One request date in gold beside silver.

    Attributes:
        request_date: The local day.
        requests: Sum of requests in gold.
        silver_requests: Current requests of the day in silver.
        series: Rows of the day in gold.
        differing: Series whose requests or closed requests are not what silver holds.
        negative: Rows with a negative count.
        is_complete: As in gold.
        is_final: As in gold.
    """

    request_date: date
    requests: int
    silver_requests: int
    series: int
    differing: int
    negative: int
    is_complete: bool
    is_final: bool
