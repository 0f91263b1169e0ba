"""A SoQL query as a tree."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

LiteralValue = str | float | bool | None


@dataclass(frozen=True, slots=True)
class Constant:
    """A literal; a number is a float, a missing value is None."""

    value: LiteralValue


@dataclass(frozen=True, slots=True)
class Name:
    """A column or an alias. Two are equal wherever in the text they stand."""

    name: str
    position: int = field(compare=False, default=0)


@dataclass(frozen=True, slots=True)
class Call:
    """An operator or function with its arguments.

    Operators and special forms have the names they have in the portal's error messages: `op$=`,
    `op$AND`, `#BETWEEN`, `#IN`, `#LIKE`, `#IS_NULL`; functions are in lower case.
    """

    function: str
    arguments: tuple[Expression, ...]


Expression = Constant | Name | Call

Star = Literal["*", ":*"]


@dataclass(frozen=True, slots=True)
class Selected:
    """One selected expression and the alias it was given, if any."""

    expression: Expression
    alias: str | None = None


@dataclass(frozen=True, slots=True)
class Ordering:
    """One key of the order."""

    expression: Expression
    descending: bool = False


@dataclass(frozen=True, slots=True)
class Query:
    """A parsed query.

    Attributes:
        text: The text it was parsed from.
        stars: `:*` and `*`, which stand before everything else that is selected.
        selected: The other selected expressions.
        where: Condition on rows, or None.
        group: Grouping expressions or aliases.
        having: Condition on groups, or None.
        order: Sort keys, most significant first.
        limit: Most rows to answer with.
        offset: Rows to leave out first.
    """

    text: str
    stars: tuple[Star, ...]
    selected: tuple[Selected, ...]
    where: Expression | None
    group: tuple[Expression, ...]
    having: Expression | None
    order: tuple[Ordering, ...]
    limit: int
    offset: int
