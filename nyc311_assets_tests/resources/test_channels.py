from __future__ import annotations

import json
import logging
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import boto3
import pytest
from moto.server import ThreadedMotoServer
from pydantic import SecretStr

from nyc311_assets.resources import channels_apprise
from nyc311_assets.resources.channels import ChannelError, LogChannel, open_channels
from nyc311_assets.resources.channels_apprise import AppriseChannel, apprise_channels, split_urls
from nyc311_assets.resources.channels_sns import SnsChannel
from nyc311_assets.resources.ledger_rows import Message
from nyc311_assets.settings import Settings
from nyc311_assets_tests.infrastructure.servers import free_port

MESSAGE = Message(
    "a1b2", "critical", "Noise in BRONX: höher", "Body\nof it", {"kind": "confirmed", "borough": "BRONX"}
)  # fmt: skip


class Service:
    """A web service that answers as it is told, and keeps what it got."""

    def __init__(self) -> None:
        self.status = 200
        self.sleep = 0.0
        self.got: list[tuple[dict[str, str], Any]] = []
        service = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                content = self.rfile.read(int(self.headers["Content-Length"]))
                service.got.append((dict(self.headers), json.loads(content)))
                time.sleep(service.sleep)
                self.send_response(service.status)
                self.end_headers()

            def log_message(self, *_args: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.port = self.server.server_port
        threading.Thread(target=self.server.serve_forever, daemon=True).start()


@pytest.fixture
def service() -> Iterator[Service]:
    running = Service()
    yield running
    running.server.shutdown()
    running.server.server_close()


def test_a_webhook_gets_title_body_and_an_idempotency_key(service: Service) -> None:
    AppriseChannel(f"json://127.0.0.1:{service.port}/hook").send(MESSAGE)
    ((headers, content),) = service.got
    assert (content["title"], content["message"]) == (MESSAGE.title, MESSAGE.body)
    assert content["type"] == "failure"
    assert headers["Idempotency-Key"] == MESSAGE.alert_id


def test_a_service_that_answers_500_is_tried_once_more_and_named_without_its_secrets(
    service: Service, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    service.status = 500
    url = f"json://bot:hunter2@127.0.0.1:{service.port}/T0KENT0KEN?key=QUERYKEY"
    with caplog.at_level(logging.DEBUG), pytest.raises(ChannelError, match="500") as error:
        AppriseChannel(url).send(MESSAGE)
    assert len(service.got) == 2
    shown = str(error.value) + caplog.text + "".join(capfd.readouterr()) + AppriseChannel(url).name
    for secret in ("hunter2", "T0KENT0KEN", "QUERYKEY"):
        assert secret not in shown


def test_a_service_that_is_down_or_slow_is_given_up_after_the_timeout(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(ChannelError, match="did not take it"):
        AppriseChannel(f"json://127.0.0.1:{free_port()}/").send(MESSAGE)
    monkeypatch.setattr(channels_apprise, "TIMEOUT_SECONDS", 0.2)
    service.sleep = 2
    # A longer timeout in the URL does not hold up the tick.
    with pytest.raises(ChannelError, match="did not take it"):
        AppriseChannel(f"json://127.0.0.1:{service.port}/?rto=60").send(MESSAGE)


def test_urls_are_split_at_commas_and_spaces_but_not_within() -> None:
    assert split_urls(" json://a/b,c , slack://x/y/z\nmailto://u:p@h?to=a@b,c@d ") == [
        "json://a/b,c", "slack://x/y/z", "mailto://u:p@h?to=a@b,c@d",
    ]  # fmt: skip
    assert split_urls("json://a,json://b") == ["json://a", "json://b"]


def test_a_channel_keeps_its_name_when_urls_change_places_or_the_password_does() -> None:
    one, two = "json://u:old@one/", "json://two/"
    names = [each.name for each in apprise_channels(f"{one},{two}")]
    assert [each.name for each in apprise_channels(f"{two} {one}")] == names[::-1]
    assert apprise_channels("json://u:new@one/")[0].name == names[0]
    assert len({each.name for each in apprise_channels(f"{one},{one}")}) == 2


def test_a_url_that_cannot_be_read_is_named_by_its_place() -> None:
    with pytest.raises(ChannelError, match="URL number 2 \\(nonsense://…\\)") as error:
        apprise_channels("json://one/, nonsense://s3cretkey/")
    assert "s3cretkey" not in str(error.value)


def test_the_log_is_always_a_channel(caplog: pytest.LogCaptureFixture) -> None:
    log = logging.getLogger("test.alerts")
    (channel,) = open_channels(Settings(), log)
    assert isinstance(channel, LogChannel)
    channel.send(MESSAGE)
    assert caplog.records[-1].levelno == logging.CRITICAL
    assert MESSAGE.body in caplog.text
    settings = Settings(
        alert_urls=SecretStr("json://one/"), alert_topic_arn="arn:aws:sns:us-east-1:1:t"
    )
    names = [each.name for each in open_channels(settings, log)]
    assert (names[0], names[1][:5], names[2]) == ("log", "json-", "sns")
    assert "json://one/" not in repr(settings)


@pytest.fixture
def aws(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0)
    server.start()
    host, port = server.get_host_and_port()
    monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://{host}:{port}")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    yield
    server.stop()


@pytest.mark.usefixtures("aws")
def test_a_topic_s_subscribers_get_what_their_filter_asks_for() -> None:
    sns, sqs = boto3.client("sns"), boto3.client("sqs")
    topic = sns.create_topic(Name="alerts")["TopicArn"]
    queues = {}
    for borough in ("BRONX", "QUEENS"):
        url = sqs.create_queue(QueueName=borough)["QueueUrl"]
        queues[borough] = url
        arn = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]
        sns.subscribe(
            TopicArn=topic,
            Protocol="sqs",
            Endpoint=arn["QueueArn"],
            Attributes={"FilterPolicy": json.dumps({"borough": [borough]})},
        )
    SnsChannel(topic).send(MESSAGE)
    got = {
        name: sqs.receive_message(QueueUrl=url).get("Messages", []) for name, url in queues.items()
    }
    assert got["QUEENS"] == []
    content = json.loads(got["BRONX"][0]["Body"])
    assert content["Message"] == MESSAGE.body
    assert content["Subject"] == "Noise in BRONX: h?her"
    values = {name: each["Value"] for name, each in content["MessageAttributes"].items()}
    assert values == {
        "alert_id": "a1b2", "severity": "critical", "kind": "confirmed", "borough": "BRONX",
    }  # fmt: skip


@pytest.mark.usefixtures("aws")
def test_a_fifo_topic_drops_what_is_sent_twice() -> None:
    sns, sqs = boto3.client("sns"), boto3.client("sqs")
    topic = sns.create_topic(Name="alerts.fifo", Attributes={"FifoTopic": "true"})["TopicArn"]
    url = sqs.create_queue(QueueName="q.fifo", Attributes={"FifoQueue": "true"})["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]
    sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn["QueueArn"])
    SnsChannel(topic).send(MESSAGE)
    SnsChannel(topic).send(MESSAGE)
    messages = sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10)["Messages"]
    assert len(messages) == 1


@pytest.mark.usefixtures("aws")
def test_a_topic_that_is_gone_is_an_error_and_no_arn_is_refused_at_once() -> None:
    with pytest.raises(ChannelError, match="NotFound"):
        SnsChannel("arn:aws:sns:us-east-1:123456789012:gone").send(MESSAGE)
    with pytest.raises(ChannelError, match="'my-topic' is no ARN"):
        SnsChannel("my-topic")
