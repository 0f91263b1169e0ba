"""Episode tables, channels and desks for the tests of alerts."""

from __future__ import annotations

import threading
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pyarrow as pa
from deltalake import write_deltalake

from nyc311_assets.automation.alerts.ticks import AlertDesk
from nyc311_assets.resources.channels import ChannelError
from nyc311_assets.resources.ledger_episodes import KnownEpisode
from nyc311_assets.resources.ledger_rows import Message
from nyc311_assets.settings import Settings

TODAY = date(2026, 3, 11)
NOON = datetime(2026, 3, 11, 16, tzinfo=UTC)
_TYPES = {"DATE": pa.date32(), "INT": pa.int32(), "DOUBLE": pa.float64(), "STRING": pa.string()}


def episode(name: str = "e1", **changes: object) -> KnownEpisode:
    """An open episode on watch that began two days ago."""
    excess = changes.get("excess", 834.0)
    base = KnownEpisode(
        id=name,
        series="type: Illegal Parking | borough: BRONX",
        direction=1,
        start=TODAY - timedelta(days=2),
        peak=TODAY - timedelta(days=2),
        end=TODAY - timedelta(days=1),
        days=2,
        excess=834.0,
        # Of the first day alone, unless a test says otherwise.
        peak_actual=None if excess is None else 400.0 + float(str(excess)),
        peak_expected=400.0,
        expected=400.0,
        severity=20.0,
        tier="watch",
        peak_z=6.2,
        peak_q_value=0.0004,
        contributors='[{"kind": "series", "name": "type: Noise", "excess": 300, "share": 0.36}]',
        state="open",
        merged_into=None,
        judged_through=TODAY - timedelta(days=1),
    )
    return replace(base, **changes)  # type: ignore[arg-type]


def write_episodes(lakehouse: str | Path, episodes: Iterable[KnownEpisode]) -> None:
    """Write ml.episodes anew, as the job's table has it."""
    from nyc311_assets.pipeline.contracts import EPISODES  # noqa: PLC0415

    schema = pa.schema([(each.name, _TYPES[each.type]) for each in EPISODES.columns])
    rows = [
        {each.name: getattr(one, each.name, None) for each in EPISODES.columns}
        | {"reasons": "spike", "longest_run": 1}
        for one in episodes
    ]
    path = f"{lakehouse}/ml/episodes"
    if "://" not in path:
        Path(path).mkdir(parents=True, exist_ok=True)
    write_deltalake(path, pa.Table.from_pylist(rows, schema=schema), mode="overwrite")


class Clock:
    """A clock that the test moves."""

    def __init__(self, now: datetime = NOON) -> None:
        self.now = now

    def __call__(self) -> datetime:
        return self.now


@dataclass
class Box:
    """A channel that keeps what it gets, or fails as it is told."""

    name: str = "box"
    error: Exception | None = None
    wait: threading.Event | None = None
    got: list[Message] = field(default_factory=list)

    def send(self, message: Message) -> None:
        if self.wait is not None:
            self.wait.wait(30)
        if self.error is not None:
            raise self.error
        self.got.append(message)

    @property
    def kinds(self) -> list[str]:
        return [each.attributes["kind"] for each in self.got]


def refusal(text: str = "box: it answers 500") -> ChannelError:
    return ChannelError(text)


def desk(home: Path, clock: Clock, **settings: object) -> AlertDesk:
    values = Settings(home=home, **settings)  # type: ignore[arg-type]
    return AlertDesk(values, clock)
