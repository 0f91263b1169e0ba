"""The channels that alerts go to: the log, Apprise URLs, and an Amazon SNS topic."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from typing import Protocol

import stamina

from nyc311_assets.resources.ledger_rows import Message
from nyc311_assets.settings import Settings

TIMEOUT_SECONDS = 5.0
_ATTEMPTS = 2
_LEVELS = {"info": logging.INFO, "warning": logging.WARNING, "critical": logging.CRITICAL}


class ChannelError(RuntimeError):
    """A message did not arrive; the text holds no secret."""


class Channel(Protocol):
    """Somewhere that messages go."""

    @property
    def name(self) -> str:
        """Names the channel in ops.alerts: stable, and without secrets."""

    def send(self, message: Message) -> None:
        """Send a message, within `TIMEOUT_SECONDS` for each wait and with one retry.

        Raises:
            ChannelError: It did not arrive, or it is not known whether it did.
        """


class LogChannel:
    """Writes alerts to a log."""

    name = "log"

    def __init__(self, log: logging.Logger) -> None:
        self._log = log

    def send(self, message: Message) -> None:
        """Write the message at the level of its severity."""
        self._log.log(_LEVELS[message.severity], "%s\n%s", message.title, message.body)


def with_retry(send: Callable[[], None]) -> None:
    """Send, and once more a little later if that fails.

    Raises:
        ChannelError: It failed both times.
    """
    for attempt in stamina.retry_context(
        on=ChannelError, attempts=_ATTEMPTS, wait_initial=0.5, wait_max=1.0, timeout=None
    ):
        with attempt:
            send()


def open_channels(settings: Settings, log: logging.Logger) -> Sequence[Channel]:
    """All configured channels; the log is always one.

    Args:
        settings: The project's.
        log: The log that alerts go to.

    Raises:
        ChannelError: An Apprise URL or the topic's ARN cannot be read.
    """
    # Apprise and boto3 take a second to import, which only alerts should wait for.
    from nyc311_assets.resources.channels_apprise import apprise_channels  # noqa: PLC0415
    from nyc311_assets.resources.channels_sns import SnsChannel  # noqa: PLC0415

    channels: list[Channel] = [LogChannel(log)]
    if settings.alert_urls:
        channels += apprise_channels(settings.alert_urls.get_secret_value())
    if settings.alert_topic_arn:
        channels.append(SnsChannel(settings.alert_topic_arn))
    return channels
