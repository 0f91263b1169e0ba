"""Brings what ops.alerts holds to the channels."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from nyc311_assets.resources.channels import Channel, ChannelError
from nyc311_assets.resources.ledger import Ledger
from nyc311_assets.resources.ledger_rows import Alert

# A tick of a sensor is ended by Dagster after 60 seconds.
BUDGET_SECONDS = 40.0
# A channel that nobody configures any more is waited for so long.
_ABANDONED_AFTER = timedelta(days=2)

Clock = Callable[[], datetime]


def deliver(
    ledger: Ledger,
    channels: Sequence[Channel],
    *,
    clock: Clock,
    log: logging.Logger,
    budget_seconds: float = BUDGET_SECONDS,
) -> int:
    """Send every alert that is due, to every channel that has not got it.

    Each delivery is claimed in the ledger, sent, and settled in the ledger. So two callers never
    send the same; a channel that fails gets it at a later tick; and when this process dies between
    the claim and the settling, the delivery is done again once the claim has run out: whether the
    message went out is not known then, and it must not be lost. The receiver can tell by its id.

    Channels work side by side, and one that fails gets nothing more in this call, so that it
    neither blocks the others nor uses up the tick.

    Args:
        ledger: Where alerts are recorded.
        channels: Where they go.
        clock: Returns the present time, aware.
        log: Where failures are told.
        budget_seconds: Nothing new is begun after this long. A channel that is still at it then is
            left to itself; it settles what it sent when it is done.

    Returns:
        How many deliveries failed in this call.
    """
    _give_up_abandoned(ledger, channels, clock())
    deadline = time.monotonic() + budget_seconds
    failures: list[str] = []
    due = {name for alert in ledger.read() for name in _due(alert, clock())}
    workers = [
        threading.Thread(
            target=_work, args=(ledger, each, clock, log, deadline, failures), daemon=True
        )
        for each in channels
        if each.name in due
    ]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(max(0.0, deadline - time.monotonic()))
    return len(failures)


def _work(
    ledger: Ledger,
    channel: Channel,
    clock: Clock,
    log: logging.Logger,
    deadline: float,
    failures: list[str],
) -> None:
    while time.monotonic() < deadline:
        claimed = _claim(ledger, channel.name, clock())
        if claimed is None:
            return
        error: str | None = None
        try:
            channel.send(claimed.message)
        except ChannelError as failed:
            error = str(failed)
        # A channel's own bug must neither end the thread in silence nor lose the alert.
        except Exception as failed:  # noqa: BLE001
            error = f"{channel.name}: {type(failed).__name__}"
        settled = _settle(ledger, claimed.alert_id, channel.name, clock(), error)
        if error is not None:
            failures.append(error)
            state = settled.deliveries[channel.name].state if settled else "pending"
            fate = "It was given up (dead letter)." if state == "dead" else "It is tried again."
            log.error(f"Alert {claimed.alert_id} was not delivered. {error} {fate}")
            return


def _claim(ledger: Ledger, channel: str, now: datetime) -> Alert | None:
    """Claim the oldest alert that is due on a channel."""

    def change(alerts: Sequence[Alert]) -> Iterable[Alert]:
        for alert in alerts:
            if channel in _due(alert, now):
                return [alert.with_delivery(channel, alert.deliveries[channel].begun(now))]
        return []

    return next(iter(ledger.transact(change)), None)


def _settle(
    ledger: Ledger, alert_id: str, channel: str, now: datetime, error: str | None
) -> Alert | None:
    def change(alerts: Sequence[Alert]) -> Iterable[Alert]:
        for alert in alerts:
            if alert.alert_id == alert_id and alert.deliveries[channel].state == "sending":
                return [alert.with_delivery(channel, alert.deliveries[channel].ended(now, error))]
        return []

    return next(iter(ledger.transact(change)), None)


def _due(alert: Alert, now: datetime) -> set[str]:
    return {name for name, each in alert.deliveries.items() if each.is_due(now)}


def _give_up_abandoned(ledger: Ledger, channels: Sequence[Channel], now: datetime) -> None:
    """Alerts for channels that are not configured any more become dead letters in the end."""
    known = {each.name for each in channels}

    def change(alerts: Sequence[Alert]) -> Iterable[Alert]:
        for alert in alerts:
            lost = {
                name
                for name, each in alert.deliveries.items()
                if name not in known and each.state in {"pending", "sending"}
            }
            if lost and now - alert.created_at >= _ABANDONED_AFTER:
                given_up = {
                    name: replace(
                        alert.deliveries[name],
                        state="dead",
                        error="The channel is not configured any more.",
                        at=now,
                    )
                    for name in lost
                }
                yield replace(alert, deliveries={**alert.deliveries, **given_up})

    if any(change(ledger.read())):
        ledger.transact(change)
