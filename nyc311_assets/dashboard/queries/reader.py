"""Remembers answers by version, and shows the last one while a table cannot be read."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass

import pyarrow as pa

from nyc311_assets.dashboard.queries.lakehouse import TableMissing, TableUnreadable
from nyc311_assets.dashboard.queries.source import Parameter, Tables, Version

_Question = tuple[str, tuple[tuple[str, str], ...], str]
_Versions = tuple[tuple[str, Version], ...]
MOST_BYTES = 96_000_000


@dataclass(frozen=True, slots=True)
class Trouble:
    """A table that cannot be read now, while an earlier answer is shown.

    Attributes:
        table: `layer.table`.
        reason: What went wrong.
        shown: The version that is shown instead.
    """

    table: str
    reason: str
    shown: Version


class Answers:
    """Answers of all sessions, by the versions that they are of; the least used ones go first."""

    def __init__(self, most_bytes: int = MOST_BYTES) -> None:
        """An empty store.

        Args:
            most_bytes: Bytes of answers that are kept.
        """
        self._most_bytes = most_bytes
        self._kept: OrderedDict[_Question, tuple[_Versions, pa.Table]] = OrderedDict()
        self._bytes = 0
        self._lock = threading.Lock()

    def get(self, question: _Question) -> tuple[_Versions, pa.Table] | None:
        """The last answer to a question and the versions that it is of."""
        with self._lock:
            if (kept := self._kept.get(question)) is not None:
                self._kept.move_to_end(question)
            return kept

    def keep(self, question: _Question, versions: _Versions, answer: pa.Table) -> None:
        """Keep an answer in place of an earlier one to the same question."""
        with self._lock:
            if (earlier := self._kept.pop(question, None)) is not None:
                self._bytes -= earlier[1].nbytes
            self._kept[question] = (versions, answer)
            self._bytes += answer.nbytes
            while self._bytes > self._most_bytes and len(self._kept) > 1:
                _, (_, dropped) = self._kept.popitem(last=False)
                self._bytes -= dropped.nbytes


class Reader:
    """Answers the queries of one page.

    Attributes:
        troubles: Tables that could not be read, for the page to tell.
    """

    def __init__(self, lakehouse: Tables, answers: Answers) -> None:
        """Read a lakehouse through a store of answers.

        Args:
            lakehouse: The tables.
            answers: Shared by all pages and sessions.
        """
        self._lakehouse = lakehouse
        self._answers = answers
        self._versions: dict[str, Version] = {}
        self.troubles: dict[str, Trouble] = {}

    def exists(self, table: str) -> bool:
        """Whether there is such a table; one that cannot be read now, but could before, is."""
        try:
            self.version(table)
        except TableMissing:
            return False
        return True

    def version(self, table: str) -> Version:
        """The version that this page shows: the newest when it was first asked for.

        Raises:
            TableMissing: There is no such table.
            TableUnreadable: It cannot be read, and never could.
        """
        if table not in self._versions:
            try:
                self._versions[table] = self._lakehouse.version(table)
            except TableUnreadable as error:
                if error.last is None:
                    raise
                self._versions[table] = error.last
                self.troubles[table] = Trouble(table, error.reason, error.last)
        return self._versions[table]

    def query(
        self,
        sql: str,
        tables: Mapping[str, str],
        parameters: Mapping[str, Parameter] | None = None,
    ) -> pa.Table:
        """The answer to a query, read once for each version; see `Lakehouse.query`.

        A table that cannot be read is shown as it was when this was last asked, and is named in
        `troubles`.

        Raises:
            TableMissing: One of the tables is not there.
            TableUnreadable: One of them cannot be read, and this was not asked before.
        """
        question = (sql, tuple(sorted(tables.items())), repr(sorted((parameters or {}).items())))
        named = sorted(set(tables.values()))
        versions = tuple((table, self.version(table)) for table in named)
        kept = self._answers.get(question)
        if kept and kept[0] == versions:
            return kept[1]
        try:
            answer = self._lakehouse.query(sql, tables, parameters, versions=dict(versions))
        except TableUnreadable as error:
            if kept is None:
                raise
            for table, version in kept[0]:
                self.troubles[table] = Trouble(table, error.reason, version)
            return kept[1]
        self._answers.keep(question, versions, answer)
        return answer
