"""HTTP to a SODA source: one request until it is answered, refused, or out of attempts."""

from __future__ import annotations

import logging
import ssl
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Final, TypeVar

import httpx
import stamina

from nyc311_assets.pipeline.soda.errors import (
    MalformedAnswerError,
    NoAnswerError,
    RequestRefusedError,
    RetryableError,
    SodaError,
    SourceBusyError,
    StaleReplicaError,
    ThrottledError,
)
from nyc311_assets.pipeline.soda.wire import (
    checked_address,
    is_loopback,
    retry_after_seconds,
    said,
    uncompressed,
)

Answer = TypeVar("Answer")

_PASSING: Final = frozenset(
    {
        HTTPStatus.OK,
        HTTPStatus.ACCEPTED,
        HTTPStatus.REQUEST_TIMEOUT,
        HTTPStatus.TOO_EARLY,
        HTTPStatus.TOO_MANY_REQUESTS,
    }
)
_EXCERPT_LENGTH: Final = 200
_logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """When to try again, and when to stop.

    Between attempts n and n + 1 pass `first_wait_seconds * 2**(n - 1)` seconds and a random part
    of up to `jitter_seconds`, together at most `longest_wait_seconds`; or what the source asks
    for by Retry-After, at most `longest_retry_after_seconds`.

    Attributes:
        attempts: Most attempts in all.
        deadline_seconds: No further attempt begins once so much time has passed since the first.
        first_wait_seconds: The wait after the first attempt, without the random part.
        longest_wait_seconds: Bound of the waits that the client chooses.
        jitter_seconds: Bound of the random part.
        longest_retry_after_seconds: Bound of the waits that the source asks for.
    """

    attempts: int = 8
    deadline_seconds: float = 600.0
    first_wait_seconds: float = 0.5
    longest_wait_seconds: float = 60.0
    jitter_seconds: float = 1.0
    longest_retry_after_seconds: float = 120.0


@dataclass(frozen=True, slots=True)
class Timeouts:
    """How long one attempt may take.

    Attributes:
        connect_seconds: To connect.
        read_seconds: Between two pieces of an answer, and before the first.
        answer_seconds: For the whole answer, however steadily it trickles in.
    """

    connect_seconds: float = 10.0
    read_seconds: float = 90.0
    answer_seconds: float = 300.0


