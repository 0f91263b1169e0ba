"""Episodes: abnormal days that belong together, with an identity that survives re-scores."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import date, timedelta
from typing import Any, Literal

import pandas as pd

from nyc311_assets.pipeline.anomalies.rules import REASONS
from nyc311_assets.pipeline.anomalies.verdicts import CONFIRMED, WATCH

MERGE_DAYS = 7
# Descriptors are counted for episodes whose peak is of late: nobody acts on last year's.
DESCRIPTOR_DAYS = 30
_NEAR = timedelta(days=MERGE_DAYS)
_DAYS = ("start", "peak", "end")

State = Literal["open", "closed", "withdrawn"]


@dataclass(frozen=True, slots=True)
class Episode:
    """Abnormal days of one series in one direction, none more than `MERGE_DAYS` after the other.

    Attributes:
        id: Made of series, direction and first start; it stays when a re-score moves the start.
        series: The series.
        direction: 1 high, -1 low.
        start, peak, end: First flagged day, the one with the most excess, and the last one.
        days: Flagged days.
        excess: Requests above what was expected, in sum over the flagged days; below zero for less.
        severity: Of its most severe day.
        tier: `WATCH` or `CONFIRMED`, the highest that was reached.
        reasons: Of all its days, in the order of `REASONS`, joined by +.
        state: Open while another flagged day could still join; withdrawn when a re-score of its
            days left nothing of it, or it became part of another.
        merged_into: The id of that other one.
    """

    id: str
    series: str
    direction: int
    start: date
    peak: date
    end: date
    days: int
    excess: float
    severity: float
    tier: str
    reasons: str
    state: State
    merged_into: str | None = None


def episode_id(series: str, direction: int, start: date) -> str:
    """Sixteen hexadecimal digits of series, direction and start."""
    text = f"{series}\x1f{direction}\x1f{start.isoformat()}"
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def find_episodes(verdicts: pd.DataFrame, judged_through: date) -> list[Episode]:
    """Put flagged days together.

    Args:
        verdicts: series, ds, direction, flagged, confirmed, excess, severity, reason; one row for a
            series and day, others than flagged ones are left out. See `verdict_table`.
        judged_through: The last day that was judged at all: an episode is open while fewer than
            `MERGE_DAYS` days have been judged after its end.

    Returns:
        By series, direction and start.
    """
    flagged = verdicts[verdicts["flagged"].astype(bool)].sort_values(
        ["series", "direction", "ds"], kind="stable"
    )
    if flagged.empty:
        return []
    same = (flagged["series"] == flagged["series"].shift()) & (
        flagged["direction"] == flagged["direction"].shift()
    )
    near = (flagged["ds"] - flagged["ds"].shift()) <= pd.Timedelta(days=MERGE_DAYS)
    number = (~(same & near)).cumsum()
    return [_episode(days, judged_through) for _, days in flagged.groupby(number, sort=False)]


def _episode(days: pd.DataFrame, judged_through: date) -> Episode:
    series, direction = str(days["series"].iloc[0]), int(days["direction"].iloc[0])
    stamps = [stamp.date() for stamp in days["ds"]]
    excess = days["excess"].to_numpy(dtype=float)
    given = {reason for text in days["reason"] for reason in str(text).split("+")}
    return Episode(
        id=episode_id(series, direction, stamps[0]),
        series=series,
        direction=direction,
        start=stamps[0],
        peak=stamps[int((excess * direction).argmax())],
        end=stamps[-1],
        days=len(stamps),
        excess=float(excess.sum()),
        severity=float(days["severity"].max()),
        tier=CONFIRMED if days["confirmed"].astype(bool).any() else WATCH,
        reasons="+".join(reason for reason in REASONS if reason in given),
        state="closed" if (judged_through - stamps[-1]).days >= MERGE_DAYS else "open",
    )


def first_day_needed(existing: Iterable[Episode], window_start: date) -> date:
    """The first day whose verdicts `reconcile` must see when the days from one on were judged anew.

    Episodes that a flagged day of the window could join are put together again as a whole, and so
    are those of other series that this reaches into.
    """
    extents = [(each.start, each.end) for each in existing if each.state != "withdrawn"]
    first = window_start
    while earlier := [start for start, end in extents if start < first <= end + _NEAR]:
        first = min(earlier)
    return first


def reconcile(
    existing: Iterable[Episode], verdicts: pd.DataFrame, since: date, judged_through: date
) -> list[Episode]:
    """Bring episodes up to date after days were judged, for the first time or anew.

    What the flagged days now make is found afresh and given the identity of the episode that it
    overlaps. So a settling day may change an episode, close or withdraw it, join two (the elder
    lives on, the younger is withdrawn and says into which it merged) or split one (the first part
    keeps the identity); it never doubles one, and none disappears. Doing it twice changes nothing,
    and days judged anew in whatever order end in the same episodes.

    Args:
        existing: All episodes so far, withdrawn ones too.
        verdicts: Verdicts of all days from `since` on, as for `find_episodes`.
        since: `first_day_needed` of the days that were judged.
        judged_through: The last day that was judged at all, ever.

    Returns:
        All episodes, by series, direction, start and id.

    Raises:
        ValueError: An episode reaches over `since`.
    """
    old = list(existing)
    if first_day_needed(old, since) < since:
        raise ValueError(
            f"An episode reaches over {since}: give the verdicts from "
            f"{first_day_needed(old, since)} on (first_day_needed)."
        )
    is_kept = {each.id for each in old if each.state != "withdrawn" and each.start < since}
    kept = [_aged(each, judged_through) for each in old if each.id in is_kept]
    withdrawn = {each.id: each for each in old if each.state == "withdrawn"}
    candidates = [each for each in old if each.id not in is_kept and each.state != "withdrawn"]
    window = verdicts[verdicts["ds"] >= pd.Timestamp(since)]
    found = find_episodes(window, judged_through)
    taken = {each.id for each in kept} | {each.id for each in candidates}
    named: list[Episode] = []
    gone: dict[str, Episode] = {}
    left: dict[tuple[str, int], list[Episode]] = {}
    for one in sorted(candidates, key=lambda each: (each.start, each.id)):
        left.setdefault((one.series, one.direction), []).append(one)
    for each in found:
        same = left.get((each.series, each.direction), [])
        overlapping = [one for one in same if _overlap(one, each)]
        if overlapping:
            named.append(replace(each, id=overlapping[0].id))
            for other in overlapping[1:]:
                gone[other.id] = replace(other, state="withdrawn", merged_into=overlapping[0].id)
            left[each.series, each.direction] = [one for one in same if one not in overlapping]
        else:
            name = _free(each.id, taken)
            taken.add(name)
            named.append(replace(each, id=name))
    gone |= {
        one.id: replace(one, state="withdrawn", merged_into=None)
        for many in left.values()
        for one in many
    }
    current = {each.id for each in named}
    past = {name: each for name, each in (withdrawn | gone).items() if name not in current}
    return sorted(
        [*kept, *named, *past.values()],
        key=lambda each: (each.series, each.direction, each.start, each.id),
    )


def _aged(episode: Episode, judged_through: date) -> Episode:
    is_over = (judged_through - episode.end).days >= MERGE_DAYS
    return replace(episode, state="closed" if is_over else "open")


def _overlap(one: Episode, other: Episode) -> bool:
    """Whether two extents share days, or lie near enough to merge."""
    return one.start <= other.end + _NEAR and other.start <= one.end + _NEAR


def _free(name: str, taken: set[str]) -> str:
    """The id, or one made of it where an episode whose start has moved still bears it."""
    free, number = name, 2
    while free in taken:
        free, number = f"{name}-{number}", number + 1
    return free


def to_frame(episodes: Iterable[Episode]) -> pd.DataFrame:
    """As a table with the fields of `Episode`; start, peak and end as days."""
    fields = list(Episode.__dataclass_fields__)
    frame = pd.DataFrame(
        [[getattr(each, name) for name in fields] for each in episodes], columns=fields
    )
    for name in _DAYS:
        frame[name] = pd.to_datetime(frame[name])
    return frame


def from_frame(frame: pd.DataFrame) -> list[Episode]:
    """Read what `to_frame` wrote."""
    text = frame.astype(object)
    return [_read(dict(zip(text.columns, row, strict=True))) for row in text.to_numpy()]


def _read(row: Mapping[str, Any]) -> Episode:
    days = {name: pd.Timestamp(row[name]).date() for name in _DAYS}
    merged_into = None if pd.isna(row["merged_into"]) else str(row["merged_into"])
    return Episode(**{**row, **days, "merged_into": merged_into})
