"""The episodes that alerts are about, read from ml.episodes without Spark."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime

import pyarrow as pa
from deltalake import DeltaTable, QueryBuilder

from nyc311_assets.pipeline.contracts import EPISODES
from nyc311_assets.resources.delta_tables import open_table, read_rows, table_url

_NAMES = (
    "id", "series", "direction", "start", "peak", "end", "days", "excess", "expected", "severity",
    "tier", "peak_actual", "peak_expected", "peak_z", "peak_q_value", "contributors", "state",
    "merged_into", "judged_through",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class KnownEpisode:
    """One row of ml.episodes, as far as alerts need it; see its contract."""

    id: str
    series: str
    direction: int
    start: date
    peak: date
    end: date
    days: int
    excess: float | None
    expected: float | None
    severity: float | None
    tier: str
    peak_actual: float | None
    peak_expected: float | None
    peak_z: float | None
    peak_q_value: float | None
    contributors: str | None
    state: str
    merged_into: str | None
    judged_through: date | None

    @property
    def peak_excess(self) -> float | None:
        """Requests above what was expected on the day of its peak, below it negative."""
        if self.peak_actual is None or self.peak_expected is None:
            return None
        return self.peak_actual - self.peak_expected


@dataclass(frozen=True, slots=True)
class Episodes:
    """All episodes as one version of the table has them.

    Attributes:
        rows: The episodes.
        written_at: When that version was written.
    """

    rows: tuple[KnownEpisode, ...]
    written_at: datetime


def read_episodes(lakehouse_url: str) -> Episodes | None:
    """The episodes; None when there is no such table yet."""
    table = _table(lakehouse_url)
    if table is None:
        return None
    rows = tuple(KnownEpisode(**{name: row[name] for name in _NAMES}) for row in read_rows(table))
    written = table.history(1)[0]["timestamp"]
    return Episodes(rows, datetime.fromtimestamp(written / 1000, UTC))


def newest_peak_excess(lakehouse_url: str, episode: str) -> float | None:
    """An episode's excess on the day of its peak, as of now; None if there is no such episode."""
    if not episode.replace("-", "").isalnum() or (table := _table(lakehouse_url)) is None:
        return None
    query = f"SELECT peak_actual - peak_expected FROM t WHERE id = '{episode}'"  # noqa: S608 # letters and digits
    answer = QueryBuilder().register("t", table).execute(query)
    values = pa.table(answer.read_all()).column(0).to_pylist()
    return None if not values else values[0]


def _table(lakehouse_url: str) -> DeltaTable | None:
    return open_table(table_url(lakehouse_url, EPISODES))