class Transport:
    """Sends GET requests to one source, and tries again where that can help.

    Args:
        base_url: The source's address, as in `https://data.example.org`.
        app_token: Sent as X-App-Token; never part of a message, a log or this object's text.
        timeouts: Bounds of one attempt.
        retry: Bounds of all attempts.
        clock: The current time, for Retry-After in its form as a date.

    Raises:
        SodaError: The address is not an http or https address, or carries a user or password.
    """

    def __init__(
        self,
        base_url: str,
        *,
        app_token: str | None,
        timeouts: Timeouts,
        retry: RetryPolicy,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self.base_url = checked_address(base_url)
        self.retries = 0
        self._app_token = app_token or None
        self._timeouts = timeouts
        self._retry = retry
        self._clock = clock
        url = httpx.URL(self.base_url)
        local = is_loopback(url.host)
        headers = {
            "Accept": "application/json",
            # Over the loopback, compressing costs more time than it saves.
            "Accept-Encoding": "identity" if local else "gzip",
            "User-Agent": "nyc311-assets",
        }
        if self._app_token:
            headers["X-App-Token"] = self._app_token
        self._http = httpx.Client(
            base_url=self.base_url,
            headers=headers,
            timeout=httpx.Timeout(timeouts.read_seconds, connect=timeouts.connect_seconds),
            follow_redirects=False,
            trust_env=not local,
            # Reading the system's certificates takes 0.1 s. Plain HTTP needs none: this context
            # trusts nobody.
            verify=True if url.scheme == "https" else ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT),
        )

    def __repr__(self) -> str:
        return f"Transport({self.base_url!r})"

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def get(
        self,
        path: str,
        parameters: Mapping[str, str],
        what: str,
        read: Callable[[bytes], Answer],
    ) -> Answer:
        """The answer to one request, read by `read`.

        Args:
            path: Below the base address.
            parameters: URL parameters.
            what: What is asked for, for messages.
            read: Turns the body of a JSON answer into a value. When it raises a
                RetryableError, the request is sent again.

        Raises:
            RequestRefusedError: The source refuses; no further attempt is made.
            RetryableError: The last attempt's failure, when no attempt is left.
        """
        started = time.monotonic()
        attempts = 0
        policy = self._retry
        try:
            for attempt in stamina.retry_context(
                on=self._wait_before_next,
                attempts=policy.attempts,
                timeout=policy.deadline_seconds,
                wait_initial=policy.first_wait_seconds,
                wait_max=policy.longest_wait_seconds,
                wait_jitter=policy.jitter_seconds,
            ):
                attempts = attempt.num
                if attempts > 1:
                    self.retries += 1
                with attempt:
                    return self._attempt(path, parameters, what, read, attempts)
        except RetryableError as error:
            raise error.given_up(attempts, time.monotonic() - started) from error
        raise AssertionError("a retry context ends by returning or raising")

    def _wait_before_next(self, error: Exception) -> bool | float:
        if not isinstance(error, RetryableError):
            return False
        if error.retry_after_seconds is None:
            return True
        return min(
            max(error.retry_after_seconds, self._retry.first_wait_seconds),
            self._retry.longest_retry_after_seconds,
        )

    def _attempt(
        self,
        path: str,
        parameters: Mapping[str, str],
        what: str,
        read: Callable[[bytes], Answer],
        number: int,
    ) -> Answer:
        try:
            try:
                return read(self._send(path, parameters, what))
            except httpx.TransportError as error:
                raise NoAnswerError(
                    f"No answer from {self.base_url} for {what}: "
                    f"{type(error).__name__} {self._redacted(str(error))}."
                ) from error
        except RetryableError as error:
            _logger.warning("Attempt %d of %d failed: %s", number, self._retry.attempts, error)
            raise

    def _send(self, path: str, parameters: Mapping[str, str], what: str) -> bytes:
        with self._http.stream("GET", path, params=dict(parameters)) as response:
            raw = self._raw_body(response, what)
        encoding = response.headers.get("content-encoding", "identity")
        if response.status_code != HTTPStatus.OK:
            with suppress(MalformedAnswerError):
                raw = uncompressed(raw, encoding, what)
            raise self._failure(response, raw, what)
        body = uncompressed(raw, encoding, what)
        kind = response.headers.get("content-type", "no content type")
        if not kind.lower().startswith("application/json"):
            raise MalformedAnswerError(
                f"{self.base_url} answered with {kind} instead of JSON for {what}: "
                f"{self._excerpt(body)}."
            )
        if response.headers.get("x-soda2-data-out-of-date") == "true":
            raise StaleReplicaError(
                f"The replica of {self.base_url} that answered for {what} is behind the "
                "dataset's newest version."
            )
        return body

    def _raw_body(self, response: httpx.Response, what: str) -> bytes:
        deadline = time.monotonic() + self._timeouts.answer_seconds
        pieces = []
        try:
            for piece in response.iter_raw():
                pieces.append(piece)
                if time.monotonic() > deadline:
                    raise NoAnswerError(
                        f"The answer of {self.base_url} for {what} was still coming after "
                        f"{self._timeouts.answer_seconds:g} s."
                    )
        except httpx.TransportError:
            # A refusal stands, however badly its explanation arrives.
            if not _is_refusal(response):
                raise
        return b"".join(pieces)

    def _failure(self, response: httpx.Response, body: bytes, what: str) -> SodaError:
        status = response.status_code
        answered = f"{self.base_url} answered {status} for {what}: {self._excerpt(body)}."
        if _is_refusal(response):
            return RequestRefusedError(f"{answered} {self._remedy(response)}")
        retry_after = retry_after_seconds(response.headers.get("retry-after"), self._clock())
        if status == HTTPStatus.TOO_MANY_REQUESTS:
            return ThrottledError(answered, retry_after)
        return SourceBusyError(answered, retry_after)

    def _remedy(self, response: httpx.Response) -> str:
        if response.is_redirect:
            location = self._redacted(response.headers.get("location", "elsewhere"))
            return f"It points to {location}: set NYC311_SODA_URL to the address it moved to."
        match response.status_code:
            case HTTPStatus.UNAUTHORIZED | HTTPStatus.FORBIDDEN if self._app_token:
                return "Check that NYC311_SODA_APP_TOKEN is a valid app token of this portal."
            case HTTPStatus.UNAUTHORIZED | HTTPStatus.FORBIDDEN:
                return "The dataset may need an app token: set NYC311_SODA_APP_TOKEN."
            case HTTPStatus.NOT_FOUND:
                return "Check the dataset id and NYC311_SODA_URL."
            case _:
                return "The dataset's columns may have changed: compare them with its metadata."

    def _excerpt(self, body: bytes) -> str:
        return self._redacted(said(body))[:_EXCERPT_LENGTH] or "nothing"

    def _redacted(self, text: str) -> str:
        return text.replace(self._app_token, "***") if self._app_token else text


def _is_refusal(response: httpx.Response) -> bool:
    """Whether another attempt would get the same answer."""
    return not (response.status_code in _PASSING or response.is_server_error)
