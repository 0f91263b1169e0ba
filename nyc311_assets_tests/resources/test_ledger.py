from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import boto3
import pytest
from deltalake import DeltaTable

from nyc311_assets.resources import ledger as module
from nyc311_assets.resources.ledger import Ledger, NothingToResend, UnknownAlert
from nyc311_assets.resources.ledger_rows import (
    LEASE,
    MOST_ATTEMPTS,
    Alert,
    Delivery,
    alert_id,
    from_row,
    to_row,
)
from nyc311_assets_tests.automation.alerts.desks import episode, write_episodes
from nyc311_assets_tests.infrastructure.servers import aws_server, use_aws

NOW = datetime(2026, 3, 11, 16, tzinfo=UTC)


def alert(name: str, subject: str = "e1") -> Alert:
    return Alert(name, "opened", subject, "info", "title", "body", {"kind": "opened"}, NOW)


@pytest.fixture(scope="module")
def aws(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    # A process of its own: delta-rs holds the interpreter while it waits for S3.
    with aws_server(tmp_path_factory.mktemp("aws") / "moto.log") as url:
        yield url


@pytest.fixture(params=["folder", "s3"])
def lakehouse(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> str:
    if request.param == "folder":
        return str(tmp_path / "lakehouse")
    url = request.getfixturevalue("aws")
    use_aws(monkeypatch, url)
    bucket = f"b{alert_id(str(tmp_path))}"
    boto3.client("s3").create_bucket(Bucket=bucket)
    return f"s3://{bucket}/lakehouse"


def test_an_alert_is_recorded_once_and_read_back_as_it_was(lakehouse: str) -> None:
    ledger = Ledger(lakehouse)
    assert ledger.read() == []
    assert len(ledger.add(lambda _: [alert("a"), alert("a")], ["log", "sns"])) == 1
    assert ledger.add(lambda _: [replace(alert("a"), title="another")], ["log"]) == []
    (read,) = ledger.read()
    assert read == replace(alert("a"), deliveries={"log": Delivery(), "sns": Delivery()})


def test_people_s_words_stand_on_all_alerts_of_the_subject(lakehouse: str) -> None:
    ledger = Ledger(lakehouse)
    write_episodes(lakehouse, [episode("e1", excess=55.0)])
    ledger.add(lambda _: [alert("a"), alert("b"), alert("c", "e2")], [])
    ledger.acknowledge("a", by="Ada", now=NOW, note="on it")
    ledger.mute("e1", until=date(2026, 3, 20))
    ledger.mark_false("b", by="Bob", now=NOW)
    a, b, c = ledger.read()
    for each in (a, b):
        assert (each.acknowledged_by, each.acknowledged_at, each.note) == ("Ada", NOW, "on it")
        assert (each.muted_until, each.marked_false_by) == (date(2026, 3, 20), "Bob")
        assert each.noted_excess == 55.0
    assert c == alert("c", "e2")
    with pytest.raises(UnknownAlert, match="no alert nonsense"):
        ledger.acknowledge("nonsense", by="Ada", now=NOW)


def test_an_answer_to_a_message_is_for_all_that_it_told(lakehouse: str) -> None:
    ledger = Ledger(lakehouse)
    write_episodes(lakehouse, [episode(f"e{n}", excess=float(n)) for n in range(5)])
    wave, whole, part, later, other = (
        alert("wave", "wave"),
        replace(alert("whole", "e1"), outcome="folded", told_by="wave"),
        replace(alert("part", "e2"), outcome="folded", told_by="whole"),
        alert("later", "e2"),
        alert("other", "e3"),
    )
    ledger.add(lambda _: [wave, whole, part, later, other], [])
    ledger.mute("e2", until=date(2026, 3, 20))
    ledger.acknowledge("wave", by="Ada", now=NOW)
    said = {each.alert_id: each for each in ledger.read()}
    assert {name for name, each in said.items() if each.acknowledged_by} == {
        "wave", "whole", "part", "later",
    }  # fmt: skip
    assert {name for name, each in said.items() if each.muted_until} == {"part", "later"}
    assert said["part"].noted_excess == 2.0


def test_a_dead_letter_is_due_again_wherever_it_is_lacking(lakehouse: str) -> None:
    ledger = Ledger(lakehouse)
    sent, dead = Delivery("sent", 1, None, NOW), Delivery("dead", 48, "500", NOW)
    stored = [
        replace(alert("a"), deliveries={"log": sent, "sns": dead, "gone": dead}),
        replace(alert("b"), deliveries={"log": sent}),
        replace(alert("c", "e2"), deliveries={"log": sent, "gone": dead}),
    ]
    ledger.transact(lambda _: stored)
    (again,) = ledger.resend("e1", ["log", "sns", "new"])
    assert again.deliveries == {"log": sent, "sns": Delivery(), "new": Delivery()}
    assert ledger.read() == [again, *stored[1:]]
    assert not again.is_dead_letter
    for name, channels in (("b", ["log", "sns"]), ("c", ["log"])):
        with pytest.raises(NothingToResend, match=f"Nothing of {name} was given up"):
            ledger.resend(name, channels)
    assert ledger.read() == [again, *stored[1:]]
    with pytest.raises(UnknownAlert, match="no alert nonsense"):
        ledger.resend("nonsense", ["log"])


def test_writers_at_the_same_time_neither_lose_nor_double(lakehouse: str) -> None:
    """Each adds the same ten alerts and counts up in a note: every count must stand."""
    rounds, writers = 4, 4
    errors: list[BaseException] = []

    def work() -> None:
        ledger = Ledger(lakehouse)
        try:
            for _ in range(rounds):
                ledger.add(lambda _: [alert(f"a{n}") for n in range(10)], ["log"])
                ledger.transact(
                    lambda alerts: [replace(alerts[0], note=str(int(alerts[0].note or 0) + 1))]
                )
        except BaseException as error:  # noqa: BLE001
            errors.append(error)

    threads = [threading.Thread(target=work) for _ in range(writers)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert errors == []
    alerts = Ledger(lakehouse).read()
    assert sorted(each.alert_id for each in alerts) == sorted(f"a{n}" for n in range(10))
    assert alerts[0].note == str(rounds * writers)


def test_two_processes_on_one_ledger_add_an_alert_once(tmp_path: Path) -> None:
    program = (
        "import sys;from nyc311_assets.resources.ledger import Ledger;"
        "from nyc311_assets_tests.resources.test_ledger import alert;"
        "print(sum(len(Ledger(sys.argv[1]).add(lambda _: [alert(f'a{n}')], ['log'])) "
        "for n in range(8)))"
    )
    running = [
        subprocess.Popen(
            [sys.executable, "-c", program, str(tmp_path)], stdout=subprocess.PIPE, text=True
        )
        for _ in range(2)
    ]
    added = [int(each.communicate(timeout=120)[0].split()[-1]) for each in running]
    assert sum(added) == 8
    assert len(Ledger(str(tmp_path)).read()) == 8


def test_small_files_are_put_together_without_losing_a_row(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_MOST_FILES", 3)
    ledger = Ledger(str(tmp_path))
    ledger.compact()
    for n in range(5):
        ledger.add(lambda _, n=n: [alert(f"a{n}")], [])  # type: ignore[misc]
    before = ledger.read()
    ledger.compact()
    assert ledger.read() == before
    assert len(DeltaTable(ledger.url).file_uris()) == 1


def test_a_delivery_is_tried_again_at_the_next_tick_then_more_rarely_then_given_up() -> None:
    delivery, now = Delivery(), NOW
    waits = []
    for _ in range(MOST_ATTEMPTS):
        begun = now
        while not delivery.is_due(now):
            now += timedelta(seconds=30)
        waits.append(now - begun)
        delivery = delivery.begun(now).ended(now, "500")
    assert waits[:4] == [timedelta(0), timedelta(0), timedelta(minutes=1), timedelta(minutes=2)]
    assert waits[-1] == timedelta(hours=1)
    assert delivery.state == "dead"
    assert not delivery.is_due(now + timedelta(days=99))


def test_a_claim_whose_sender_is_gone_runs_out() -> None:
    claimed = Delivery().begun(NOW)
    assert not claimed.is_due(NOW + LEASE - timedelta(seconds=1))
    assert claimed.is_due(NOW + LEASE)
    assert not claimed.ended(NOW, None).is_due(NOW + timedelta(days=99))


def test_a_row_holds_everything() -> None:
    full = replace(
        alert("a").with_delivery("log", Delivery("dead", 3, "500", NOW)),
        source_at=NOW, outcome="folded", told_by="b", muted_until=date(2026, 3, 1),
    )  # fmt: skip
    assert from_row(to_row(full)) == full
    assert to_row(full)["is_dead_letter"]
