"""What the demo found of the events that its feed made up, missed of them, and alarmed beside them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pandas as pd
import pyarrow as pa
from deltalake import DeltaTable, QueryBuilder

from nyc311_assets.pipeline.anomalies.episodes import MERGE_DAYS
from nyc311_assets.pipeline.ml.series import LEAF, LEVELS
from nyc311_assets.pipeline.tables import Lakehouse

# An alarm that begins this long after an event has not found it in time.
LATEST_DAYS = 2
_TIMEOUT_SECONDS = 30.0


@dataclass(frozen=True, slots=True)
class TrueEvent:
    """An event that the feed put into the requests.

    Attributes:
        kind: What happened.
        start, end: Its first and last day.
        direction: 1 more requests, -1 fewer.
        leaves: Numbers of the leaves that it moves.
    """

    kind: str
    start: date
    end: date
    direction: int
    leaves: frozenset[int]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of an event.

    Attributes:
        event: The event.
        delay_days: From its first day to the first alarm; None if it was missed.
        series: The series of that alarm that is the most severe.
    """

    event: TrueEvent
    delay_days: int | None
    series: str


@dataclass(frozen=True, slots=True)
class Truth:
    """Alarms held against events.

    Attributes:
        outcomes: Of every event that began on a judged day, oldest first.
        alarms: Episodes that began on these days.
        unexplained: Those that no event explains: false alarms, and what the stream does by itself
            (the first cold days, holidays).
        series: Series that were judged.
        first, last: The days that were judged.
    """

    outcomes: tuple[Outcome, ...]
    alarms: int
    unexplained: tuple[str, ...]
    series: int
    first: date
    last: date

    @property
    def unexplained_a_week(self) -> float:
        """Unexplained alarms a week per 708 series, as the benchmark counts them."""
        weeks = ((self.last - self.first).days + 1) / 7
        return len(self.unexplained) / weeks / self.series * 708


def read_events(
    url: str, first: date, last: date, leaves: Sequence[Mapping[str, str]]
) -> list[TrueEvent]:
    """Ask the embedded feed what it made up.

    Args:
        url: The feed's address.
        first: First day.
        last: Last day.
        leaves: complaint_type, borough, agency of each leaf.

    Raises:
        httpx.HTTPError: The feed does not answer.
    """
    answer = httpx.get(
        f"{url}/api/feed/events.json",
        params={"first": first.isoformat(), "last": last.isoformat()},
        timeout=_TIMEOUT_SECONDS,
    )
    answer.raise_for_status()
    return [_event(each, leaves) for each in answer.json()["events"]]


def _event(row: Mapping[str, Any], leaves: Sequence[Mapping[str, str]]) -> TrueEvent:
    wanted = {
        "complaint_type": set(row["complaint_types"]),
        "agency": set(row["agencies"]),
        "borough": set(row["boroughs"]),
    }
    moved = frozenset(
        number
        for number, leaf in enumerate(leaves)
        if all(not values or leaf[name] in values for name, values in wanted.items())
    )
    last_moment = datetime.fromisoformat(row["end"]) - timedelta(seconds=1)
    return TrueEvent(
        row["kind"],
        datetime.fromisoformat(row["start"]).date(),
        last_moment.date(),
        1 if row["factor"] > 1 else -1,
        moved,
    )


def compare(
    events: Iterable[TrueEvent],
    episodes: pd.DataFrame,
    series: pd.DataFrame,
    leaves: Sequence[Mapping[str, str]],
    judged: tuple[date, date],
) -> Truth:
    """Hold the episodes against the events.

    An event is found by an alarm of its direction that begins from its first day to two days after
    its last, in a series that lies wholly within it or holds half of its leaves. An alarm is
    explained by an event that moves a part of its series, up to a week after it.

    Args:
        events: What is true.
        episodes: Live ones: series, direction, start, severity.
        series: gold.series: series, level and what it is of.
        leaves: As for the events.
        judged: First and last day with verdicts.
    """
    first, last = judged
    members = _members(series, leaves)
    alarms = [
        each
        for each in episodes.sort_values("severity", ascending=False).to_dict("records")
        if first <= each["start"] <= last
    ]
    wanted = [each for each in events if first <= each.start <= last]
    outcomes = tuple(_outcome(event, alarms, members) for event in sorted(wanted, key=_start))
    known = list(events)
    unexplained = tuple(
        f"{each['series']} ({each['start']})"
        for each in alarms
        if not any(_explains(event, each, members) for event in known)
    )
    return Truth(outcomes, len(alarms), unexplained, len(members), first, last)


