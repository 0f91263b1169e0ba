"""Alerts through Apprise: Slack, e-mail, Teams, webhooks and some hundred other services."""

from __future__ import annotations

import hashlib
import logging
import re
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from urllib.parse import unquote, urlsplit

import apprise

from nyc311_assets.resources.channels import TIMEOUT_SECONDS, ChannelError, with_retry
from nyc311_assets.resources.ledger_rows import Message
from nyc311_assets.resources.redaction import Redactor

_TYPES = {"info": "info", "warning": "warning", "critical": "failure"}
_LEAST_SECRET = 4
_LONGEST_ERROR = 500
_LOG = logging.getLogger("apprise")
# At DEBUG these two log whole URLs, in which a webhook's key stands.
_LOG.setLevel(logging.WARNING)
logging.getLogger("urllib3.connectionpool").setLevel(logging.INFO)


def apprise_channels(urls: str) -> list[AppriseChannel]:
    """A channel for each URL.

    Args:
        urls: Separated by commas or white space; a comma within a URL is kept.

    Raises:
        ChannelError: A URL is of no service that Apprise knows. It is named by its place, as it
            may hold secrets.
    """
    channels: list[AppriseChannel] = []
    for place, url in enumerate(split_urls(urls), start=1):
        taken = {each.name for each in channels}
        channels.append(AppriseChannel(url, place, taken))
    return channels


def split_urls(urls: str) -> Sequence[str]:
    """Single URLs: they begin with a scheme, after a comma or white space."""
    parts = re.split(r"[\s,]+(?=[A-Za-z][A-Za-z0-9+.-]*://)|\s+", urls.strip(" \t\r\n,"))
    return [part.strip(",") for part in parts if part.strip(",")]


class AppriseChannel:
    """One Apprise URL.

    Attributes:
        name: Its scheme and some digits of the URL without its secrets, so that it stays the same
            when URLs change places or a password does.
    """

    def __init__(self, url: str, place: int = 1, taken: Sequence[str] | set[str] = ()) -> None:
        """Read a URL.

        Args:
            url: As Apprise takes it.
            place: Its place among the configured ones, for errors.
            taken: Names of other channels.

        Raises:
            ChannelError: It is of no service that Apprise knows.
        """
        scheme = urlsplit(url).scheme
        self._redact = Redactor(_secrets(url))
        self._url = url
        with _warnings_of_this_thread() as warnings:
            service = apprise.Apprise.instantiate(url)
        if service is None:
            raise ChannelError(
                f"NYC311_ALERT_URLS: the URL number {place} ({scheme}://…) is none that Apprise "
                f"can use{self._told(warnings)}. See https://github.com/caronc/apprise/wiki."
            )
        self._service = service
        shown: str = service.url(privacy=True)  # type: ignore[no-untyped-call] # Apprise's own
        self.name, number = f"{scheme}-{hashlib.sha256(shown.encode()).hexdigest()[:8]}", 2
        base = self.name
        while self.name in taken:
            self.name, number = f"{base}-{number}", number + 1
        # A URL may set its own by ?cto= and ?rto=, but not longer ones: the tick must end.
        service.socket_connect_timeout = min(service.socket_connect_timeout or 99, TIMEOUT_SECONDS)
        service.socket_read_timeout = min(service.socket_read_timeout or 99, TIMEOUT_SECONDS)

    def send(self, message: Message) -> None:
        """Send a message.

        Where the service takes headers (json://, xml://, form://) it gets the alert's id as
        Idempotency-Key, so that a receiver can drop what is sent again after a crash.

        Raises:
            ChannelError: The service refused it, or did not answer in time.
        """
        headers = getattr(self._service, "headers", None)
        if isinstance(headers, dict):
            headers["Idempotency-Key"] = message.alert_id
        with_retry(lambda: self._send(message))

    def _send(self, message: Message) -> None:
        with _warnings_of_this_thread() as warnings:
            try:
                arrived = self._service.notify(
                    title=message.title,
                    body=message.body,
                    notify_type=apprise.NotifyType(_TYPES[message.severity]),
                    body_format=apprise.NotifyFormat.TEXT,
                )
            # Any of some hundred plugins may raise what it likes.
            except Exception as error:  # noqa: BLE001
                told = self._redact(f"{type(error).__name__}: {error}")
                raise ChannelError(f"{self.name}: {told}"[:_LONGEST_ERROR]) from None
        if not arrived:
            raise ChannelError(
                f"{self.name}: the service did not take it{self._told(warnings)}"[:_LONGEST_ERROR]
            )

    def _told(self, warnings: Sequence[str]) -> str:
        text = self._redact(" ".join(" ".join(warnings).split()))
        return f": {text}" if text else ""


def _secrets(url: str) -> Iterator[str]:
    """All of a URL that may be secret: a webhook's host or path may be its key."""
    parts = urlsplit(url)
    yield url
    yield parts.netloc
    if parts.password:
        yield from (parts.password, unquote(parts.password))
    pieces = re.split(r"[/?&=:@,#]+", f"{parts.netloc}/{parts.path}?{parts.query}")
    for piece in pieces:
        if len(piece) >= _LEAST_SECRET and not piece.isdigit():
            yield from (piece, unquote(piece))


class _ThreadHandler(logging.Handler):
    """Keeps warnings of one thread: other channels send at the same time."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.texts: list[str] = []
        self._thread = threading.get_ident()

    def emit(self, record: logging.LogRecord) -> None:
        if record.thread == self._thread:
            self.texts.append(record.getMessage())


@contextmanager
def _warnings_of_this_thread() -> Iterator[list[str]]:
    """Collect what Apprise would log, as that may name secrets: it goes nowhere else."""
    handler = _ThreadHandler()
    _LOG.propagate = False
    _LOG.addHandler(handler)
    try:
        yield handler.texts
    finally:
        _LOG.removeHandler(handler)
