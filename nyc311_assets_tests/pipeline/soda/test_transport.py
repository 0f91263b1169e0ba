"""What the client does when the source misbehaves."""

from __future__ import annotations

import gzip
import logging
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime
from email.utils import format_datetime

import pytest
import stamina.instrumentation

from nyc311_assets.pipeline.soda import (
    MalformedAnswerError,
    NoAnswerError,
    RequestRefusedError,
    RetryPolicy,
    SodaClient,
    SodaError,
    SourceBusyError,
    StaleReplicaError,
    ThrottledError,
    Timeouts,
)
from nyc311_assets.pipeline.soda.wire import is_loopback, retry_after_seconds
from nyc311_assets_tests.pipeline.soda.portal import JSON, Portal, Reply, page_body, requests_of

DATASET = "erm2-nwe9"
DAY = date(2026, 2, 18)
NOW = datetime(2026, 2, 19, 3, 0, tzinfo=UTC)
TOKEN = "s3cr3t-app-token"
ROWS = requests_of(DAY, ["01:00:00.000", "02:00:00.000", "02:00:00.000"])
WHOLE = page_body(ROWS)
AS_JSON = {"content-type": JSON}
HTML = b"<!DOCTYPE html><html><title>Down for maintenance</title></html>"
Connect = Callable[..., SodaClient]


def rows_read(client: SodaClient) -> int:
    version = client.dataset_version(DATASET)
    return sum(page.row_count for page in client.pages(DATASET, DAY, version))


@pytest.fixture
def waits() -> Iterator[list[float]]:
    """The waits before further attempts, in seconds."""
    waits: list[float] = []
    before = stamina.instrumentation.get_on_retry_hooks()
    stamina.instrumentation.set_on_retry_hooks([lambda details: waits.append(details.wait_for)])
    yield waits
    stamina.instrumentation.set_on_retry_hooks(before)


PASSING_TROUBLE = {
    "throttled": Reply(b'{"message":"slow down"}', 429, AS_JSON),
    "still working": Reply(b"", 202),
    "a server error": Reply(b"oops", 500),
    "a bad gateway": Reply(HTML, 502, {"content-type": "text/html"}),
    "an unassigned 5xx": Reply(HTML, 520, {"content-type": "text/html"}),
    "a reset connection": Reply(sent="reset"),
    "no answer in time": Reply(sent="never"),
    "a body shorter than its length": Reply(WHOLE, headers=AS_JSON, sent="cut off"),
    "JSON cut off": Reply(WHOLE[:-40], headers=AS_JSON),
    "JSON cut off between rows": Reply(WHOLE[: WHOLE.index(b"\n,")], headers=AS_JSON),
    "cut off gzip": Reply(
        gzip.compress(WHOLE)[:-40], headers=AS_JSON | {"content-encoding": "gzip"}
    ),
    "damaged gzip": Reply(
        gzip.compress(WHOLE)[:-8] + bytes(8), headers=AS_JSON | {"content-encoding": "gzip"}
    ),
    "an unknown encoding": Reply(WHOLE, headers=AS_JSON | {"content-encoding": "br"}),
    "a page of HTML": Reply(HTML, headers={"content-type": "text/html"}),
    "HTML called JSON": Reply(HTML, headers=AS_JSON),
    "an object": Reply(b'{"message":"hello"}', headers=AS_JSON),
    "an empty body": Reply(b"", headers=AS_JSON),
    "a list of numbers": Reply(b"[1\n,2]\n", headers=AS_JSON),
    "rows without :id": Reply(
        page_body([{"created_date": ROWS[0]["created_date"]}]), headers=AS_JSON
    ),
    "rows out of order": Reply(page_body(reversed(ROWS)), headers=AS_JSON),
    "a row of another day": Reply(
        page_body(requests_of(date(2026, 2, 17), ["23:59:59.000"])), headers=AS_JSON
    ),
    "a row that comes twice": Reply(page_body([ROWS[0], *ROWS]), headers=AS_JSON),
    "a replica that is behind": Reply(
        page_body(ROWS[:1]), headers=AS_JSON | {"x-soda2-data-out-of-date": "true"}
    ),
}


@pytest.mark.parametrize("trouble", PASSING_TROUBLE.values(), ids=PASSING_TROUBLE)
def test_trouble_that_passes_costs_retries_and_no_row(
    portal: Portal, connect: Connect, caplog: pytest.LogCaptureFixture, trouble: Reply
) -> None:
    portal.datasets[DATASET].rows = ROWS
    portal.misbehave(trouble, trouble)
    client = connect()

    assert rows_read(client) == 3
    assert client.retries == 2
    assert [r.getMessage()[:21] for r in caplog.records if "soda" in r.name] == [
        "Attempt 1 of 4 failed",
        "Attempt 2 of 4 failed",
    ]


