"""Secret scopes: values go in and are never read back, except into a task's environment."""

from __future__ import annotations

import re
import time
from collections.abc import Mapping
from dataclasses import dataclass, field

_NAME = re.compile(r"[\w.-]{1,128}")
_REFERENCE = re.compile(r"\{\{\s*secrets/([\w.-]+)/([\w.-]+)\s*\}\}")
VALUE_LIMIT_BYTES = 128 * 1024


class SecretMissing(LookupError):
    """A task refers to a secret that is not there."""


@dataclass(frozen=True)
class Secret:
    """A value, and when it was put."""

    value: str = field(repr=False)
    updated_milliseconds: int


class SecretStore:
    """Scopes of secrets, in memory only: they are gone with the server."""

    def __init__(self) -> None:
        self._scopes: dict[str, dict[str, Secret]] = {}

    @property
    def scopes(self) -> Mapping[str, Mapping[str, Secret]]:
        """All scopes, by name, with their secrets by key."""
        return self._scopes

    def create_scope(self, scope: str) -> None:
        """Add an empty scope."""
        self._scopes[scope] = {}

    def put(self, scope: str, key: str, value: str) -> None:
        """Add or replace a secret of a scope that is there."""
        self._scopes[scope][key] = Secret(value, int(time.time() * 1000))

    def resolve(self, text: str) -> tuple[str, tuple[str, ...]]:
        """Replace each `{{secrets/scope/key}}` in a text.

        Returns:
            The text, and the values that are now in it.

        Raises:
            SecretMissing: One of them does not exist.
        """
        used = []

        def value(reference: re.Match[str]) -> str:
            scope, key = reference.groups()
            secret = self._scopes.get(scope, {}).get(key)
            if secret is None:
                raise SecretMissing(
                    f"Secret {scope}/{key} does not exist: put it with the Secrets API."
                )
            used.append(secret.value)
            return secret.value

        return _REFERENCE.sub(value, text), tuple(used)


def is_valid_name(name: str) -> bool:
    """Tell whether a scope or a key may be called that."""
    return _NAME.fullmatch(name) is not None
