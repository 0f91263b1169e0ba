"""pandera's models of the contracts: the same rules, for any frame that claims to keep them.

The pipeline judges rows by expressions of these rules in the one pass that types them; pandera
asks one query a rule, which suits small frames and tables at rest.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandera.pyspark as pa
from pyspark.sql import DataFrame
from pyspark.sql import types as T

from nyc311_assets.pipeline.contracts import Column, TableContract
from nyc311_assets.pipeline.contracts.rules import Rule

_TYPES: Mapping[str, Any] = {
    "STRING": T.StringType(),
    "BOOLEAN": T.BooleanType(),
    "INT": T.IntegerType(),
    "BIGINT": T.LongType(),
    "DOUBLE": T.DoubleType(),
    "DATE": T.DateType(),
    "TIMESTAMP": T.TimestampType(),
    "TIMESTAMP_NTZ": T.TimestampNTZType(),
    "ARRAY<STRING>": T.ArrayType(T.StringType()),
    "MAP<STRING,STRING>": T.MapType(T.StringType(), T.StringType()),
}


def model(contract: TableContract) -> pa.DataFrameSchema:
    """A contract as a pandera schema.

    It refuses what the contract does not allow: a column that is missing or of another type, a
    null in a required one, and a row that breaks a rule. Rules by which a row is only flagged are
    left out: such a row is sound. pandera does not tell TIMESTAMP_NTZ from TIMESTAMP.

    Example:
        model(silver_requests(NEW_YORK)).validate(frame).pandera.errors
    """
    return pa.DataFrameSchema(
        {column.name: _column(column) for column in contract.columns},
        name=contract.name,
        description=contract.description,
    )


def broken_rules(frame: DataFrame, contract: TableContract) -> frozenset[str]:
    """Names of the rules that some row of a frame breaks, by pandera's validation.

    Args:
        frame: All columns of the contract.
        contract: The contract.

    Returns:
        Names as `Rule` has them, and for a null in a required column the contract's reason, or
        "<column> is null" where it has none. Empty for a frame that keeps the contract.

    Raises:
        ValueError: A column is missing or of another type, so that no rule can be looked at.
    """
    checked: Any = model(contract).validate(frame)
    errors: Mapping[str, Mapping[str, list[Mapping[str, Any]]]] = checked.pandera.errors
    missing = {column.name: column.missing for column in contract.columns}
    broken: set[str] = set()
    for kinds in errors.values():
        for kind, found in kinds.items():
            if kind == "SERIES_CONTAINS_NULLS":
                names = {each["column"] for each in found}
                broken |= {missing[name] or f"{name} is null" for name in names}
            elif kind == "DATAFRAME_CHECK":
                broken |= {each["check"] for each in found}
            else:
                raise ValueError(
                    f"The frame has not the columns of {contract.name}: "
                    f"{'; '.join(str(each['error']) for each in found)}. Select them, and cast "
                    "them to the contract's types."
                )
    return frozenset(broken)


def _column(column: Column) -> pa.Column:
    return pa.Column(
        _TYPES[column.type],
        nullable=column.nullable,
        checks=[_check(rule) for rule in column.value_rules if rule.consequence != "flagged"],
        description=column.description,
    )


def _check(rule: Rule) -> pa.Check:
    def is_kept(frame: DataFrame) -> bool:
        return frame.where(rule.broken).isEmpty()

    return pa.Check(is_kept, name=rule.name, error=rule.name)
