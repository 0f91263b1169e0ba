"""SoQL text to tokens."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

from nyc311_assets.local.feed.soql.errors import MalformedQuery

TokenKind = Literal["name", "quoted_name", "text", "number", "symbol", "end"]

_TOKEN = re.compile(
    r"""
    (?P<blank>\s+)
  | (?P<number>\d+(?:\.\d*)?(?:[eE][+-]?\d+)?|\.\d+(?:[eE][+-]?\d+)?)
  | (?P<text>'(?:[^']|'')*')
  | (?P<quoted_name>`[^`]+`)
  | (?P<name>:?@?[A-Za-z_][A-Za-z0-9_]*)
  | (?P<symbol><=|>=|<>|!=|==|[=<>(),*:-])
    """,
    re.VERBOSE,
)


@dataclass(frozen=True, slots=True)
class Token:
    """A token, and the offset in the query at which it begins.

    A text's value is unquoted; a name's keeps its case.
    """

    kind: TokenKind
    value: str
    position: int

    def is_keyword(self, *words: str) -> bool:
        """Whether it is one of these unquoted words, in any case."""
        return self.kind == "name" and self.value.upper() in words


def tokenize(query: str) -> list[Token]:
    """All tokens, with one of kind `end` last.

    Raises:
        MalformedQuery: A character that begins no token, or a text that is not closed.
    """
    tokens: list[Token] = []
    position = 0
    while position < len(query):
        match = _TOKEN.match(query, position)
        if match is None:
            problem = (
                "the text that begins here has no closing quote"
                if query[position] == "'"
                else f"unexpected character `{query[position]}'"
            )
            raise MalformedQuery(query, position, problem)
        kind = match.lastgroup
        value = match.group()
        if kind == "text":
            tokens.append(Token("text", value[1:-1].replace("''", "'"), position))
        elif kind == "quoted_name":
            tokens.append(Token("quoted_name", value[1:-1], position))
        elif kind == "name":
            tokens.append(Token("name", value, position))
        elif kind == "number":
            tokens.append(Token("number", value, position))
        elif kind == "symbol":
            tokens.append(Token("symbol", value, position))
        position = match.end()
    tokens.append(Token("end", "end of query", len(query)))
    return tokens
