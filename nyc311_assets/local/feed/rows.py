"""Rows in memory: Arrow columns by API name, many of them coded against a shared codebook."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Mapping
from functools import cached_property
from threading import Lock
from typing import Literal

import pyarrow as pa
import pyarrow.compute as pc

from nyc311_assets.pipeline.cities import NEW_YORK
from nyc311_assets.pipeline.cities.city import SodaType

ColumnType = SodaType | Literal["row_identifier", "fixed_timestamp"]

_FORMS_KEPT = 32

FLOATING_TIMESTAMP = pa.timestamp("ms")
FIXED_TIMESTAMP = pa.timestamp("ms", "UTC")

# In the order in which `:*` brings them.
SYSTEM_TYPES: Mapping[str, ColumnType] = {
    ":id": "row_identifier",
    ":version": "text",
    ":created_at": "fixed_timestamp",
    ":updated_at": "fixed_timestamp",
}
FIELD_TYPES: Mapping[str, ColumnType] = {field.name: field.soda_type for field in NEW_YORK.fields}
COLUMN_TYPES: Mapping[str, ColumnType] = {**SYSTEM_TYPES, **FIELD_TYPES}


def storage_type(column_type: ColumnType) -> pa.DataType:
    """The Arrow type a column is kept in.

    Numbers and points stay in the text they have on the wire, so that no digit is lost.
    """
    if column_type == "floating_timestamp":
        return FLOATING_TIMESTAMP
    return FIXED_TIMESTAMP if column_type == "fixed_timestamp" else pa.string()


class Codebook:
    """Combinations of values that many rows share, addressed by their position.

    An address, for example, is one entry that gives a row twenty columns. Forms derived from the
    entries, such as their JSON, are kept, so that they cost nothing per row.
    """

    def __init__(self, columns: Mapping[str, pa.Array]) -> None:
        self.columns = dict(columns)
        self._derived: OrderedDict[tuple[str, tuple[str, ...]], pa.Array] = OrderedDict()
        self._lock = Lock()

    def derived(
        self, form: str, names: tuple[str, ...], make: Callable[[Codebook], pa.Array]
    ) -> pa.Array:
        """One array over the entries for a form and a choice of columns; the last ones are kept."""
        key = (form, names)
        with self._lock:
            if key not in self._derived:
                self._derived[key] = make(self)
                while len(self._derived) > _FORMS_KEPT:
                    self._derived.popitem(last=False)
            self._derived.move_to_end(key)
            return self._derived[key]


class Coded:
    """Rows' positions in a codebook; one object is shared by all the columns it stands for."""

    def __init__(self, codebook: Codebook, codes: pa.Array) -> None:
        self.codebook = codebook
        self.codes = codes

    def take(self, indices: pa.Array) -> Coded:
        """The rows at these positions."""
        return Coded(self.codebook, self.codes.take(indices))

    def slice(self, offset: int, length: int) -> Coded:
        """A range of rows, without a copy."""
        return Coded(self.codebook, self.codes.slice(offset, length))


class Rows:
    """An immutable set of rows.

    Args:
        length: How many.
        plain: Columns with a value of their own for each row.
        coded: Columns by way of codebooks.

    Columns named in neither are null in every row. No name is in two of them.
    """

    def __init__(
        self, length: int, plain: Mapping[str, pa.Array], coded: tuple[Coded, ...] = ()
    ) -> None:
        self.length = length
        self.plain = dict(plain)
        self.coded = coded

    def __len__(self) -> int:
        return self.length

    @cached_property
    def coded_by_name(self) -> Mapping[str, Coded]:
        """Which codes give a column."""
        return {name: coded for coded in self.coded for name in coded.codebook.columns}

    def has(self, name: str) -> bool:
        """Whether any row can have a value in a column."""
        return name in self.plain or name in self.coded_by_name

    def column(self, name: str) -> pa.Array:
        """One column's values, in its storage type."""
        if name in self.plain:
            return self.plain[name]
        if name in self.coded_by_name:
            coded = self.coded_by_name[name]
            return coded.codebook.columns[name].take(coded.codes)
        return pa.nulls(self.length, storage_type(COLUMN_TYPES[name]))

    def take(self, indices: pa.Array) -> Rows:
        """The rows at these positions, in that order."""
        return Rows(
            len(indices),
            {name: values.take(indices) for name, values in self.plain.items()},
            tuple(coded.take(indices) for coded in self.coded),
        )

    def filter(self, keep: pa.Array) -> Rows:
        """The rows where `keep` is true; null counts as false."""
        indices = pc.indices_nonzero(pc.fill_null(keep, False))
        return self if len(indices) == self.length else self.take(indices)

    def slice(self, offset: int, length: int | None = None) -> Rows:
        """A range of rows, without a copy."""
        length = max(0, min(self.length - offset, self.length if length is None else length))
        if offset == 0 and length == self.length:
            return self
        return Rows(
            length,
            {name: values.slice(offset, length) for name, values in self.plain.items()},
            tuple(coded.slice(offset, length) for coded in self.coded),
        )
