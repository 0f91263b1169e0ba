"""An alert and its deliveries, as values and as rows of ops.alerts."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from datetime import date, datetime, timedelta
from typing import Any, Literal

Severity = Literal["info", "warning", "critical"]
Outcome = Literal["send", "folded", "quiet", "too_old"]
DeliveryState = Literal["pending", "sending", "sent", "dead"]

# Tried again at the next tick, then ever more rarely: some two days in all.
MOST_ATTEMPTS = 48
_FIRST_WAIT = timedelta(minutes=1)
_LONGEST_WAIT = timedelta(hours=1)
# Whoever claimed a delivery this long ago and has not told its end is gone.
LEASE = timedelta(minutes=5)


@dataclass(frozen=True, slots=True)
class Message:
    """What a channel sends.

    Attributes:
        alert_id: The same each time that the alert is sent, so that a receiver can know it again.
        severity: info, warning or critical.
        title: One line.
        body: Plain text.
        attributes: At most ten texts to filter by.
    """

    alert_id: str
    severity: Severity
    title: str
    body: str
    attributes: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Delivery:
    """How far an alert has come on one channel.

    Attributes:
        state: pending; sending while somebody is at it; sent; dead when it was given up.
        attempts: How often it was begun.
        error: Why the last attempt failed, without secrets.
        at: When the state was last changed; None before the first attempt.
    """

    state: DeliveryState = "pending"
    attempts: int = 0
    error: str | None = None
    at: datetime | None = None

    def is_due(self, now: datetime) -> bool:
        """Whether it should be begun now: never tried, its wait is over, or its sender is gone."""
        if self.state == "sending":
            return self.at is None or now - self.at >= LEASE
        if self.state != "pending":
            return False
        if self.at is None or self.attempts < 2:  # noqa: PLR2004 # the next tick tries again
            return True
        wait: timedelta = min(_FIRST_WAIT * 2 ** min(self.attempts - 2, 10), _LONGEST_WAIT)
        return now - self.at >= wait

    def begun(self, now: datetime) -> Delivery:
        """The same, claimed."""
        return replace(self, state="sending", attempts=self.attempts + 1, at=now)

    def ended(self, now: datetime, error: str | None) -> Delivery:
        """The same after an attempt: sent, or to be tried again, or given up."""
        if error is None:
            return replace(self, state="sent", error=None, at=now)
        state: DeliveryState = "dead" if self.attempts >= MOST_ATTEMPTS else "pending"
        return replace(self, state=state, error=error, at=now)


@dataclass(frozen=True, slots=True)
class Alert:
    """One row of ops.alerts; see its contract."""

    alert_id: str
    kind: str
    subject: str
    severity: Severity
    title: str
    body: str
    attributes: Mapping[str, str]
    created_at: datetime
    source_at: datetime | None = None
    outcome: Outcome = "send"
    told_by: str | None = None
    deliveries: Mapping[str, Delivery] = field(default_factory=dict)
    acknowledged_by: str | None = None
    acknowledged_at: datetime | None = None
    noted_excess: float | None = None
    muted_until: date | None = None
    marked_false_by: str | None = None
    marked_false_at: datetime | None = None
    note: str | None = None

    @property
    def is_dead_letter(self) -> bool:
        """Whether it was given up for a channel."""
        return any(each.state == "dead" for each in self.deliveries.values())

    @property
    def was_heard(self) -> bool:
        """Whether it went out, by itself or in another."""
        return self.outcome in {"send", "folded"}

    @property
    def message(self) -> Message:
        """What a channel sends of it."""
        return Message(self.alert_id, self.severity, self.title, self.body, self.attributes)

    def with_delivery(self, channel: str, delivery: Delivery) -> Alert:
        """The same with one channel's delivery replaced."""
        return replace(self, deliveries={**self.deliveries, channel: delivery})

    def is_muted(self, today: date) -> bool:
        """Whether it is muted on this New York day."""
        return self.muted_until is not None and today <= self.muted_until


def alert_id(*parts: str) -> str:
    """Sixteen hexadecimal digits of what an alert is about: the same parts, the same alert."""
    return hashlib.sha256("\x1f".join(parts).encode()).hexdigest()[:16]


def to_row(alert: Alert) -> dict[str, Any]:
    """The alert as a row: attributes and deliveries as JSON."""
    row = {each.name: getattr(alert, each.name) for each in fields(alert)}
    row["attributes"] = json.dumps(dict(alert.attributes), ensure_ascii=False, sort_keys=True)
    row["deliveries"] = json.dumps(
        {name: _delivery_row(each) for name, each in alert.deliveries.items()}, sort_keys=True
    )
    return row | {"is_dead_letter": alert.is_dead_letter}


def from_row(row: Mapping[str, Any]) -> Alert:
    """Read what `to_row` wrote."""
    values = {each.name: row[each.name] for each in fields(Alert)}
    values["attributes"] = json.loads(values["attributes"])
    values["deliveries"] = {
        name: Delivery(**{**each, "at": datetime.fromisoformat(each["at"]) if each["at"] else None})
        for name, each in json.loads(values["deliveries"]).items()
    }
    return Alert(**values)


def _delivery_row(delivery: Delivery) -> dict[str, Any]:
    return {
        "state": delivery.state,
        "attempts": delivery.attempts,
        "error": delivery.error,
        "at": delivery.at.isoformat() if delivery.at else None,
    }
