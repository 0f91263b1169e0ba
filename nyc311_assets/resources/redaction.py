"""Keeps secrets out of what people read."""

from __future__ import annotations

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
