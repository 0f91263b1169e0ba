"""Alerts to an Amazon SNS topic."""

from __future__ import annotations

from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from nyc311_assets.resources.channels import TIMEOUT_SECONDS, ChannelError, with_retry
from nyc311_assets.resources.ledger_rows import Message

# What SNS takes.
_LONGEST_SUBJECT = 100
_MOST_ATTRIBUTES = 10
_LONGEST_BODY = 250_000
_PARTS_OF_ARN = 6


class SnsChannel:
    """One topic; who may publish is decided by AWS's own variables, profile or role."""

    name = "sns"

    def __init__(self, topic_arn: str) -> None:
        """Describe the channel; nothing is called yet.

        Raises:
            ChannelError: This is no ARN of a topic.
        """
        parts = topic_arn.split(":")
        if len(parts) != _PARTS_OF_ARN or parts[0] != "arn" or parts[2] != "sns":
            raise ChannelError(
                f"NYC311_ALERT_TOPIC_ARN: {topic_arn!r} is no ARN of an SNS topic "
                "(arn:aws:sns:<region>:<account>:<topic>)."
            )
        self._topic_arn = topic_arn
        self._region = parts[3]

    def send(self, message: Message) -> None:
        """Publish a message, its attributes beside it for subscriptions' filter policies.

        The attribute alert_id is the same each time that an alert is sent. A FIFO topic drops a
        repetition within five minutes by itself.

        Raises:
            ChannelError: AWS refused it, or did not answer in time.
        """
        try:
            client = boto3.client(
                "sns",
                region_name=self._region,
                config=Config(
                    connect_timeout=TIMEOUT_SECONDS,
                    read_timeout=TIMEOUT_SECONDS,
                    retries={"total_max_attempts": 1},
                ),
            )
        except (BotoCoreError, ValueError) as error:
            raise ChannelError(f"{self.name}: {error}") from error
        with_retry(lambda: self._publish(client, message))

    def _publish(self, client: Any, message: Message) -> None:
        attributes = {"alert_id": message.alert_id, "severity": message.severity}
        attributes |= {name: text for name, text in message.attributes.items() if text}
        request: dict[str, Any] = {
            "TopicArn": self._topic_arn,
            "Subject": _subject(message.title),
            "Message": message.body[:_LONGEST_BODY],
            "MessageAttributes": {
                name: {"DataType": "String", "StringValue": text}
                for name, text in list(attributes.items())[:_MOST_ATTRIBUTES]
            },
        }
        if self._topic_arn.endswith(".fifo"):
            request["MessageGroupId"] = "nyc311"
            request["MessageDeduplicationId"] = message.alert_id
        try:
            client.publish(**request)
        except (BotoCoreError, ClientError) as error:
            raise ChannelError(f"{self.name}: {error}") from error


def _subject(title: str) -> str:
    """ASCII on one line: SNS refuses anything else."""
    line = " ".join(title.encode("ascii", "replace").decode().split())
    return line if len(line) <= _LONGEST_SUBJECT else f"{line[: _LONGEST_SUBJECT - 3]}..."