@pytest.mark.parametrize(
    ("trouble", "error", "message"),
    [
        ("throttled", ThrottledError, "429 .*slow down.* Set NYC311_SODA_APP_TOKEN"),
        ("still working", SourceBusyError, "answered 202 .* run it again later"),
        ("a server error", SourceBusyError, "answered 500 .*oops"),
        ("a reset connection", NoAnswerError, "No answer from http://127.0.0.1.*NYC311_SODA_URL"),
        ("no answer in time", NoAnswerError, "ReadTimeout"),
        ("a body shorter than its length", NoAnswerError, "RemoteProtocolError"),
        ("cut off gzip", MalformedAnswerError, "cut off or damaged"),
        ("a page of HTML", MalformedAnswerError, "text/html instead of JSON .*maintenance"),
        ("HTML called JSON", MalformedAnswerError, "is not a JSON list"),
        ("an object", MalformedAnswerError, "is not a JSON list"),
        ("rows out of order", MalformedAnswerError, "not in the order asked for"),
        ("a replica that is behind", StaleReplicaError, "behind the dataset's newest version"),
    ],
)
def test_trouble_that_stays_is_named_once_the_attempts_are_used_up(
    portal: Portal, connect: Connect, trouble: str, error: type[SodaError], message: str
) -> None:
    portal.misbehave(*[PASSING_TROUBLE[trouble]] * 4)

    with pytest.raises(error, match=message) as caught:
        rows_read(connect())
    assert "erm2-nwe9" in str(caught.value)
    assert "2026-02-18" in str(caught.value)
    assert "Gave up after 4 attempts" in str(caught.value)
    assert len(portal.page_requests) == 4


@pytest.mark.parametrize(
    ("status", "body", "message"),
    [
        (
            400,
            b'{"message":"No such column: nosuch","errorCode":"query.soql.no-such-column"}',
            "query.soql.no-such-column No such column: nosuch. The dataset's columns may",
        ),
        (403, b'{"code":"permission_denied","message":"no"}', "set NYC311_SODA_APP_TOKEN"),
        (404, b'{"code":"dataset.missing","message":"Not found"}', "Check the dataset id"),
        (401, b"", "answered 401 .*nothing"),
    ],
)
def test_a_refusal_is_not_retried(
    portal: Portal, connect: Connect, status: int, body: bytes, message: str
) -> None:
    portal.misbehave(Reply(body, status, AS_JSON))
    client = connect()

    with pytest.raises(RequestRefusedError, match=message):
        rows_read(client)
    assert client.retries == 0
    assert len(portal.page_requests) == 1


@pytest.mark.parametrize(
    "reply",
    [
        Reply(b'{"message":"no"}', 403, AS_JSON, sent="cut off"),
        Reply(b"?", 403, AS_JSON | {"content-encoding": "br"}),
    ],
    ids=["cut off", "in an unknown encoding"],
)
def test_a_refusal_stands_however_badly_it_is_explained(
    portal: Portal, connect: Connect, reply: Reply
) -> None:
    portal.misbehave(reply)

    with pytest.raises(RequestRefusedError, match="answered 403"):
        rows_read(connect())


def test_a_redirect_is_not_followed_with_the_token(portal: Portal, connect: Connect) -> None:
    portal.misbehave(Reply(b"", 301, {"location": "https://elsewhere.example"}))

    with pytest.raises(RequestRefusedError, match=r"points to https://elsewhere.example"):
        rows_read(connect(app_token=TOKEN))


@pytest.mark.parametrize(
    ("retry_after", "longest_seconds", "wait"),
    [
        ("0", 120.0, 0.01),
        ("1", 120.0, 1.0),
        (format_datetime(NOW.replace(second=1), usegmt=True), 120.0, 1.0),
        ("3600", 0.05, 0.05),
    ],
    ids=["no wait", "seconds", "a date", "longer than we are ready to wait"],
)
def test_the_wait_that_the_source_asks_for_is_kept_within_bounds(
    portal: Portal,
    connect: Connect,
    waits: list[float],
    retry_after: str,
    longest_seconds: float,
    wait: float,
) -> None:
    portal.misbehave(Reply(b"", 429, {"retry-after": retry_after}))
    policy = RetryPolicy(first_wait_seconds=0.01, longest_retry_after_seconds=longest_seconds)

    rows_read(connect(retry=policy, clock=lambda: NOW))

    assert waits == [wait]


