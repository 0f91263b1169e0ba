"""What can be wrong with a SoQL query, in the portal's own error envelopes."""

from __future__ import annotations

from typing import Any


class SoqlError(ValueError):
    """A query that the portal refuses with status 400."""

    error_code = "query.soql.invalid"

    def __init__(self, message: str, **data: Any) -> None:
        super().__init__(message)
        self.message = message
        self.data = data

    def body(self) -> dict[str, Any]:
        """The JSON body of the answer."""
        return {"message": self.message, "errorCode": self.error_code, "data": self.data}


class MalformedQuery(SoqlError):
    """The text is no SoQL."""

    def __init__(self, query: str, position: int, problem: str) -> None:
        row, column = row_and_column(query, position)
        super().__init__(
            f'Invalid SoQL query; Could not parse SoQL query "{query}" '
            f"at line {row} character {column}: {problem}",
            query=query,
            position={"row": row, "column": column},
        )


class NoSuchColumn(SoqlError):
    """The query names a column that the dataset does not have."""

    error_code = "query.soql.no-such-column"

    def __init__(self, column: str, dataset_id: str, query: str, position: int) -> None:
        row, column_number = row_and_column(query, position)
        super().__init__(
            f"Query coordinator error: {self.error_code}; No such column: {column}",
            column=column,
            dataset=dataset_id,
            position={"row": row, "column": column_number},
        )


class NoSuchFunction(SoqlError):
    """The query calls a function that this endpoint does not have."""

    error_code = "query.soql.no-such-function"

    def __init__(self, function: str) -> None:
        super().__init__(
            f"Query coordinator error: {self.error_code}; No such function: {function}",
            function=function,
        )


class TypeMismatch(SoqlError):
    """An operator or function got a value of a type it does not take."""

    error_code = "query.soql.type-mismatch"

    def __init__(self, function: str, actual: str) -> None:
        super().__init__(
            f"Query coordinator error: {self.error_code}; "
            f"Type mismatch for {function}, is {actual}",
            function=function,
            type=actual,
        )


class NotInGroupBy(SoqlError):
    """A grouped query selects or orders by something that is neither grouped nor aggregated."""

    error_code = "query.soql.column-not-in-group-bys"

    def __init__(self, column: str) -> None:
        super().__init__(
            f"Query coordinator error: {self.error_code}; Column not in group bys: {column}",
            column=column,
        )


class AggregateInUngroupedContext(SoqlError):
    """An aggregate stands where single rows are looked at."""

    error_code = "query.soql.aggregate-in-ungrouped-context"

    def __init__(self, function: str, clause: str) -> None:
        super().__init__(
            f"Query coordinator error: {self.error_code}; "
            f"Cannot use aggregate function `{function}` in {clause}",
            function=function,
            clause=clause,
        )


class DuplicateAlias(SoqlError):
    """Two selected expressions have the same name."""

    error_code = "query.soql.duplicate-alias"

    def __init__(self, name: str) -> None:
        super().__init__(
            f"Query coordinator error: {self.error_code}; Duplicate alias: {name}", name=name
        )


def row_and_column(query: str, position: int) -> tuple[int, int]:
    """Line and column of an offset, both from 1."""
    before = query[:position]
    return before.count("\n") + 1, position - (before.rfind("\n") + 1) + 1
