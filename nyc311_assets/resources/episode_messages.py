"""What alerts on episodes say."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from urllib.parse import urlencode

from nyc311_assets.resources.ledger_episodes import KnownEpisode
from nyc311_assets.resources.ledger_rows import Severity

# A message with a list has no more lines than this.
MOST_LINES = 10
_MOST_CONTRIBUTORS = 3
_MOST_PARTS = 5
_NAMES = {"type": "complaint_type", "borough": "borough", "agency": "agency"}
_SEVERITIES: Mapping[str, Severity] = {
    "opened": "warning", "reopened": "warning", "confirmed": "critical", "worsened": "critical",
    "closed": "info", "corrected": "info",
}  # fmt: skip
_SURE = ((0.001, "very sure"), (0.01, "sure"), (0.05, "fairly sure"), (1.0, "unsure"))


@dataclass(frozen=True, slots=True)
class Links:
    """Where alerts lead.

    Attributes:
        dashboard_url: The dashboard.
        dagster_url: Dagster's UI.
    """

    dashboard_url: str
    dagster_url: str

    def episode(self, episode: KnownEpisode) -> str:
        """The dashboard's page of the episode."""
        query = urlencode({"series": episode.series, "episode": episode.id})
        return f"{self.dashboard_url.rstrip('/')}/series?{query}"

    def run(self, run_id: str) -> str:
        """Dagster's page of a run."""
        return f"{self.dagster_url.rstrip('/')}/runs/{run_id}"


def parts_of(series: str) -> dict[str, str]:
    """complaint_type, borough and agency of `type: A | borough: B | agency: C`, as far as named."""
    parts = (part.partition(": ") for part in series.split(" | "))
    return {_NAMES[name]: value for name, _, value in parts if name in _NAMES and value}


def in_words(series: str) -> str:
    """A series' name as people say it: Illegal Parking in BRONX (NYPD)."""
    parts = parts_of(series)
    if not parts:
        return "All requests" if series == "city" else series
    words = parts.get("complaint_type", "All requests")
    words += f" in {parts['borough']}" if "borough" in parts else ""
    return words + (f" ({parts['agency']})" if "agency" in parts else "")


def title(event: str, episode: KnownEpisode) -> str:
    """One line: what happened, and where."""
    what = "high" if episode.direction > 0 else "low"
    lasts = {
        "opened": f"abnormally {what}",
        "reopened": f"abnormally {what} again",
        "confirmed": f"still abnormally {what} (confirmed)",
        "worsened": f"abnormally {what}, and worse",
        "closed": f"back to normal after being {what}",
        "corrected": f"correction: not abnormally {what} after all",
    }
    return f"{in_words(episode.series)}: {lasts[event]}"


def severity(event: str) -> Severity:
    """How urgent an event is."""
    return _SEVERITIES[event]


def body(
    event: str,
    episode: KnownEpisode,
    links: Links,
    run_id: str | None,
    *,
    parts: Sequence[KnownEpisode] = (),
) -> str:
    """What, where, since when, how much, how sure, why, and where to look.

    Args:
        event: What happened.
        episode: To which episode.
        links: Where to look.
        run_id: The run that brought the news.
        parts: Episodes of parts of its series that it happened to as well, most severe first.
    """
    lines = [title(event, episode), "", f"Days: {_days(episode)}."]
    if event == "corrected":
        lines.append("The days were judged again with newer rows, and nothing of it was left.")
    else:
        lines += [_how_much(episode), *_how_sure(episode), *_contributors(episode)]
    lines += _also(parts)
    lines += ["", f"Look: {links.episode(episode)}"]
    if run_id:
        lines.append(f"Run: {links.run(run_id)}")
    these = " (these as well)" if parts else ""
    lines.append(f"Acknowledge{these}: nyc311 alert ack {episode.id} --by NAME")
    return "\n".join(lines)


def attributes(event: str, episode: KnownEpisode) -> dict[str, str]:
    """What subscribers filter by; with alert_id and severity at most ten."""
    return {
        "kind": event,
        "subject": episode.id,
        "tier": episode.tier,
        "direction": "high" if episode.direction > 0 else "low",
        **parts_of(episode.series),
        "start": episode.start.isoformat(),
    }


def digest_line(episode: KnownEpisode, *, is_new: bool) -> str:
    """An episode in one line."""
    new = "new: " if is_new else ""
    return f"{new}{in_words(episode.series)}: {amount(episode)}"


def by_severity(episodes: Iterable[KnownEpisode]) -> list[KnownEpisode]:
    """The episodes in the order in which lists name them: the most severe first."""
    return sorted(episodes, key=lambda each: (-(each.severity or 0), each.id))


def amount(episode: KnownEpisode) -> str:
    """How much above or below what was expected, and since when."""
    much = f"{episode.excess:+,.0f} requests" if episode.excess is not None else "no figures"
    return f"{much} since {_day(episode.start)}"


def _days(episode: KnownEpisode) -> str:
    if episode.start == episode.end:
        return f"{_day(episode.start)}, one day"
    count = "1 day" if episode.days == 1 else f"{episode.days} days"
    return (
        f"since {_day(episode.start)}, so far to {_day(episode.end)}, {count} in all, "
        f"most on {_day(episode.peak)}"
    )


def _day(day: date) -> str:
    return f"{day:%a} {day.isoformat()}"


def _how_much(episode: KnownEpisode) -> str:
    if episode.excess is None or episode.expected is None:
        return "How much: no figures."
    actual = episode.expected + episode.excess
    side = "more" if episode.excess >= 0 else "fewer"
    text = f"How much: {actual:,.0f} requests where {episode.expected:,.0f} were expected, "
    text += f"{abs(episode.excess):,.0f} {side}"
    return text + (f", {actual / episode.expected:,.1f} times." if episode.expected >= 1 else ".")


def _also(parts: Sequence[KnownEpisode]) -> Sequence[str]:
    if not parts:
        return []
    named = [
        (
            f"{in_words(each.series)} ({each.excess:+,.0f})"
            if each.excess is not None
            else in_words(each.series)
        )
        for each in parts[:_MOST_PARTS]
    ]
    more = f" and {len(parts) - _MOST_PARTS} more" if len(parts) > _MOST_PARTS else ""
    return [f"Also: {', '.join(named)}{more}."]


def _how_sure(episode: KnownEpisode) -> Sequence[str]:
    q, z = episode.peak_q_value, episode.peak_z
    told = []
    if q is not None:
        word = next((word for limit, word in _SURE if q <= limit), "unsure")
        told.append(f"{word}: of all findings like this, at most {_share(q)} are chance")
    if z is not None:
        told.append(f"{abs(z):.1f} standard deviations on the peak")
    return [f"How sure: {'; '.join(told)}."] if told else []


def _share(q: float) -> str:
    tiny = 0.0001
    return f"{q:.2%}" if q >= tiny else "0.01 %"


def _contributors(episode: KnownEpisode) -> Sequence[str]:
    if not episode.contributors:
        return []
    named = [_contributor(each) for each in json.loads(episode.contributors)]
    return [f"Mostly: {', '.join(named[:_MOST_CONTRIBUTORS])}."] if named else []


def _contributor(each: Mapping[str, object]) -> str:
    name = str(each["name"])
    words = in_words(name) if each.get("kind") == "series" else name
    excess, share = each.get("excess"), each.get("share")
    figures = [f"{excess:+,.0f}"] if isinstance(excess, int | float) else []
    figures += [f"{share:.0%}"] if isinstance(share, int | float) else []
    return f"{words} ({', '.join(figures)})" if figures else words
