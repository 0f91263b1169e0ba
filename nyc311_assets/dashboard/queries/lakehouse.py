"""Reads Delta tables with delta-rs: no Spark, no whole table, one handle per version."""

from __future__ import annotations

import os
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pyarrow as pa
from deltalake import DeltaTable, QueryBuilder
from deltalake.exceptions import DeltaError, TableNotFoundError

from nyc311_assets.dashboard.queries.literals import bind
from nyc311_assets.dashboard.queries.source import Parameter, Version
from nyc311_assets.resources.storage_errors import explained

# The newest, and the one before it that a page may be showing meanwhile.
_HANDLES_PER_TABLE = 2


class TableMissing(LookupError):
    """There is no such table yet.

    Attributes:
        table: `layer.table`.
    """

    def __init__(self, table: str) -> None:
        super().__init__(f"There is no table {table} yet. `make demo` makes one.")
        self.table = table


class TableUnreadable(RuntimeError):
    """A table is there and cannot be read now.

    Attributes:
        table: `layer.table`.
        reason: What went wrong, in the reader's words.
        last: The newest version that could be read before, if any.
    """

    def __init__(self, table: str, reason: str, last: Version | None = None) -> None:
        super().__init__(f"{table} cannot be read now: {reason}")
        self.table = table
        self.reason = reason
        self.last = last


@dataclass(frozen=True, slots=True)
class _Handle:
    table: DeltaTable
    version: Version


class Lakehouse:
    """All tables of one lakehouse, read only. It may be used from many threads."""

    def __init__(self, url: str, storage_options: Mapping[str, str] | None = None) -> None:
        """Describe a lakehouse; nothing is read yet.

        Args:
            url: Root of the tables: a folder, or s3://…
            storage_options: What the object store needs beyond AWS_* in the environment.
        """
        self.url = url.rstrip("/")
        self._options = dict(storage_options or {})
        self._lock = threading.RLock()
        self._handles: dict[str, list[_Handle]] = {}
        self._stamps: dict[str, int | None] = {}

    def exists(self, table: str) -> bool:
        """Whether there is such a table.

        Raises:
            TableUnreadable: The place itself cannot be looked at.
        """
        try:
            self.version(table)
        except TableMissing:
            return False
        return True

    def version(self, table: str) -> Version:
        """The newest version; looking again costs a fraction of a millisecond.

        Args:
            table: `layer.table`.

        Raises:
            TableMissing: There is no such table.
            TableUnreadable: Its log cannot be read.
        """
        with self._lock:
            try:
                return self._newest(table).version
            except TableMissing:
                self._forget(table)
                raise
            except (DeltaError, OSError) as error:
                self._stamps.pop(table, None)
                raise TableUnreadable(table, explained(error), self.last_version(table)) from error

    def last_version(self, table: str) -> Version | None:
        """The newest version that was found so far, without looking."""
        known = self._handles.get(table)
        return known[-1].version if known else None

    def query(
        self,
        sql: str,
        tables: Mapping[str, str],
        parameters: Mapping[str, Parameter] | None = None,
        *,
        versions: Mapping[str, Version] | None = None,
    ) -> pa.Table:
        """The answer to a query over the newest versions of tables.

        Args:
            sql: A statement of DataFusion's; it names tables by alias, and values by `:name`.
            tables: Alias -> `layer.table`.
            parameters: Name -> value.
            versions: Table -> the version to read instead of the newest; one of the last two.

        Returns:
            The answer, with texts as plain Arrow strings.

        Raises:
            TableMissing: One of the tables is not there.
            TableUnreadable: One of them cannot be read.
        """
        builder = QueryBuilder()
        for alias, table in tables.items():
            builder.register(alias, self._handle(table, (versions or {}).get(table)).table)
        try:
            answer = pa.table(builder.execute(bind(sql, parameters or {})).read_all())
        except KeyError:
            raise  # a name without a value is the caller's mistake
        # A missing file is raised as Exception itself (deltalake 1.6.6).
        except Exception as error:
            named = ", ".join(tables.values())
            last = self.last_version(next(iter(tables.values())))
            raise TableUnreadable(named, explained(error), last) from error
        return _plain(answer)

    def _handle(self, table: str, version: Version | None) -> _Handle:
        with self._lock:
            for handle in self._handles.get(table, ()):
                if version and handle.version == version:
                    return handle
            self.version(table)
            return self._handles[table][-1]

    def _newest(self, table: str) -> _Handle:
        path = f"{self.url}/{table.replace('.', '/')}"
        known = self._handles.get(table)
        stamp = _stamp(path)
        if known and stamp is not None and stamp == self._stamps.get(table):
            return known[-1]
        if known and stamp is None and "://" in self.url:
            return self._followed(table, path, known[-1])
        handle = self._opened(table, path)
        if not known or known[-1].version != handle.version:
            self._handles[table] = [*(known or [])[1 - _HANDLES_PER_TABLE :], handle]
        self._stamps[table] = stamp
        return self._handles[table][-1]

    def _followed(self, table: str, path: str, newest: _Handle) -> _Handle:
        """In an object store, only the commits since are asked for."""
        probe = self._probe(table, path)
        probe.update_incremental()
        if probe.version() == newest.version.number:
            return newest
        handle = self._opened(table, path)
        self._handles[table] = [newest, handle]
        return handle

    def _probe(self, table: str, path: str) -> DeltaTable:
        key = f"probe {table}"
        if key not in self._handles:
            self._handles[key] = [self._opened(table, path)]
        return self._handles[key][0].table

    def _opened(self, table: str, path: str) -> _Handle:
        if "://" not in path and not Path(path).is_dir():
            raise TableMissing(table)
        try:
            opened = DeltaTable(path, storage_options=self._options or None)
        except TableNotFoundError:
            raise TableMissing(table) from None
        written = opened.history(1)[0]["timestamp"]
        version = Version(
            opened.version(), str(opened.metadata().id), datetime.fromtimestamp(written / 1000, UTC)
        )
        return _Handle(opened, version)

    def _forget(self, table: str) -> None:
        for key in (table, f"probe {table}"):
            self._handles.pop(key, None)
        self._stamps.pop(table, None)


def _stamp(path: str) -> int | None:
    """When a local table's log last changed; every commit adds a file to its folder."""
    try:
        return os.stat(f"{path}/_delta_log").st_mtime_ns  # noqa: PTH116 # called on every rerun
    except (FileNotFoundError, NotADirectoryError):
        return None


def _plain(answer: pa.Table) -> pa.Table:
    """Texts come as views, which pandas and older readers of Parquet do not know."""
    fields = [
        (
            field.with_type(pa.string())
            if pa.types.is_string_view(field.type)
            else field.with_type(pa.list_(pa.string())) if _is_list_of_views(field.type) else field
        ).with_metadata(None)
        for field in answer.schema
    ]
    return answer.cast(pa.schema(fields))


def _is_list_of_views(kind: pa.DataType) -> bool:
    return bool(pa.types.is_list(kind) and pa.types.is_string_view(kind.value_type))
