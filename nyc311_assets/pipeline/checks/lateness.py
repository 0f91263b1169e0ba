"""How late requests arrive at the source."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from statistics import median

from nyc311_assets.pipeline.checks.shares import (
    LEAST_HISTORY_DAYS,
    SHARE_HISTORY_DAYS,
    tolerance,
)
from nyc311_assets.pipeline.checks.spec import SOURCE_STEWARD, CheckSpec, Figure, Verdict

LATENESS_AS_USUAL = CheckSpec(
    "lateness_as_usual",
    "WARN",
    "Of the requests of each of the days before, about as many arrived with this pull as with "
    "the pulls of the 28 days before at the same age. Nothing to mend here; ask the source.",
    owner=SOURCE_STEWARD,
)

LATEST_DAYS = 7
# The bulk of a day arrives the day after. How much of it came already depends on the hour that
# the publication reached (02:04 to 02:56 in five real pulls): 3 to 9 % of a day.
BULK_FLOOR = 0.10
# 1.75 % of all real requests arrive 1 to 5 days late; a day on which this doubles passes.
LATE_FLOOR = 0.02


@dataclass(frozen=True, slots=True)
class Arrivals:
    """What one daily pull brought of the days before it.

    Attributes:
        new: Age in days -> requests of the day of that age that this pull was the first to have.
        known: Age in days -> requests of that day that this or an earlier pull had.
        is_lived: The pull before covered those days too, so that what is new really came late.
            A backfill sees every request for the first time, whatever its age.
    """

    new: Mapping[int, int]
    known: Mapping[int, int]
    is_lived: bool

    def share(self, age: int) -> float | None:
        """The new as a share of the known; None for a day of which nothing is known."""
        known = self.known.get(age, 0)
        return self.new.get(age, 0) / known if known else None


def check_lateness(pulls: Mapping[date, Arrivals], judged: date) -> Verdict:
    """Judge what one daily pull brought of each of the 7 days before it; names the ages.

    A publication that fails to come, and the one that catches up on it, differ by nearly a whole
    day's requests. The usual share is the median over the pulls before; for the age of one day
    it is all that they had, as this share changes for good when the hour of the run does (before
    or after the evening's publication), which should be shown once.

    No real file tells when its rows arrived. Over 193 nights of the synthetic city, which follows
    the lateness measured at the source, none fails; of 152 publications taken out each is found
    on its night and on the next.

    Args:
        pulls: Ingestion date -> its arrivals, for the judged date and the 28 before.
        judged: The ingestion date.
    """
    mine = pulls.get(judged)
    before = [
        pulls[day]
        for age in range(1, SHARE_HISTORY_DAYS + 1)
        if (day := judged - timedelta(days=age)) in pulls and pulls[day].is_lived
    ]
    figures: dict[str, Figure] = {"days_of_history": len(before)}
    if mine is None or not mine.is_lived or len(before) < LEAST_HISTORY_DAYS:
        reason = "too little history" if mine and mine.is_lived else "not a daily pull"
        return Verdict(LATENESS_AS_USUAL, True, {**figures, "not_judged": reason})
    unusual = []
    for age in range(1, LATEST_DAYS + 1):
        share = mine.share(age)
        usual_shares = [found for pull in before if (found := pull.share(age)) is not None]
        if share is None or len(usual_shares) < LEAST_HISTORY_DAYS:
            continue
        usual = median(usual_shares)
        lowest, highest = (min(usual_shares), max(usual_shares)) if age == 1 else (usual, usual)
        allowed = tolerance(usual, mine.known[age], BULK_FLOOR if age == 1 else LATE_FLOOR)
        figures[f"share_{age}_days_late"] = round(share, 4)
        figures[f"usual_share_{age}_days_late"] = round(usual, 4)
        if not lowest - allowed <= share <= highest + allowed:
            unusual.append(f"{age} days ({share:.1%}, usually {usual:.1%})")
    figures["ages_unusual"] = ", ".join(unusual)
    return Verdict(LATENESS_AS_USUAL, not unusual, figures)
