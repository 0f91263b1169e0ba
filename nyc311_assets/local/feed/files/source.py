"""The feed's source of real rows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from nyc311_assets.local.feed.files.columns import typed
from nyc311_assets.local.feed.files.errors import RowFileError
from nyc311_assets.local.feed.files.reading import SUFFIXES, NoRows, read_rows
from nyc311_assets.local.feed.files.timestamps import ZoneSuffix
from nyc311_assets.local.feed.row_ids import mixed, row_ids
from nyc311_assets.local.feed.rows import FIELD_TYPES, FIXED_TIMESTAMP, Codebook, Coded, Rows
from nyc311_assets.local.feed.source import Provenance, UnknownDataset
from nyc311_assets.pipeline.cities import NEW_YORK
from nyc311_assets.pipeline.cities.city import Dataset

# A text column with more than this many rows per value is kept as codes.
_ROWS_PER_VALUE = 4
_KEY_OF_HASH = "nyc311_assets/id"


@dataclass(frozen=True, slots=True)
class FilePublication:
    """All rows of one dataset, as the files leave them.

    Attributes:
        rows_updated_at: When the newest file was published.
        all_rows: Every row, in the order of `(created_date, :id)`.
        created: Their created_date, as whole days since 1970.
    """

    rows_updated_at: datetime
    all_rows: Rows
    created: np.ndarray[Any, np.dtype[np.int64]]

    @property
    def days(self) -> tuple[date, date] | None:
        """First and last local day with rows."""
        if not len(self.created):
            return None
        epoch = date(1970, 1, 1)
        first, last = (epoch + timedelta(days=int(self.created[end])) for end in (0, -1))
        return first, last

    def rows(self, day: date) -> Rows:
        """The rows created on a local day."""
        start, end = self._range(day)
        return self.all_rows.slice(start, end - start)

    def row_count(self, day: date) -> int:
        """How many rows were created on a local day."""
        start, end = self._range(day)
        return end - start

    def _range(self, day: date) -> tuple[int, int]:
        number = (day - date(1970, 1, 1)).days
        start, end = np.searchsorted(self.created, [number, number + 1])
        return int(start), int(end)


class FileSource:
    """Real rows from portal exports (CSV), API pages (CSV, JSON) and Parquet files.

    A request that stands in several files has the state of the last of them: in the order given,
    and by name within a folder or a pattern. Within one file its last row counts. `:id` is
    computed from the unique_key, so it is the same in every process.

    A file is taken to have been published at the source's publication time after its newest
    created_date, which does not depend on when it was copied: that is the `:updated_at` of the
    rows whose state it gives, and the latest of them is the dataset's rowsUpdatedAt. Everything
    in the files is visible at once.

    Args:
        paths: Files, folders or glob patterns. What is in a folder or fits a pattern, but has no
            service requests, is passed over.
        zone_suffix: What a zone written after a time means; see `wall_time`.

    Raises:
        RowFileError: No file is there, or one cannot be read or understood.
    """

    def __init__(self, paths: Sequence[str | Path], *, zone_suffix: ZoneSuffix = "auto") -> None:
        self.files: list[Path] = []
        tables = []
        for path, is_named in _expand(paths):
            try:
                table = typed(read_rows(path), zone_suffix, str(path))
            except NoRows:
                if is_named:
                    raise
                continue
            published_at = _published_at(table)
            updated_at = pa.repeat(pa.scalar(published_at, FIXED_TIMESTAMP), table.num_rows)
            tables.append(table.append_column(":updated_at", updated_at))
            self.files.append(path)
        if not self.files:
            raise RowFileError(
                f"No file with service requests in {', '.join(map(str, paths))}. "
                f"Name files that end in {', '.join(SUFFIXES)}."
            )
        rows = _newest_states(pa.concat_tables(tables, promote_options="default"))
        self._publications = _by_dataset(rows)

    @property
    def provenance(self) -> Provenance:
        """Real rows, from files."""
        return "files"

    def publication(self, dataset_id: str) -> FilePublication:
        """All rows of a dataset.

        Raises:
            UnknownDataset: No such dataset.
        """
        if dataset_id not in self._publications:
            raise UnknownDataset(dataset_id)
        return self._publications[dataset_id]

    def name(self, dataset_id: str) -> str:
        """A dataset's name for people."""
        return f"311 Service Requests, rows of {dataset_id} from files"

    def description(self) -> Mapping[str, Any]:
        """The files and how many rows they gave."""
        return {
            "seed": None,
            "files": [str(path) for path in self.files],
            "rows": {id_: len(held.all_rows) for id_, held in self._publications.items()},
        }

    # The source's protocol has the days.
    def events(self, first: date, last: date) -> Sequence[Mapping[str, Any]]:  # noqa: ARG002
        """Nothing is injected into real rows."""
        return ()


