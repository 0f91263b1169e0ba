"""What to do about what another system says."""

from __future__ import annotations

from collections.abc import Sequence

# Signs in lower case, and the remedy for what shows one of them.
Remedies = Sequence[tuple[Sequence[str], str]]


def remedy_for(said: str, remedies: Remedies) -> str | None:
    """The first remedy one of whose signs is in a text, whatever its case; None if none is."""
    lowered = said.lower()
    for signs, remedy in remedies:
        if any(sign in lowered for sign in signs):
            return remedy
    return None
