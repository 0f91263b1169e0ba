"""The shape of a contract: columns with their types and rules, key and layout of a table."""

from __future__ import annotations

from dataclasses import dataclass, field

from nyc311_assets.pipeline.contracts.rules import Rule, missing_rule

# Of tables whose changes the next layer follows.
CHANGE_FEED = {"delta.enableChangeDataFeed": "true", "delta.enableDeletionVectors": "true"}


@dataclass(frozen=True, slots=True)
class Column:
    """One column.

    Attributes:
        name: Its name.
        type: Its Spark SQL type.
        description: What it means.
        nullable: Whether it may be null.
        missing: Of a column that may not, the reason to reject a row in which it is; empty where
            no row can come so far.
        value_rules: What its values keep.
    """

    name: str
    type: str
    description: str
    nullable: bool = True
    missing: str = ""
    value_rules: tuple[Rule, ...] = ()

    @property
    def rules(self) -> tuple[Rule, ...]:
        """All its rules."""
        if not self.missing:
            return self.value_rules
        return (missing_rule(self.name, self.missing), *self.value_rules)

    @property
    def ddl(self) -> str:
        """The column as it stands in CREATE TABLE."""
        comment = self.description.replace("'", "''")
        required = "" if self.nullable else " NOT NULL"
        return f"`{self.name}` {self.type}{required} COMMENT '{comment}'"


@dataclass(frozen=True, slots=True)
class TableContract:
    """One Delta table.

    Attributes:
        name: `layer.table`.
        description: What one row is.
        columns: All columns, in order.
        key: Columns that identify a row.
        partitioned_by: Physical partition columns.
        clustered_by: Liquid clustering columns; excludes partitioned_by.
        properties: Delta table properties.
    """

    name: str
    description: str
    columns: tuple[Column, ...]
    key: tuple[str, ...]
    partitioned_by: tuple[str, ...] = ()
    clustered_by: tuple[str, ...] = ()
    properties: dict[str, str] = field(default_factory=dict)

    @property
    def column_names(self) -> tuple[str, ...]:
        """Names of all columns, in order."""
        return tuple(column.name for column in self.columns)

    @property
    def rules(self) -> tuple[Rule, ...]:
        """The rules of all columns, in order."""
        return tuple(rule for column in self.columns for rule in column.rules)

    @property
    def required(self) -> tuple[str, ...]:
        """Names of the columns that are never null."""
        return tuple(column.name for column in self.columns if not column.nullable)