def test_the_waits_that_the_client_chooses_grow_and_are_bounded(
    portal: Portal, connect: Connect, waits: list[float]
) -> None:
    portal.misbehave(*[Reply(b"", 503)] * 4)
    policy = RetryPolicy(
        attempts=5, first_wait_seconds=0.01, longest_wait_seconds=0.05, jitter_seconds=0.005
    )

    rows_read(connect(retry=policy))

    assert len(waits) == 4
    for wait, least in zip(waits, (0.01, 0.02, 0.04, 0.05), strict=True):
        assert least - 1e-9 <= wait <= min(least + 0.005, 0.05) + 1e-9


def test_no_attempt_begins_after_the_deadline(portal: Portal, connect: Connect) -> None:
    portal.misbehave(*[Reply(b"", 503)] * 50)
    policy = RetryPolicy(attempts=50, deadline_seconds=0.05, first_wait_seconds=0.1)

    with pytest.raises(SourceBusyError, match="Gave up after 2 attempts"):
        rows_read(connect(retry=policy))


def test_an_answer_that_trickles_in_too_slowly_is_given_up(
    portal: Portal, connect: Connect
) -> None:
    portal.datasets[DATASET].rows = ROWS
    client = connect(timeouts=Timeouts(answer_seconds=0.0))

    with pytest.raises(NoAnswerError, match="was still coming after 0 s"):
        client.dataset_version(DATASET)


def test_a_source_that_is_not_there_is_named(connect: Connect, portal: Portal) -> None:
    client = connect()
    portal.close()

    with pytest.raises(NoAnswerError, match=r"ConnectError.*NYC311_SODA_URL"):
        client.dataset_version(DATASET)


@pytest.mark.parametrize(
    ("address", "message"),
    [
        ("data.example.org", "not an http or https address"),
        ("ftp://data.example.org", "not an http or https address"),
        ("https://", "not an http or https address"),
        ("https://user:hidden@data.example.org", "carries a user or password"),
        ("http://host:port", "cannot be read"),
    ],
)
def test_an_address_that_cannot_work_is_refused_at_once(address: str, message: str) -> None:
    with pytest.raises(SodaError, match=message) as caught:
        SodaClient(address)
    assert "hidden" not in str(caught.value)


def test_the_token_goes_into_its_header_and_nowhere_else(
    portal: Portal, connect: Connect, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    echo = f'{{"code":"permission_denied","message":"Invalid app_token {TOKEN}"}}'.encode()
    portal.misbehave(Reply(echo, 429, AS_JSON), Reply(echo, 403, AS_JSON))
    client = connect(app_token=TOKEN)

    with pytest.raises(RequestRefusedError, match="Check that NYC311_SODA_APP_TOKEN") as caught:
        rows_read(client)

    assert {request.headers["x-app-token"] for request in portal.requests} == {TOKEN}
    assert "Invalid app_token ***" in str(caught.value)
    assert caplog.text
    assert not any(TOKEN in str(request.parameters) for request in portal.requests)
    for text in (caplog.text, repr(client), repr(caught.value), str(caught.value)):
        assert TOKEN not in text


@pytest.mark.parametrize(
    ("host", "expected"),
    [("127.0.0.1", True), ("::1", True), ("localhost", True), ("data.example.org", False)],
)
def test_this_machine_is_told_from_others(host: str, expected: bool) -> None:
    assert is_loopback(host) is expected


def test_only_this_machine_is_asked_for_plain_answers(portal: Portal, connect: Connect) -> None:
    portal.compresses = True

    connect().dataset_version(DATASET)

    assert portal.requests[0].headers["accept-encoding"] == "identity"


def test_without_a_token_no_token_header_is_sent(portal: Portal, connect: Connect) -> None:
    connect(app_token="").dataset_version(DATASET)

    assert "x-app-token" not in portal.requests[0].headers


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        (None, None),
        ("7", 7.0),
        (" 7 ", 7.0),
        ("soon", None),
        ("-1", None),
        ("Thu, 19 Feb 2026 03:00:30 GMT", 30.0),
        ("Thu, 19 Feb 2026 03:00:30 -0000", 30.0),
        ("Thu, 19 Feb 2026 02:00:00 GMT", 0.0),
    ],
)
def test_retry_after_is_read_in_both_its_forms(header: str | None, seconds: float | None) -> None:
    assert retry_after_seconds(header, NOW) == seconds
