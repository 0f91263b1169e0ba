"""Reads the tables of a catalog through a SQL warehouse, where their files cannot be read."""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Callable, Mapping
from typing import Protocol

import pyarrow as pa

from nyc311_assets.dashboard.queries.dialect import in_databricks_sql
from nyc311_assets.dashboard.queries.lakehouse import Lakehouse, TableMissing, TableUnreadable
from nyc311_assets.dashboard.queries.source import Parameter, Value, Version
from nyc311_assets.resources.statements import StatementFailed
from nyc311_assets.resources.workspace_errors import WorkspaceError

# Each look is a statement.
LOOK_AGAIN_SECONDS = 30.0
_OWN_LAYER = "ops."
_IS_MISSING = re.compile(
    r"TABLE_OR_VIEW_NOT_FOUND|SCHEMA_NOT_FOUND|DELTA_TABLE_NOT_FOUND|DELTA_MISSING_DELTA_TABLE"
)


class Run(Protocol):
    """Runs a statement; `resources.statements.run_statement` on one warehouse."""

    def __call__(self, statement: str, parameters: Mapping[str, Value], /) -> pa.Table:
        """The whole answer."""
        ...


class Warehouse:
    """All tables of one lakehouse, read only. It may be used from many threads.

    The orchestrator's own tables, `ops.*`, are in no catalog: they are read where it keeps them.
    """

    def __init__(
        self,
        run: Run,
        catalog: str,
        own: Lakehouse,
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Describe a lakehouse; nothing is read yet.

        Args:
            run: Runs statements.
            catalog: Unity Catalog's catalog with the tables.
            own: Where the orchestrator keeps `ops.*`.
            clock: Seconds that pass.
        """
        self._run = run
        self._catalog = catalog
        self._own = own
        self._clock = clock
        self._lock = threading.Lock()
        self._looked: dict[str, tuple[float, Version | None]] = {}
        self._last: dict[str, Version] = {}

    def exists(self, table: str) -> bool:
        """Whether there is such a table.

        Raises:
            TableUnreadable: The warehouse does not tell.
        """
        try:
            self.version(table)
        except TableMissing:
            return False
        return True

    def version(self, table: str) -> Version:
        """The newest version, as of the last half minute.

        Its `table_id` is empty: the time at which it was written tells a table that was made anew.

        Raises:
            TableMissing: There is no such table, or nobody may know of it.
            TableUnreadable: The warehouse does not tell.
        """
        if table.startswith(_OWN_LAYER):
            return self._own.version(table)
        now = self._clock()
        with self._lock:
            looked_at, version = self._looked.get(table, (float("-inf"), None))
        if now - looked_at >= LOOK_AGAIN_SECONDS:
            version = self._look(table)
            with self._lock:
                self._looked[table] = (now, version)
                if version:
                    self._last[table] = version
        if version is None:
            raise TableMissing(table)
        return version

    def last_version(self, table: str) -> Version | None:
        """The newest version that was found so far, without looking."""
        if table.startswith(_OWN_LAYER):
            return self._own.last_version(table)
        with self._lock:
            return self._last.get(table)

    def query(
        self,
        sql: str,
        tables: Mapping[str, str],
        parameters: Mapping[str, Parameter] | None = None,
        *,
        versions: Mapping[str, Version] | None = None,
    ) -> pa.Table:
        """The answer to a query over the newest versions of tables; see `Lakehouse.query`.

        Raises:
            TableMissing: One of the tables is not there.
            TableUnreadable: One of them cannot be read.
            ValueError: Some of the tables are the orchestrator's own and others are not.
        """
        own = {table for table in tables.values() if table.startswith(_OWN_LAYER)}
        if own == set(tables.values()):
            return self._own.query(sql, tables, parameters, versions=versions)
        if own:
            raise ValueError(f"No query can reach both {', '.join(own)} and the catalog's tables.")
        places = {
            alias: (
                f"{self._catalog}.{table}",
                ((versions or {}).get(table) or self.version(table)).number,
            )
            for alias, table in tables.items()
        }
        statement, values = in_databricks_sql(sql, places, parameters or {})
        return self._asked(next(iter(tables.values())), statement, values)

    def _look(self, table: str) -> Version | None:
        layer, name = table.split(".")
        statement = f"DESCRIBE HISTORY `{self._catalog}`.`{layer}`.`{name}` LIMIT 1"
        try:
            [newest] = (
                self._asked(table, statement, {}).select(["version", "timestamp"]).to_pylist()
            )
        except TableMissing:
            return None
        return Version(newest["version"], "", newest["timestamp"])

    def _asked(self, table: str, statement: str, values: Mapping[str, Value]) -> pa.Table:
        try:
            return self._run(statement, values)
        except StatementFailed as error:
            if _IS_MISSING.search(error.reason):
                raise TableMissing(table) from error
            raise TableUnreadable(table, str(error), self.last_version(table)) from error
        except WorkspaceError as error:
            raise TableUnreadable(table, str(error), self.last_version(table)) from error
