"""One message for one cause: episodes of a type's parts are told within that of the whole."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace

from nyc311_assets.resources import episode_messages as messages
from nyc311_assets.resources.episode_messages import Links
from nyc311_assets.resources.ledger_episodes import KnownEpisode
from nyc311_assets.resources.ledger_rows import Alert

Told = tuple[KnownEpisode, Alert]


def in_families(found: Sequence[Told], links: Links, run_id: str | None) -> list[Told]:
    """Fold alerts on parts of a complaint type into the one on the widest whole of it.

    A storm makes a type abnormal in the city, in its boroughs and in their agencies on the same
    day. Alerts of one event and direction whose days overlap are one message then. Only within a
    type: that an agency is above its band as well says something else, and is told by itself.

    Args:
        found: New alerts with their episodes.
        links: Where alerts lead.
        run_id: The run that brought the news.

    Returns:
        The same alerts in the same order; those of parts are folded, those of wholes name them.
    """
    sent = [each for each in found if each[1].outcome == "send"]
    # What is part of something itself tells nothing: who reads of the whole would not hear of it.
    wholes = [each for each in sent if not any(_tells(other, each) for other in sent)]
    tellers: dict[str, str] = {}
    parts: dict[str, list[KnownEpisode]] = defaultdict(list)
    for part, alert in sent:
        above = [each for each in wholes if _tells(each, (part, alert))]
        if above:
            whole = min(above, key=lambda each: (_width(each[0]), each[1].alert_id))
            tellers[alert.alert_id] = whole[1].alert_id
            parts[whole[1].alert_id].append(part)
    told: list[Told] = []
    for episode, alert in found:
        if alert.alert_id in tellers:
            teller = tellers[alert.alert_id]
            told.append((episode, replace(alert, outcome="folded", told_by=teller)))
        elif alert.alert_id in parts:
            ranked = messages.by_severity(parts[alert.alert_id])
            body = messages.body(alert.kind, episode, links, run_id, parts=ranked)
            told.append((episode, replace(alert, body=body)))
        else:
            told.append((episode, alert))
    return told


def _tells(whole: Told, part: Told) -> bool:
    (above, teller), (below, alert) = whole, part
    own, wider = messages.parts_of(below.series), messages.parts_of(above.series)
    return (
        teller.kind == alert.kind
        and above.direction == below.direction
        and above.start <= below.end
        and below.start <= above.end
        and "complaint_type" in wider
        and wider.items() < own.items()
    )


def _width(episode: KnownEpisode) -> int:
    """How many parts its series' name has: the fewer, the wider."""
    return len(messages.parts_of(episode.series))
