"""What an episode rests on, in words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from nyc311_assets.dashboard.queries.episodes import Entry
from nyc311_assets.dashboard.today.words import day_words

# The rules of docs/anomalies.md.
_RULES: Mapping[str, str] = {
    "spike": "a day far above the forecast of the day before (z over 4.5)",
    "spike_over_last_week": "a day far above what was forecast a week before (z over 4)",
    "run": "three or more days in a row above the 95 % band",
    "scan_3": "three days together far above what was forecast a week before",
    "scan_7": "seven days together far above what was forecast a week before",
    "drop": "a day far below its forecast (z under -3.5)",
    "drop_scan_3": "three days together far below what was forecast a week before",
    "drop_run": "three or more days in a row below the 95 % band",
}


def why(entry: Entry) -> Sequence[str]:
    """Why it is flagged: each rule that held, and the day of the peak."""
    episode = entry.episode
    told = [_RULES.get(each, each) for each in entry.reasons]
    if episode.peak_actual is not None and episode.peak_expected is not None:
        told.append(
            f"most on {day_words(episode.peak)}: {episode.peak_actual:,.0f} requests where "
            f"{episode.peak_expected:,.0f} were expected"
        )
    if entry.longest_run > 1:
        told.append(f"{entry.longest_run} days in a row outside the band at most")
    return told


def not_to_conclude(entry: Entry, *, is_provisional: bool) -> Sequence[str]:
    """What it does not say."""
    told = [
        "That something broke in the city: a campaign, a new form or a reclassified complaint "
        "type raises counts, too.",
        "That requests are incidents: several people report the same thing.",
    ]
    if entry.episode.tier == "watch":
        told.append("That it lasts: on watch is one odd day; confirmed is several.")
    if is_provisional:
        told.append("That the figures stay: days settle for about a week.")
    return told


def next_step(entry: Entry) -> Sequence[str]:
    """What to do."""
    agency = entry.episode.series.partition("agency: ")[2].split(" | ")[0]
    whom = f"Ask {agency}" if agency else "Ask the agency that handles it"
    return [
        "Look at what makes it: the parts and the requests below.",
        f"{whom} whether it is known, then acknowledge it on Today, or mark it as false.",
        f"Trace it to the pulls: `nyc311 explain {entry.episode.id}`.",
    ]
