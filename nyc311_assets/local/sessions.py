"""Ends a task's session on the Spark Connect server, with everything that still runs in it.

A task that is killed cannot do this itself, and its queries would go on writing. The two messages
are written out by hand (they are a text and a number each; field numbers from Spark's
`spark/connect/base.proto`), because importing Spark's client takes two seconds and 150 MB.
"""

from __future__ import annotations

from urllib.parse import unquote, urlsplit

import grpc

_SERVICE = "/spark.connect.SparkConnectService"
_SESSION_ID, _USER_CONTEXT, _INTERRUPT_TYPE = 1, 2, 4
_USER_ID = 1
_INTERRUPT_TYPE_ALL = 1
_DEFAULT_PORT = 15002
# A varint has seven bits a byte; this one says that more follow.
_CONTINUED = 0x80
# Parameters of a connection string that are not sent as metadata.
_OWN_PARAMETERS = {"token", "use_ssl", "user_id", "user_agent", "session_id"}


class SessionNotEnded(RuntimeError):
    """Spark did not confirm that a session has ended; what it ran may still run."""


def session_remote(remote: str, session_id: str, user_id: str) -> str:
    """Return a connection string for one session.

    Args:
        remote: Connection string of the server.
        session_id: A UUID.
        user_id: Used where `remote` names none.
    """
    parameters = _parameters(remote)
    base = remote.rstrip(";") if parameters else f"{remote.rstrip('/;')}/"
    if "user_id" not in parameters:
        base += f";user_id={user_id}"
    return f"{base};session_id={session_id}"


def end_session(remote: str, timeout_seconds: float) -> None:
    """Interrupt every operation of a session and close it, for good.

    Args:
        remote: Connection string with a session id, as `session_remote` returns it.
        timeout_seconds: For each of the two calls.

    Raises:
        SessionNotEnded: Spark refused, or did not answer in time.
    """
    parameters = _parameters(remote)
    identity = _text(_SESSION_ID, parameters["session_id"]) + _text(
        _USER_CONTEXT, _text(_USER_ID, parameters["user_id"])
    )
    metadata = [(name, value) for name, value in parameters.items() if name not in _OWN_PARAMETERS]
    with _channel(remote, parameters) as channel:
        for method, request in (
            ("Interrupt", identity + _number(_INTERRUPT_TYPE, _INTERRUPT_TYPE_ALL)),
            ("ReleaseSession", identity),
        ):
            call = channel.unary_unary(f"{_SERVICE}/{method}")
            try:
                call(request, timeout=timeout_seconds, metadata=metadata)
            except grpc.RpcError as error:
                if _is_closed_already(error):
                    continue
                raise SessionNotEnded(
                    f"Spark did not end session {parameters['session_id']} ({method}): {error}"
                ) from error


def _is_closed_already(error: grpc.RpcError) -> bool:
    return "SESSION_CLOSED" in str(error) or "SESSION_NOT_FOUND" in str(error)


def _parameters(remote: str) -> dict[str, str]:
    _, _, text = remote.partition("/;")
    pairs = (part.split("=", 1) for part in text.split(";") if part)
    return {name: unquote(value) for name, value in pairs}


def _channel(remote: str, parameters: dict[str, str]) -> grpc.Channel:
    """Open a channel with the credentials that Spark's own client would use."""
    address = urlsplit(remote)
    target = f"{address.hostname}:{address.port or _DEFAULT_PORT}"
    token = parameters.get("token")
    use_ssl = parameters.get("use_ssl", "").lower() == "true"
    if token is None and not use_ssl:
        return grpc.insecure_channel(target)
    if not use_ssl and address.hostname == "localhost":
        credentials = grpc.local_channel_credentials()
    else:
        credentials = grpc.ssl_channel_credentials()
    if token is not None:
        credentials = grpc.composite_channel_credentials(
            credentials, grpc.access_token_call_credentials(token)
        )
    return grpc.secure_channel(target, credentials)


def _text(field: int, value: str | bytes) -> bytes:
    """Encode a length-delimited protobuf field."""
    content = value.encode() if isinstance(value, str) else value
    return bytes([field << 3 | 2]) + _varint(len(content)) + content


def _number(field: int, value: int) -> bytes:
    """Encode a varint protobuf field."""
    return bytes([field << 3]) + _varint(value)


def _varint(value: int) -> bytes:
    encoded = bytearray()
    while value >= _CONTINUED:
        encoded.append(value % _CONTINUED | _CONTINUED)
        value //= _CONTINUED
    encoded.append(value)
    return bytes(encoded)
