"""Ends a session on the Spark Connect server, with all that still runs in it, or readies it anew.

A task that is killed cannot end its session itself, and its queries would go on writing. What
Python code Spark runs for them (a UDF, a data source) ends at its next batch: nobody takes it any
more.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlsplit

import grpc
from pyspark.sql.connect.proto import base_pb2 as protocol
from pyspark.sql.connect.proto import commands_pb2 as commands
from pyspark.sql.connect.proto import relations_pb2 as relations

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
    with _calls(remote, timeout_seconds) as session:
        try:
            if session.interrupt():
                time.sleep(_UNWIND_SECONDS)
            session.release()
        except grpc.RpcError as error:
            if not _says(error, "SESSION_CLOSED", "SESSION_NOT_FOUND"):
                raise SessionNotEnded(
                    f"Spark did not end session {session.id}: {_words(error)}"
                ) from error


def is_at_rest(remote: str, timeout_seconds: float) -> bool:
    """Interrupt what still runs in a session; tell whether that was nothing.

    A session that cannot be asked is not at rest.
    """
    with _calls(remote, timeout_seconds) as session:
        try:
            return not session.interrupt()
        except grpc.RpcError:
            return False


def reset_session(remote: str, timeout_seconds: float) -> bool:
    """Set a session's settings back to the server's; tell whether it is there and did it."""
    with _calls(remote, timeout_seconds) as session:
        try:
            session.execute("RESET")
        except grpc.RpcError:
            return False
        return True


class _Session:
    """The calls of the protocol that concern one session; each raises grpc.RpcError."""

    def __init__(
        self, channel: grpc.Channel, parameters: dict[str, str], timeout_seconds: float
    ) -> None:
        self.id = parameters["session_id"]
        self._channel = channel
        self._user = protocol.UserContext(user_id=parameters["user_id"])
        self._options: dict[str, Any] = {
            "timeout": timeout_seconds,
            "metadata": remote_metadata(parameters),
        }

    def interrupt(self) -> list[str]:
        """Interrupt every operation; return the ids of those that ran."""
        call = self._channel.unary_unary(
            f"{_SERVICE}/Interrupt",
            request_serializer=protocol.InterruptRequest.SerializeToString,
            response_deserializer=protocol.InterruptResponse.FromString,
        )
        request = protocol.InterruptRequest(
            session_id=self.id,
            user_context=self._user,
            interrupt_type=protocol.InterruptRequest.INTERRUPT_TYPE_ALL,
        )
        return list(call(request, **self._options).interrupted_ids)

    def release(self) -> None:
        """Close it, when its operations are over."""
        call = self._channel.unary_unary(
            f"{_SERVICE}/ReleaseSession",
            request_serializer=protocol.ReleaseSessionRequest.SerializeToString,
        )
        request = protocol.ReleaseSessionRequest(session_id=self.id, user_context=self._user)
        call(request, **self._options)

    def execute(self, statement: str) -> None:
        """Run a SQL statement that has no result."""
        call = self._channel.unary_stream(
            f"{_SERVICE}/ExecutePlan",
            request_serializer=protocol.ExecutePlanRequest.SerializeToString,
        )
        query = relations.Relation(sql=relations.SQL(query=statement))
        command = commands.Command(sql_command=commands.SqlCommand(input=query))
        request = protocol.ExecutePlanRequest(
            session_id=self.id, user_context=self._user, plan=protocol.Plan(command=command)
        )
        for _ in call(request, **self._options):
            pass


@contextmanager
def _calls(remote: str, timeout_seconds: float) -> Iterator[_Session]:
    parameters = remote_parameters(remote)
    with _channel(remote, parameters) as channel:
        yield _Session(channel, parameters, timeout_seconds)


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