def _expand(paths: Sequence[str | Path]) -> list[tuple[Path, bool]]:
    """The files in order, and whether each was named itself."""
    found: list[tuple[Path, bool]] = []
    for given in paths:
        path = Path(given).expanduser()
        if path.is_dir():
            inside = (file for file in path.rglob("*") if file.suffix.lower() in SUFFIXES)
            found += [(file, False) for file in sorted(inside)]
        elif path.is_file():
            if path.suffix.lower() not in SUFFIXES:
                raise RowFileError(f"{path} ends in none of {', '.join(SUFFIXES)}; convert it.")
            found.append((path, True))
        else:
            fitting = _fitting(path)
            if not fitting:
                raise RowFileError(f"{path} does not exist. Check the path, or the pattern.")
            found += [(file, False) for file in fitting]
    return found


def _fitting(pattern: Path) -> list[Path]:
    """Files that fit a pattern, by name."""
    anchor = Path(pattern.anchor) if pattern.is_absolute() else Path()
    parts = pattern.relative_to(pattern.anchor) if pattern.is_absolute() else pattern
    files = (path for path in anchor.glob(str(parts)) if path.is_file())
    return sorted(path for path in files if path.suffix.lower() in SUFFIXES)


def _published_at(table: pa.Table) -> datetime:
    """The source's publication time after the newest row of a file."""
    newest: datetime = pc.max(table["created_date"]).as_py()
    published = datetime.combine(newest.date(), NEW_YORK.publication_time)
    if published < newest:
        published += timedelta(days=1)
    return published.replace(tzinfo=NEW_YORK.time_zone)


def _newest_states(table: pa.Table) -> pa.Table:
    """The last row of each unique_key, in the order of `(created_date, :id)`."""
    table = table.append_column("@place", pa.array(np.arange(table.num_rows)))
    last = (
        table.select(["unique_key", "@place"]).group_by("unique_key").aggregate([("@place", "max")])
    )
    table = table.take(last["@place_max"]).drop_columns(["@place"])
    keys = table["unique_key"].combine_chunks().to_numpy(zero_copy_only=False)
    hashes = pd.util.hash_array(keys, hash_key=_KEY_OF_HASH, categorize=False)
    table = table.append_column(":id", row_ids(mixed(hashes)))
    table = table.append_column(":version", row_ids(hashes, "rv"))
    table = table.append_column(":created_at", table[":updated_at"])
    return table.sort_by([("created_date", "ascending"), (":id", "ascending")]).combine_chunks()


def _by_dataset(table: pa.Table) -> dict[str, FilePublication]:
    created = table["created_date"].combine_chunks()
    days = pc.floor_temporal(created, unit="day").cast(pa.date32()).cast(pa.int32()).to_numpy()
    newest = pc.max(table[":updated_at"]).as_py()
    epoch = date(1970, 1, 1)
    first_day = (NEW_YORK.datasets[0].first_date - epoch).days
    if len(days) and days[0] < first_day:
        raise RowFileError(
            f"{int(np.searchsorted(days, first_day))} rows were created before "
            f"{NEW_YORK.datasets[0].first_date}, which no dataset holds. Remove them."
        )
    publications = {}
    for dataset in NEW_YORK.datasets:
        start, end = np.searchsorted(days, _day_numbers(dataset))
        part = table.slice(start, end - start)
        updated_at = pc.max(part[":updated_at"]).as_py() if part.num_rows else newest
        publications[dataset.dataset_id] = FilePublication(
            updated_at, _rows(part), days[start:end].astype(np.int64)
        )
    return publications


def _day_numbers(dataset: Dataset) -> tuple[int, int]:
    """First day and the day after the last, since 1970."""
    epoch = date(1970, 1, 1)
    last = date.max if dataset.last_date is None else dataset.last_date
    return (dataset.first_date - epoch).days, (last - epoch).days + 1


def _rows(table: pa.Table) -> Rows:
    plain: dict[str, pa.Array] = {}
    coded: list[Coded] = []
    for name in table.column_names:
        values = table[name].combine_chunks()
        if FIELD_TYPES.get(name) == "text" and len(values):
            encoded = values.dictionary_encode(null_encoding="encode")
            if len(encoded.dictionary) * _ROWS_PER_VALUE <= len(values):
                coded.append(Coded(Codebook({name: encoded.dictionary}), encoded.indices))
                continue
        plain[name] = values
    return Rows(table.num_rows, plain, tuple(coded))