def _start(event: TrueEvent) -> date:
    return event.start


def _members(
    series: pd.DataFrame, leaves: Sequence[Mapping[str, str]]
) -> dict[str, frozenset[int]]:
    """Series -> numbers of its leaves."""
    return {
        str(row["series"]): frozenset(
            number
            for number, leaf in enumerate(leaves)
            if all(leaf[name] == row[name] for name in LEVELS[str(row["level"])])
        )
        for row in series.to_dict("records")
    }


def _outcome(
    event: TrueEvent, alarms: Sequence[Mapping[Any, Any]], members: Mapping[str, frozenset[int]]
) -> Outcome:
    latest = event.end + timedelta(days=LATEST_DAYS)
    hits = [
        each
        for each in alarms
        if each["direction"] == event.direction
        and event.start <= each["start"] <= latest
        and _is_about(members.get(each["series"], frozenset()), event)
    ]
    if not hits:
        return Outcome(event, None, "")
    earliest = min(each["start"] for each in hits)
    return Outcome(event, (earliest - event.start).days, str(hits[0]["series"]))


def _is_about(leaves: frozenset[int], event: TrueEvent) -> bool:
    shared = len(leaves & event.leaves)
    return bool(shared) and (leaves <= event.leaves or shared * 2 >= len(event.leaves))


def _explains(
    event: TrueEvent, alarm: Mapping[Any, Any], members: Mapping[str, frozenset[int]]
) -> bool:
    return bool(
        event.start <= alarm["start"] <= event.end + timedelta(days=MERGE_DAYS)
        and members.get(alarm["series"], frozenset()) & event.leaves
    )


def read_truth(lakehouse: Path, url: str) -> Truth | None:
    """Compare a lakehouse of folders with the feed that filled it; None if nothing is judged.

    Raises:
        httpx.HTTPError: The feed does not answer.
    """
    names = ("ml.anomalies", "ml.episodes", "gold.series", "gold.daily_counts")
    place = Lakehouse(str(lakehouse))
    if not all(DeltaTable.is_deltatable(place.path(name)) for name in names):
        return None
    builder = QueryBuilder()
    for name in names:
        builder = builder.register(name.split(".")[1], DeltaTable(place.path(name)))

    def ask(query: str) -> pd.DataFrame:
        frame: pd.DataFrame = pa.table(builder.execute(query).read_all()).to_pandas()
        return frame

    judged = ask("SELECT min(ds) AS first, max(ds) AS last FROM anomalies WHERE z IS NOT NULL")
    if judged["first"].isna().any():
        return None
    first, last = judged["first"].iloc[0], judged["last"].iloc[0]
    rows = ask("SELECT DISTINCT complaint_type, borough, agency FROM daily_counts")
    leaves = [{name: str(row[name]) for name in LEAF} for row in rows.to_dict("records")]
    episodes = ask(
        "SELECT series, direction, start, severity FROM episodes WHERE state <> 'withdrawn'"
    )
    series = ask(
        "SELECT series, level, complaint_type, borough, agency FROM series WHERE is_active"
    )
    since = first - timedelta(days=MERGE_DAYS * 2)
    return compare(read_events(url, since, last, leaves), episodes, series, leaves, (first, last))


def told(truth: Truth, *, most: int = 5) -> list[str]:
    """The comparison in lines."""
    found = [each for each in truth.outcomes if each.delay_days is not None]
    lines = [
        f"Of {len(truth.outcomes)} made-up events that began from {truth.first} to {truth.last}, "
        f"{len(found)} were found:"
    ]
    for each in truth.outcomes:
        where = f"day {each.delay_days}, {each.series}" if each.series else "MISSED"
        lines.append(f"  {each.event.start}  {each.event.kind}: {where}")
    shown = "; ".join(truth.unexplained[:most])
    more = f" and {len(truth.unexplained) - most} more" if len(truth.unexplained) > most else ""
    lines.append(
        f"{len(truth.unexplained)} of {truth.alarms} alarms have no made-up event behind them "
        f"({truth.unexplained_a_week:.1f} a week per 708 series): false, or the season's own"
        + (f": {shown}{more}." if shown else ".")
    )
    return lines
