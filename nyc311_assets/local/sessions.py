"""Ends a task's session on the Spark Connect server, with everything that still runs in it.

A task that is killed cannot do this itself, and its queries would go on writing. What Python code
Spark runs for them (a UDF, a data source) ends at its next batch: nobody takes it any more.
"""

from __future__ import annotations

import time
from urllib.parse import urlsplit

import grpc
from pyspark.sql.connect.proto import base_pb2 as protocol

from nyc311_assets.local.spark_remote import DEFAULT_PORT, remote_metadata, remote_parameters

_SERVICE = "/spark.connect.SparkConnectService"
_UNWIND_SECONDS = 2.0


class SessionNotEnded(RuntimeError):
    """Spark did not confirm that a session has ended; what it ran may still run."""


def end_session(remote: str, timeout_seconds: float) -> None:
    """Interrupt every operation of a session, and close the session when they have ended.

    Spark has no call that tells whether an interrupted operation is over, but it does not close a
    session before: the operations get a moment to unwind, and then the answer to the close is the
    proof.

    Args:
        remote: Connection string with a user and a session, as `session_remote` returns it.
        timeout_seconds: For each of the two calls.

    Raises:
        SessionNotEnded: Spark refused, did not answer in time, or an operation was not over.
    """
    parameters = remote_parameters(remote)
    session_id = parameters["session_id"]
    user = protocol.UserContext(user_id=parameters["user_id"])
    metadata = remote_metadata(parameters)
    with _channel(remote, parameters) as channel:
        interrupt = channel.unary_unary(
            f"{_SERVICE}/Interrupt",
            request_serializer=protocol.InterruptRequest.SerializeToString,
            response_deserializer=protocol.InterruptResponse.FromString,
        )
        release = channel.unary_unary(
            f"{_SERVICE}/ReleaseSession",
            request_serializer=protocol.ReleaseSessionRequest.SerializeToString,
        )
        try:
            interrupted = interrupt(
                protocol.InterruptRequest(
                    session_id=session_id,
                    user_context=user,
                    interrupt_type=protocol.InterruptRequest.INTERRUPT_TYPE_ALL,
                ),
                timeout=timeout_seconds,
                metadata=metadata,
            )
            if interrupted.interrupted_ids:
                time.sleep(_UNWIND_SECONDS)
            release(
                protocol.ReleaseSessionRequest(session_id=session_id, user_context=user),
                timeout=timeout_seconds,
                metadata=metadata,
            )
        except grpc.RpcError as error:
            if not _says(error, "SESSION_CLOSED", "SESSION_NOT_FOUND"):
                raise SessionNotEnded(
                    f"Spark did not end session {session_id}: {_words(error)}"
                ) from error


def _says(error: grpc.RpcError, *conditions: str) -> bool:
    return any(condition in str(error) for condition in conditions)


def _words(error: grpc.RpcError) -> str:
    """Return what an error says, without the channel's own report."""
    if isinstance(error, grpc.Call):
        return f"{error.code().name}: {' '.join((error.details() or '').split())}"
    return str(error)


def _channel(remote: str, parameters: dict[str, str]) -> grpc.Channel:
    """Open a channel with the credentials that Spark's own client would use."""
    address = urlsplit(remote)
    target = f"{address.hostname}:{address.port or DEFAULT_PORT}"
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
