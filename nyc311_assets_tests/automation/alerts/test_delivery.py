from __future__ import annotations

import logging
import threading
import time
from datetime import timedelta
from pathlib import Path

import pytest

from nyc311_assets.automation.alerts.delivery import deliver
from nyc311_assets.resources.ledger import Ledger
from nyc311_assets.resources.ledger_rows import LEASE, MOST_ATTEMPTS, Alert
from nyc311_assets_tests.automation.alerts.desks import NOON, Box, Clock, refusal

LOG = logging.getLogger("test.delivery")


def alert(name: str) -> Alert:
    return Alert(name, "opened", "e1", "info", "title", "body", {"kind": "opened"}, NOON)


def send(ledger: Ledger, clock: Clock, *boxes: Box) -> int:
    return deliver(ledger, boxes, clock=clock, log=LOG, budget_seconds=10)


@pytest.fixture
def ledger(tmp_path: Path) -> Ledger:
    book = Ledger(str(tmp_path))
    book.add(lambda _: [alert("a"), alert("b")], ["box", "other"])
    return book


def test_each_channel_gets_each_alert_once(ledger: Ledger) -> None:
    box, other, clock = Box(), Box("other"), Clock()
    assert send(ledger, clock, box, other) == 0
    clock.now += timedelta(days=1)
    assert send(ledger, clock, box, other) == 0
    for each in (box, other):
        assert sorted(message.alert_id for message in each.got) == ["a", "b"]


def test_a_channel_that_fails_keeps_nobody_waiting_and_gets_it_at_the_next_tick(
    ledger: Ledger,
) -> None:
    box, other, clock = Box(error=refusal()), Box("other"), Clock()
    assert send(ledger, clock, box, other) == 1
    assert len(other.got) == 2
    states = [each.deliveries["box"] for each in ledger.read()]
    assert sorted((each.state, each.attempts, each.error) for each in states) == [
        ("pending", 0, None),
        ("pending", 1, "box: it answers 500"),
    ]
    box.error = None
    clock.now += timedelta(seconds=30)
    assert send(ledger, clock, box, other) == 0
    assert (len(box.got), len(other.got)) == (2, 2)


def test_a_channel_with_a_bug_is_an_error_that_shows_no_text_of_it(ledger: Ledger) -> None:
    send(ledger, Clock(), Box(error=ValueError("https://secret")))
    errors = {each.deliveries["box"].error for each in ledger.read()}
    assert errors == {None, "box: ValueError"}


def test_a_slow_channel_neither_blocks_the_others_nor_is_sent_twice(ledger: Ledger) -> None:
    gate, clock = threading.Event(), Clock()
    slow, other = Box(wait=gate), Box("other")
    deliver(ledger, [slow, other], clock=clock, log=LOG, budget_seconds=5)
    assert len(other.got) == 2
    before = threading.active_count()
    second = Box()
    send(ledger, clock, second)
    assert [each.alert_id for each in second.got] != []
    gate.set()
    while threading.active_count() >= before:
        time.sleep(0.02)
    got = sorted(each.alert_id for each in [*slow.got, *second.got])
    assert got == ["a", "b"]


def test_a_dead_letter_is_marked_and_nothing_is_tried_after_it(tmp_path: Path) -> None:
    ledger, clock, box = Ledger(str(tmp_path)), Clock(), Box(error=refusal())
    ledger.add(lambda _: [alert("a")], ["box"])
    for _ in range(MOST_ATTEMPTS):
        clock.now += timedelta(hours=1)
        send(ledger, clock, box)
    (dead,) = ledger.read()
    assert dead.is_dead_letter
    assert dead.deliveries["box"].attempts == MOST_ATTEMPTS
    box.error = None
    clock.now += timedelta(days=1)
    send(ledger, clock, box)
    assert box.got == []


dies = pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")


class DyingLedger(Ledger):
    """A ledger whose process dies at the n-th write."""

    def __init__(self, url: str, dies_at: int) -> None:
        super().__init__(url)
        self.writes, self.dies_at = 0, dies_at

    def transact(self, change):  # type: ignore[no-untyped-def]
        self.writes += 1
        if self.writes == self.dies_at:
            raise SystemExit
        return super().transact(change)


@dies
def test_dying_before_the_claim_loses_nothing_and_doubles_nothing(tmp_path: Path) -> None:
    book, clock, box = Ledger(str(tmp_path)), Clock(), Box()
    book.add(lambda _: [alert("a")], ["box"])
    send(DyingLedger(str(tmp_path), 1), clock, box)
    assert box.got == []
    send(book, clock, box)
    assert [each.alert_id for each in box.got] == ["a"]


@dies
def test_dying_between_sending_and_settling_sends_again_with_the_same_id(tmp_path: Path) -> None:
    book, clock, box = Ledger(str(tmp_path)), Clock(), Box()
    book.add(lambda _: [alert("a")], ["box"])
    send(DyingLedger(str(tmp_path), 2), clock, box)
    assert [each.alert_id for each in box.got] == ["a"]
    # Whoever sends may still be at it: nobody else begins before the claim has run out.
    send(book, clock, box)
    assert len(box.got) == 1
    clock.now += LEASE
    send(book, clock, box)
    clock.now += LEASE
    send(book, clock, box)
    assert [each.alert_id for each in box.got] == ["a", "a"]


def test_two_senders_at_once_send_each_alert_once(tmp_path: Path) -> None:
    book, clock, box = Ledger(str(tmp_path)), Clock(), Box()
    book.add(lambda _: [alert(f"a{n}") for n in range(8)], ["box"])
    senders = [
        threading.Thread(target=send, args=(Ledger(str(tmp_path)), clock, box)) for _ in range(2)
    ]
    for each in senders:
        each.start()
    for each in senders:
        each.join()
    assert sorted(each.alert_id for each in box.got) == sorted(f"a{n}" for n in range(8))


def test_a_channel_that_is_not_configured_any_more_is_waited_for_then_given_up(
    ledger: Ledger,
) -> None:
    clock, box = Clock(), Box()
    send(ledger, clock, box)
    assert not any(each.is_dead_letter for each in ledger.read())
    clock.now += timedelta(days=2)
    send(ledger, clock, box)
    assert all(each.deliveries["other"].state == "dead" for each in ledger.read())
