"""What `nyc311 alert` does and shows."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, date, datetime
from uuid import uuid4

from rich.console import Console
from rich.markup import escape

from nyc311_assets.cli.errors import OperationRefused, WrongUse
from nyc311_assets.cli.formats import local_time, page_of, printable, say
from nyc311_assets.pipeline.cities import NEW_YORK
from nyc311_assets.resources.channels import Channel, ChannelError, open_channels
from nyc311_assets.resources.ledger import Ledger, NothingToResend, UnknownAlert
from nyc311_assets.resources.ledger_rows import Alert, Message
from nyc311_assets.settings import LakehouseUnknown, Settings


def send_test(console: Console, settings: Settings) -> bool:
    """Send a test message through every channel; it is not recorded in the ledger.

    Returns:
        Whether it arrived everywhere.

    Raises:
        WrongUse: A channel's setting cannot be read.
    """
    channels = _channels(settings)
    message = Message(
        alert_id=f"test-{uuid4().hex[:8]}",
        severity="info",
        title="Test of the NYC 311 alerts",
        body=f"Sent by nyc311 alert --test.\nDashboard: {settings.dashboard_url}",
        attributes={"kind": "test"},
    )
    arrived = True
    for channel in channels:
        try:
            channel.send(message)
        except ChannelError as error:
            arrived = False
            say(console, f"✗ {channel.name}: {str(error).removeprefix(f'{channel.name}: ')}")
        else:
            say(console, f"✓ {channel.name}: arrived")
    if len(channels) == 1:
        say(
            console,
            "Only the log is a channel: set NYC311_ALERT_URLS or NYC311_ALERT_TOPIC_ARN for more.",
        )
    return arrived


def list_alerts(console: Console, settings: Settings, *, everything: bool) -> None:
    """Show alerts, newest first.

    Args:
        console: Where.
        settings: The project's.
        everything: Also what was acknowledged, muted, marked false, or not sent by itself.
    """
    today = datetime.now(NEW_YORK.time_zone).date()
    with _ledger(settings) as ledger:
        alerts = ledger.read()
    shown = [each for each in reversed(alerts) if everything or _is_open(each, today)]
    if not shown:
        say(console, "No alerts." if everything or not alerts else "No open alerts; --all has all.")
        return
    page = page_of("when (New York)", "severity", "alert", left=3)
    for column in page.columns[:2]:
        column.no_wrap = True
    for each in shown:
        about = "" if each.subject == each.alert_id else f" on {each.subject}"
        lines = (each.title, f"{each.alert_id}{about}", _state(each, today))
        page.add_row(
            local_time(each.created_at.isoformat())[: len("2026-01-01 00:00")],
            each.severity,
            "\n".join(escape(printable(line)) for line in lines),
        )
    console.print(page)


def acknowledge(
    console: Console, settings: Settings, name: str, *, by: str, note: str | None
) -> None:
    """Acknowledge an alert's subject.

    Raises:
        OperationRefused: There is no such alert.
    """
    with _ledger(settings) as ledger:
        alerts = ledger.acknowledge(name, by=by, now=datetime.now(UTC), note=note)
    _tell(console, alerts, f"acknowledged by {by}: quiet until it worsens")


def mute(console: Console, settings: Settings, name: str, *, until: date, note: str | None) -> None:
    """Mute an alert's subject through a New York day; raises as `acknowledge`."""
    with _ledger(settings) as ledger:
        alerts = ledger.mute(name, until=until, note=note)
    _tell(console, alerts, f"muted through {until.isoformat()}, or until it worsens")


def mark_false(
    console: Console, settings: Settings, name: str, *, by: str, note: str | None
) -> None:
    """Mark an alert's subject as a false alarm; raises as `acknowledge`."""
    with _ledger(settings) as ledger:
        alerts = ledger.mark_false(name, by=by, now=datetime.now(UTC), note=note)
    _tell(console, alerts, f"marked as a false alarm by {by}")


def resend(console: Console, settings: Settings, name: str) -> None:
    """Let the next tick send dead letters again.

    Raises:
        OperationRefused: There is no such alert, or nothing of it was given up.
        WrongUse: A channel's setting cannot be read.
    """
    names = [each.name for each in _channels(settings)]
    with _ledger(settings) as ledger:
        alerts = ledger.resend(name, names)
    waiting = sorted(
        {
            channel
            for each in alerts
            for channel, one in each.deliveries.items()
            if one.attempts == 0
        }
    )
    _tell(console, alerts, f"will be sent at the next tick: {', '.join(waiting)}")


def _channels(settings: Settings) -> Sequence[Channel]:
    try:
        return open_channels(settings, logging.getLogger("nyc311_assets.alerts"))
    except ChannelError as error:
        raise WrongUse(str(error)) from None


@contextmanager
def _ledger(settings: Settings) -> Iterator[Ledger]:
    try:
        yield Ledger(settings.operations_url)
    except (NothingToResend, UnknownAlert) as error:
        raise OperationRefused(error.args[0]) from None
    except LakehouseUnknown as error:
        raise WrongUse(str(error)) from None


def _tell(console: Console, alerts: Sequence[Alert], what: str) -> None:
    newest = next((each for each in reversed(alerts) if each.outcome == "send"), alerts[-1])
    count = "1 alert" if len(alerts) == 1 else f"{len(alerts)} alerts"
    say(console, f"{newest.title} ({newest.subject}, {count}) {what}.")


def _is_open(alert: Alert, today: date) -> bool:
    is_said = alert.acknowledged_at or alert.marked_false_at or alert.is_muted(today)
    return alert.is_dead_letter or (alert.outcome == "send" and not is_said)


def _state(alert: Alert, today: date) -> str:
    if alert.outcome == "send":
        parts = [f"{name} {each.state}" for name, each in sorted(alert.deliveries.items())]
        parts += [each.error for each in alert.deliveries.values() if each.error]
    else:
        parts = [f"told by {alert.told_by}" if alert.told_by else alert.outcome.replace("_", " ")]
    if alert.acknowledged_by:
        parts.append(f"acknowledged by {alert.acknowledged_by}")
    if alert.is_muted(today):
        parts.append(f"muted through {alert.muted_until}")
    if alert.marked_false_by:
        parts.append(f"false alarm, says {alert.marked_false_by}")
    return "; ".join(parts)
