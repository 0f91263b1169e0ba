"""Keeps secrets out of what people read."""

from __future__ import annotations

import itertools
from collections.abc import Iterable

_REDACTED = "[REDACTED]"


class Redactor:
    """Blacks out the secrets that it knows."""

    def __init__(self, secrets: Iterable[str | None]) -> None:
        """Create a redactor.

        Args:
            secrets: What nobody should read; those that are unset are passed over.
        """
        # The longest first: one secret may begin with another.
        self._secrets = sorted({text for text in secrets if text}, key=len, reverse=True)

    def __call__(self, text: str) -> str:
        """Return the text without the secrets."""
        for secret in self._secrets:
            text = text.replace(secret, _REDACTED)
        return text

    def clean(self, error: BaseException) -> None:
        """Black out the secrets in an exception and in all that caused it, in place.

        Whoever shows an exception shows its causes, and a server's answer may repeat what it was
        asked with.
        """
        links = [error]
        while (follower := links[-1].__cause__ or links[-1].__context__) is not None:
            if any(follower is link for link in links):
                break
            links.append(follower)
        for link in links:
            link.args = tuple(self(part) if isinstance(part, str) else part for part in link.args)
        for link, follower in itertools.pairwise(links):
            text = str(follower)
            if self(text) != text:
                # Its text is made of more than its arguments.
                link.__cause__ = RuntimeError(f"{type(follower).__name__}: {self(text)}")
                return
