"""Connection strings of Spark Connect: `sc://host:port/;name=value;...`."""

from __future__ import annotations

from urllib.parse import unquote

DEFAULT_PORT = 15002
# Parameters that say how to connect and as whom; the others are sent along as metadata.
_OWN_PARAMETERS = frozenset({"token", "use_ssl", "user_id", "user_agent", "session_id"})


def session_remote(remote: str, session_id: str, user_id: str) -> str:
    """Return a connection string for one session.

    Args:
        remote: Connection string of the server.
        session_id: A UUID.
        user_id: Used where `remote` names none.
    """
    parameters = remote_parameters(remote)
    base = remote.rstrip(";") if parameters else f"{remote.rstrip('/;')}/"
    if "user_id" not in parameters:
        base += f";user_id={user_id}"
    return f"{base};session_id={session_id}"


def remote_parameters(remote: str) -> dict[str, str]:
    """Return the parameters of a connection string."""
    _, _, text = remote.partition("/;")
    pairs = (part.split("=", 1) for part in text.split(";") if part)
    return {name: unquote(value) for name, value in pairs}


def remote_metadata(parameters: dict[str, str]) -> list[tuple[str, str]]:
    """Return what every call to the server has to carry along."""
    return [(name, value) for name, value in parameters.items() if name not in _OWN_PARAMETERS]


def remote_address(remote: str) -> str:
    """Return a connection string without its parameters, which may hold a token."""
    return remote.partition("/;")[0]
