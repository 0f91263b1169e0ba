"""A source that has stopped publishing."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, time, timedelta

from nyc311_assets.pipeline.checks.spec import SOURCE_STEWARD, CheckSpec, Verdict
from nyc311_assets.pipeline.cities import City
from nyc311_assets.pipeline.pulls import PulledDay

NOT_STALE = CheckSpec(
    "not_stale",
    "WARN",
    "The source has published within its rhythm: its newest request is younger than 30 hours, or "
    "tonight's publication is not due yet. Nothing to mend here; wait, or ask the source.",
    owner=SOURCE_STEWARD,
)

# A publication shows the city as it was some 19.5 hours before, so at the nightly run the newest
# request is 25 hours old; with one publication missing it is 49.
STALE_HOURS = 30.0
# Publications came within minutes of their hour in five pulls of 2026; the nightly run is 5.3
# hours after it.
GRACE = timedelta(hours=3)
# What bronze.batches calls rows that are served from files.
FROM_FILES = "files"


def publication_due(city: City, at: datetime) -> datetime:
    """When the last publication should have come that can be missed by now, aware.

    Args:
        city: Gives the hour of publication and the time zone.
        at: The moment of the pull, aware.
    """
    local = (at - GRACE).astimezone(city.time_zone)
    due = datetime.combine(local.date(), city.publication_time, city.time_zone)
    return due if due <= local else due - timedelta(days=1)


def check_not_stale(
    city: City, pulled: Iterable[PulledDay], pulled_at: datetime, source: str
) -> Verdict:
    """Judge how old the source's newest request was at the pull.

    Between noon and the evening's publication it is older than 30 hours in the best of orders, so
    a publication must be missing too: one that is due reaches past the midnight before it. Of
    five real pulls, the one of 2026-05-25 (53 hours) fails and the three mornings at 29 hours and
    the one just before a publication (43 hours) pass. A dataset that is no longer written is not
    judged, nor are rows of files, which are as old as they are.

    Args:
        city: Gives the rhythm, and which datasets are still written.
        pulled: The request dates of a partition.
        pulled_at: The moment of the pull, aware.
        source: Where the rows came from, as in bronze.batches.
    """
    if source == FROM_FILES:
        return Verdict(NOT_STALE, True, {"not_judged": "rows of files"})
    reached = [
        day.source_reach
        for day in pulled
        if day.source_reach is not None and city.dataset_for(day.request_date).last_date is None
    ]
    if not reached:
        return Verdict(NOT_STALE, True, {"not_judged": "no dataset that is still written"})
    newest = max(reached)
    due = publication_due(city, pulled_at)
    age = pulled_at - newest.replace(tzinfo=city.time_zone)
    hours = age.total_seconds() / 3600
    missing = newest < datetime.combine(due.date(), time.min)
    return Verdict(
        NOT_STALE,
        not (hours > STALE_HOURS and missing),
        {
            "newest_request": newest.isoformat(),
            "hours_old": round(hours, 1),
            "limit_hours": STALE_HOURS,
            "last_publication_due": due.isoformat(),
        },
    )
