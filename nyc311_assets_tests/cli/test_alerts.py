from __future__ import annotations

import re
from datetime import UTC, datetime
from pathlib import Path

import pytest
from typer.testing import CliRunner

from nyc311_assets.cli import app
from nyc311_assets.resources.ledger import Ledger
from nyc311_assets.resources.ledger_rows import Alert, Delivery
from nyc311_assets_tests.resources.test_channels import Service, service

__all__ = ["service"]


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("NYC311_HOME", str(tmp_path))
    monkeypatch.setenv("COLUMNS", "250")
    return tmp_path


@pytest.fixture
def ledger(home: Path) -> Ledger:
    book = Ledger(str(home / "lakehouse"))
    now = datetime(2026, 3, 11, 16, tzinfo=UTC)
    alert = Alert("a1", "opened", "e1", "info", "Noise in BRONX", "body", {"kind": "opened"}, now)
    book.add(lambda _: [alert], ["log"])
    return book


def invoke(*arguments: str) -> tuple[int, str]:
    result = CliRunner().invoke(app, ["alert", *arguments])
    return result.exit_code, re.sub(r"\s+", " ", result.output)


@pytest.mark.parametrize("arguments", [("--test",), ("test",)])
def test_a_test_goes_through_every_channel_and_fails_if_one_does(
    arguments: tuple[str, ...], service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = f"json://bot:hunter2@127.0.0.1:{service.port}/"
    monkeypatch.setenv("NYC311_ALERT_URLS", url)
    code, output = invoke(*arguments)
    assert code == 0, output
    assert "✓ log: arrived" in output
    assert re.search(r"✓ json-\w{8}: arrived", output)
    assert service.got[0][1]["title"] == "Test of the NYC 311 alerts"
    service.status = 500
    code, output = invoke(*arguments)
    assert code == 1
    assert "✗ json-" in output
    assert "hunter2" not in output


def test_what_was_acknowledged_leaves_the_list(ledger: Ledger) -> None:
    assert "Noise in BRONX" in invoke("list")[1]
    code, output = invoke("ack", "e1", "--by", "Ada", "--note", "on it")
    assert code == 0, output
    assert "acknowledged by Ada" in output
    (alert,) = ledger.read()
    assert (alert.acknowledged_by, alert.note) == ("Ada", "on it")
    assert "No open alerts" in invoke("list")[1]
    assert "acknowledged by Ada" in invoke("list", "--all")[1]
    assert invoke("mute", "a1", "--until", "2999-01-01")[0] == 0
    assert invoke("false", "a1", "--by", "Bob")[0] == 0
    assert "muted through 2999-01-01; false alarm, says Bob" in invoke("list", "--all")[1]


def test_a_dead_letter_is_sent_again_at_the_next_tick(ledger: Ledger) -> None:
    (alert,) = ledger.read()
    ledger.transact(lambda _: [alert.with_delivery("log", Delivery("dead", 48, "500"))])
    code, output = invoke("resend", "e1")
    assert code == 0, output
    assert "Noise in BRONX (e1, 1 alert) will be sent at the next tick: log" in output
    (again,) = ledger.read()
    assert again.deliveries == {"log": Delivery()}
    code, output = invoke("resend", "a1")
    assert code == 2
    assert "Nothing of a1 was given up" in output


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("ack", "nobody", "--by", "Ada"), "There is no alert nobody"),
        (("resend", "nobody"), "There is no alert nobody"),
        (("mute", "nobody", "--until", "2026-03-01"), "There is no alert nobody"),
        (("false", "nobody", "--by", "Ada"), "There is no alert nobody"),
        (("mute", "nobody", "--until", "soon"), "does not match"),
        (("ack", "nobody"), "Missing option"),
        ((), "Usage"),
    ],
)
def test_wrong_use_exits_with_2(arguments: tuple[str, ...], said: str) -> None:
    code, output = invoke(*arguments)
    assert (code, said in output) == (2, True), output


def test_settings_that_cannot_be_used_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NYC311_ALERT_TOPIC_ARN", "my-topic")
    assert "NYC311_ALERT_TOPIC_ARN" in invoke("test")[1]
    monkeypatch.setenv("NYC311_CATALOG", "nyc")
    code, output = invoke("list")
    assert (code, "NYC311_LAKEHOUSE_URL" in output) == (2, True)
