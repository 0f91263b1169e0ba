"""SoQL text to a tree, by recursive descent.

The grammar is the part of SoQL 2.1 that a reader of one dataset needs: SELECT, WHERE, GROUP BY,
HAVING, ORDER BY, LIMIT and OFFSET over columns, literals and function calls; no joins, no
arithmetic, no sub-queries. As at the portal, `:*` and `*` stand before every other selection.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TypeVar

from nyc311_assets.local.feed.soql.errors import MalformedQuery, SoqlError
from nyc311_assets.local.feed.soql.lexer import Token, tokenize
from nyc311_assets.local.feed.soql.syntax import (
    Call,
    Constant,
    Expression,
    Name,
    Ordering,
    Query,
    Selected,
    Star,
)

DEFAULT_LIMIT = 1000

_COMPARISONS = {
    "=": "op$=",
    "==": "op$=",
    "!=": "op$!=",
    "<>": "op$!=",
    "<": "op$<",
    "<=": "op$<=",
    ">": "op$>",
    ">=": "op$>=",
}
_RESERVED = frozenset(
    [
        "SELECT",
        "WHERE",
        "GROUP",
        "BY",
        "HAVING",
        "ORDER",
        "LIMIT",
        "OFFSET",
        "AND",
        "OR",
        "NOT",
        "IN",
        "IS",
        "BETWEEN",
        "LIKE",
        "AS",
        "ASC",
        "DESC",
    ]
)
_CLAUSES = (
    ("SELECT", "$select"),
    ("WHERE", "$where"),
    ("GROUP BY", "$group"),
    ("HAVING", "$having"),
    ("ORDER BY", "$order"),
    ("LIMIT", "$limit"),
    ("OFFSET", "$offset"),
)

T = TypeVar("T")


def query_from_parameters(parameters: Mapping[str, str]) -> Query:
    """The query that a request's URL parameters make.

    `$query` is a whole query; otherwise the `$` clauses are put together into one. A parameter
    without `$` is a simple filter, column = value. Those that begin with `$$` are no part of it.

    Raises:
        SoqlError: An unknown parameter, or text that is no SoQL.
    """
    known = {parameter for _, parameter in _CLAUSES} | {"$query"}
    clauses = {name: value for name, value in parameters.items() if name in known}
    filters: dict[str, str] = {}
    for name, value in parameters.items():
        if name.startswith("$") and not name.startswith("$$") and name not in known:
            raise SoqlError(
                f"Unrecognized arguments [{name}]; known are {', '.join(sorted(known))}",
                arguments=[name],
            )
        if not name.startswith("$"):
            filters[name] = value
    if "$query" in clauses:
        if len(clauses) > 1 or filters:
            raise SoqlError("$query is a whole query; no other clause may stand beside it")
        return parse(clauses["$query"])
    for name, value in filters.items():
        condition = f"`{name}` = '" + value.replace("'", "''") + "'"
        clauses["$where"] = (
            f"({clauses['$where']}) AND {condition}" if "$where" in clauses else condition
        )
    clauses.setdefault("$select", "*")
    return parse(
        " ".join(
            f"{keyword} {clauses[parameter]}"
            for keyword, parameter in _CLAUSES
            if parameter in clauses
        )
    )


def parse(text: str) -> Query:
    """Parse a whole query.

    Raises:
        MalformedQuery: The text is no SoQL; the error says where and what was expected.
    """
    return _Parser(text).query()


class _Parser:
    def __init__(self, text: str) -> None:
        self._text = text
        self._tokens = tokenize(text)
        self._next = 0

    def query(self) -> Query:
        self._expect_word("SELECT")
        stars, selected = self._selection()
        where = self._expression() if self._accept_word("WHERE") else None
        group = self._list(self._expression) if self._accept_words("GROUP", "BY") else ()
        having = self._expression() if self._accept_word("HAVING") else None
        order = self._list(self._ordering) if self._accept_words("ORDER", "BY") else ()
        limit = self._whole_number() if self._accept_word("LIMIT") else DEFAULT_LIMIT
        offset = self._whole_number() if self._accept_word("OFFSET") else 0
        if self._peek.kind != "end":
            raise self._error("the end of the query or the next clause")
        return Query(self._text, stars, selected, where, group, having, order, limit, offset)

    @property
    def _peek(self) -> Token:
        return self._tokens[self._next]

    def _advance(self) -> Token:
        token = self._peek
        self._next += 1
        return token

    def _error(self, expected: str) -> MalformedQuery:
        token = self._peek
        return MalformedQuery(
            self._text, token.position, f"Expected {expected}, but got `{token.value}'"
        )

    def _accept_symbol(self, symbol: str) -> bool:
        if self._peek.kind == "symbol" and self._peek.value == symbol:
            self._next += 1
            return True
        return False

    def _expect_symbol(self, symbol: str) -> None:
        if not self._accept_symbol(symbol):
            raise self._error(f"`{symbol}'")

    def _accept_word(self, word: str) -> bool:
        if self._peek.is_keyword(word):
            self._next += 1
            return True
        return False

    def _accept_words(self, first: str, second: str) -> bool:
        if not self._accept_word(first):
            return False
        self._expect_word(second)
        return True

    def _expect_word(self, word: str) -> None:
        if not self._accept_word(word):
            raise self._error(f"`{word}'")

    def _list(self, item: Callable[[], T]) -> tuple[T, ...]:
        items = [item()]
        while self._accept_symbol(","):
            items.append(item())
        return tuple(items)

    def _whole_number(self) -> int:
        token = self._peek
        if token.kind != "number" or not token.value.isdigit():
            raise self._error("a whole number")
        return int(self._advance().value)

    def _selection(self) -> tuple[tuple[Star, ...], tuple[Selected, ...]]:
        stars: list[Star] = []
        more = True
        if self._accept_system_star():
            stars.append(":*")
            more = self._accept_symbol(",")
        if more and self._accept_symbol("*"):
            stars.append("*")
            more = self._accept_symbol(",")
        return tuple(stars), self._list(self._selected) if more else ()

    def _accept_system_star(self) -> bool:
        here, after = self._peek, self._tokens[min(self._next + 1, len(self._tokens) - 1)]
        if here.value == ":" and here.kind == "symbol" and after.value == "*":
            self._next += 2
            return True
        return False

    def _selected(self) -> Selected:
        expression = self._expression()
        if not self._accept_word("AS"):
            return Selected(expression)
        if self._peek.kind not in ("name", "quoted_name"):
            raise self._error("an alias")
        return Selected(expression, self._advance().value.lower())

    def _ordering(self) -> Ordering:
        expression = self._expression()
        if self._accept_word("DESC"):
            return Ordering(expression, descending=True)
        self._accept_word("ASC")
        return Ordering(expression)

    def _expression(self) -> Expression:
        left = self._conjunction()
        while self._accept_word("OR"):
            left = Call("op$OR", (left, self._conjunction()))
        return left

    def _conjunction(self) -> Expression:
        left = self._negation()
        while self._accept_word("AND"):
            left = Call("op$AND", (left, self._negation()))
        return left

    def _negation(self) -> Expression:
        if self._accept_word("NOT"):
            return Call("op$NOT", (self._negation(),))
        return self._comparison()

    def _comparison(self) -> Expression:
        left = self._primary()
        while True:
            token = self._peek
            if token.kind == "symbol" and token.value in _COMPARISONS:
                self._next += 1
                left = Call(_COMPARISONS[token.value], (left, self._primary()))
            elif self._accept_word("IS"):
                left = self._is_null(left)
            elif token.is_keyword("NOT", "BETWEEN", "IN", "LIKE"):
                left = self._special_form(left)
            else:
                return left

    def _is_null(self, left: Expression) -> Expression:
        negated = self._accept_word("NOT")
        self._expect_word("NULL")
        return Call("#IS_NOT_NULL" if negated else "#IS_NULL", (left,))

    def _special_form(self, left: Expression) -> Expression:
        negated = self._accept_word("NOT")
        form: Expression
        if self._accept_word("BETWEEN"):
            low = self._primary()
            self._expect_word("AND")
            form = Call("#BETWEEN", (left, low, self._primary()))
        elif self._accept_word("IN"):
            self._expect_symbol("(")
            form = Call("#IN", (left, *self._list(self._primary)))
            self._expect_symbol(")")
        elif self._accept_word("LIKE"):
            form = Call("#LIKE", (left, self._primary()))
        else:
            raise self._error("`BETWEEN', `IN' or `LIKE'")
        return Call("op$NOT", (form,)) if negated else form

    def _primary(self) -> Expression:
        token = self._peek
        if self._accept_symbol("("):
            inner = self._expression()
            self._expect_symbol(")")
            return inner
        if self._accept_symbol("-"):
            if self._peek.kind != "number":
                raise self._error("a number")
            return Constant(-float(self._advance().value))
        if token.kind == "number":
            return Constant(float(self._advance().value))
        if token.kind == "text":
            return Constant(self._advance().value)
        if token.kind == "quoted_name":
            return Name(self._advance().value.lower(), token.position)
        if token.kind == "name" and token.value.upper() not in _RESERVED:
            return self._name_or_call()
        raise self._error("an expression")

    def _name_or_call(self) -> Expression:
        token = self._advance()
        name = token.value.lower()
        if self._accept_symbol("("):
            if self._accept_symbol("*"):
                self._expect_symbol(")")
                return Call(f"{name}/*", ())
            arguments = self._list(self._expression)
            self._expect_symbol(")")
            return Call(name, arguments)
        if name in ("true", "false"):
            return Constant(name == "true")
        return Constant(None) if name == "null" else Name(name, token.position)
