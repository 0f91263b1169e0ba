"""Which events of episodes are to be told: a function of the episodes and of what was told."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime

from nyc311_assets.automation.alerts.families import Told, in_families
from nyc311_assets.resources import episode_messages as messages
from nyc311_assets.resources.episode_messages import Links
from nyc311_assets.resources.ledger_episodes import Episodes, KnownEpisode
from nyc311_assets.resources.ledger_rows import Alert, Outcome, alert_id
from nyc311_assets.resources.standing import has_grown, is_quiet

# In the order in which they happen; when several are due at once, the last one tells them all.
EVENTS = ("opened", "reopened", "confirmed", "worsened", "closed", "corrected")
# More messages of one kind than this at once become one.
MOST_SINGLE_MESSAGES = 4


@dataclass(frozen=True, slots=True)
class Present:
    """What a decision depends on besides episodes and ledger.

    Attributes:
        now: The present time, aware.
        today: The New York day.
        max_age_days: An episode that ended longer ago is not told.
        links: Where alerts lead.
        run_id: The run that brought the news.
    """

    now: datetime
    today: date
    max_age_days: int
    links: Links
    run_id: str | None = None


def decide(episodes: Episodes, alerts: Sequence[Alert], present: Present) -> list[Alert]:
    """The alerts on episodes that the ledger does not have yet.

    An episode is told when it opens, when it is confirmed and when it closes, each once; again
    when it opens anew after it was told to be over. One that was told and is withdrawn gets one
    correction. What happened since the last look is told in one message, that of the last event,
    and what happened to a type and to parts of it at once is one message too, see `in_families`.
    One that became part of another hands on what was told of it, and its acknowledgements.

    Quiet stays an episode whose newest alert was acknowledged, muted or marked false, until its
    tier rises or the excess of its peak has grown, see `has_grown`.

    Args:
        episodes: As one version of the table has them. What an alert of a newer version was made
            of is not told by an older one.
        alerts: All alerts, oldest first.
        present: Time, limits and links.

    Returns:
        New alerts; those that are not sent say why in `outcome`.
    """
    by_subject: dict[str, list[Alert]] = {}
    for alert in alerts:
        if alert.kind in EVENTS:
            by_subject.setdefault(alert.subject, []).append(alert)
    merged = {each.id: each.merged_into for each in episodes.rows if each.state == "withdrawn"}
    families = _families(merged)
    found: list[Told] = []
    for episode in episodes.rows:
        if episode.state == "withdrawn" and episode.merged_into:
            continue
        own = by_subject.get(episode.id, [])
        names = families.get(episode.id, {episode.id})
        family = sorted(
            (each for name in names for each in by_subject.get(name, [])),
            key=lambda each: (each.created_at, EVENTS.index(each.kind)),
        )
        if any(each.source_at and each.source_at > episodes.written_at for each in family):
            continue
        found += [
            (episode, alert)
            for alert in _of_episode(episode, own, family, present, episodes.written_at)
        ]
    return _in_waves(in_families(found, present.links, present.run_id), present)


def _families(merged: Mapping[str, str | None]) -> dict[str, set[str]]:
    """Episode -> itself and all that became part of it, directly or by way of others."""
    families: dict[str, set[str]] = {}
    for name in merged:
        heir, seen = name, {name}
        while (following := merged.get(heir)) and following not in seen:
            heir = following
            seen.add(heir)
        families.setdefault(heir, {heir}).update(seen)
    return families


def _of_episode(
    episode: KnownEpisode,
    own: Sequence[Alert],
    family: Sequence[Alert],
    present: Present,
    written_at: datetime,
) -> Iterator[Alert]:
    newest = next((each for each in reversed(family) if each.was_heard), None)
    said = newest or next(reversed(family), None)
    events = _events(episode, own or family, family)
    is_open = episode.state == "open"
    if is_open and said and is_quiet(said, present.today) and has_grown(episode, said.noted_excess):
        events.append("worsened")
    if not events or ("corrected" in events and newest is None):
        return
    outcome = _outcome(episode, events, newest, said, present)
    names = {event: _identity(episode, event, own, said) for event in events}
    teller = events[-1]
    for event in events:
        folds = event != teller and outcome == "send"
        yield Alert(
            alert_id=names[event],
            kind=event,
            subject=episode.id,
            severity=messages.severity(event),
            title=messages.title(event, episode),
            body=messages.body(event, episode, present.links, present.run_id),
            attributes=messages.attributes(event, episode),
            created_at=present.now,
            source_at=written_at,
            outcome="folded" if folds else outcome,
            told_by=names[teller] if folds else None,
        )


def _events(episode: KnownEpisode, handled: Sequence[Alert], family: Sequence[Alert]) -> list[str]:
    """What has happened to it that the ledger does not know."""
    last = _standing(handled)
    if episode.state == "withdrawn":
        return ["corrected"] if last in {"open", "closed"} else []
    events = []
    if last is None:
        events.append("opened")
    elif last == "corrected" or (last == "closed" and episode.state == "open"):
        events.append("reopened")
    if episode.tier == "confirmed" and not any(each.kind == "confirmed" for each in family):
        events.append("confirmed")
    if episode.state == "closed" and last != "closed":
        events.append("closed")
    return events


def _standing(handled: Sequence[Alert]) -> str | None:
    if not handled:
        return None
    last = handled[-1].kind
    return last if last in {"closed", "corrected"} else "open"


def _outcome(
    episode: KnownEpisode,
    events: Sequence[str],
    newest: Alert | None,
    said: Alert | None,
    present: Present,
) -> Outcome:
    """Whoever heard that it opened hears how it ends, however late."""
    is_old = (present.today - episode.end).days > present.max_age_days
    if is_old and not (newest and events[-1] in {"closed", "corrected"}):
        return "too_old"
    if said is None or not is_quiet(said, present.today):
        return "send"
    if events[-1] == "corrected" and not (said.is_muted(present.today) or said.marked_false_at):
        return "send"  # whoever acknowledged it may be acting on it
    return "send" if {"confirmed", "worsened"} & set(events) else "quiet"


def _identity(episode: KnownEpisode, event: str, own: Sequence[Alert], said: Alert | None) -> str:
    """One for each event: of what may come again, the how manieth; of worsening, since which."""
    if event == "worsened" and said is not None:
        return alert_id(episode.id, event, said.alert_id)
    number = 1 + sum(each.kind == event for each in own)
    return alert_id(episode.id, event, *([str(number)] if number > 1 else []))


def _in_waves(found: Sequence[Told], present: Present) -> list[Alert]:
    """Put many messages of one kind into one that lists the most severe."""
    alerts: list[Alert] = []
    for kind in EVENTS:
        mine = [(episode, alert) for episode, alert in found if alert.kind == kind]
        sent = [(episode, alert) for episode, alert in mine if alert.outcome == "send"]
        if len(sent) <= MOST_SINGLE_MESSAGES:
            alerts += [alert for _, alert in mine]
            continue
        wave = _wave(kind, sent, present)
        alerts += [
            (
                replace(alert, outcome="folded", told_by=wave.alert_id)
                if alert.outcome == "send"
                else alert
            )
            for _, alert in mine
        ]
        alerts.append(wave)
    return alerts


def _wave(kind: str, sent: Iterable[Told], present: Present) -> Alert:
    ranked = sorted(sent, key=lambda each: (-(each[0].severity or 0), each[1].alert_id))
    first = ranked[: messages.MOST_LINES]
    name = alert_id("wave", kind, *sorted(alert.alert_id for _, alert in ranked))
    lines = [
        *(
            f"- {alert.title}, {messages.amount(episode)} [{episode.id}]"
            for episode, alert in first
        ),
        f"- and {len(ranked) - len(first):,} more" if len(ranked) > len(first) else "",
        f"Look: {present.links.dashboard_url}",
    ]
    if present.run_id:
        lines.append(f"Run: {present.links.run(present.run_id)}")
    lines.append(f"Acknowledge all of these: nyc311 alert ack {name} --by NAME")
    return Alert(
        alert_id=name,
        kind="wave",
        subject=name,
        severity=messages.severity(kind),
        title=f"{len(ranked):,} episodes {kind} at once",
        body="\n".join(line for line in lines if line),
        attributes={"kind": "wave", "event": kind},
        created_at=present.now,
    )
