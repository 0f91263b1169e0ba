from __future__ import annotations

import itertools
from collections.abc import Callable
from datetime import date, datetime, timedelta

import numpy as np
import pytest

from nyc311_assets.local.feed.synthetic.events import Event, events
from nyc311_assets.local.feed.synthetic.figures import figures
from nyc311_assets.local.feed.synthetic.source import DEFAULT_SEED, SyntheticSource
from nyc311_assets.local.feed.synthetic.volumes import PLACES, Volumes
from nyc311_assets_tests.local.feed.conftest import ServeFeed

FIRST, LAST = date(2020, 1, 1), date(2027, 12, 31)


def test_every_three_weeks_hold_the_start_of_an_event() -> None:
    starts = [event.start.date() for event in events(DEFAULT_SEED, FIRST, LAST)]
    gaps = [(after - before).days for before, after in itertools.pairwise(starts)]
    assert starts == sorted(starts)
    assert max(gaps) <= 21


def test_every_kind_happens_and_only_in_its_season() -> None:
    found = events(DEFAULT_SEED, FIRST, LAST)
    months: dict[str, set[int]] = {}
    for event in found:
        months.setdefault(event.kind, set()).add(event.start.month)
    assert {
        "storm",
        "heat wave",
        "cold snap",
        "rodent surge",
        "noise surge",
        "illegal parking surge",
        "outage",
    } == set(months)
    assert months["heat wave"] <= {6, 7, 8, 9}
    assert months["cold snap"] <= {11, 12, 1, 2, 3}


def test_events_are_the_same_however_the_range_is_cut() -> None:
    whole = list(events(DEFAULT_SEED, date(2025, 1, 1), date(2025, 12, 31)))
    pieces: list[Event] = []
    for month in range(1, 13):
        first = date(2025, month, 1)
        last = (first + timedelta(days=31)).replace(day=1) - timedelta(days=1)
        pieces += [e for e in events(DEFAULT_SEED, first, last) if e not in pieces]
    assert pieces == whole


def first_of(kind: str) -> Event:
    return next(e for e in events(DEFAULT_SEED, date(2023, 1, 1), LAST) if e.kind == kind)


@pytest.mark.parametrize("kind", ["storm", "heat wave", "cold snap", "rodent surge", "noise surge"])
def test_an_event_multiplies_the_requests_of_its_types_and_boroughs(kind: str) -> None:
    volumes = Volumes(DEFAULT_SEED, figures())
    event = first_of(kind)
    day = event.start.date()
    number = next(
        n for n, unit in enumerate(volumes.units) if unit.complaint_type in event.complaint_types
    )
    places = [PLACES.index(borough) for borough in event.boroughs]
    usual = [
        volumes.expected(day + timedelta(days=shift))[number, places].sum()
        for shift in (-21, -14, 14, 21)
        if not any(
            other.complaint_types == event.complaint_types
            for other in events(
                DEFAULT_SEED, day + timedelta(days=shift), day + timedelta(days=shift)
            )
        )
    ]
    raised = volumes.expected(day)[number, places].sum() / np.mean(usual)
    assert raised == pytest.approx(event.factor(day), rel=0.6)
    assert raised > 1.4


def test_an_outage_leaves_few_requests_of_its_agency_in_its_hours(
    synthetic_source: Callable[[str], SyntheticSource],
) -> None:
    outage = first_of("outage")
    source = synthetic_source("2027-12-31T12:00:00-05:00")
    publication = source.publication("erm2-nwe9")

    def requests(day: date) -> int:
        rows = publication.rows(day)
        agencies = rows.column("agency").to_pylist()
        created = rows.column("created_date").to_pylist()
        hours = range(outage.start.hour, outage.end.hour)
        return sum(
            agency in outage.agencies and moment.hour in hours
            for agency, moment in zip(agencies, created, strict=True)
        )

    day = outage.start.date()
    usual = np.mean([requests(day + timedelta(days=shift)) for shift in (-7, 7)])
    assert requests(day) < 0.35 * usual
    assert outage.end - outage.start <= timedelta(hours=12)


def test_the_feed_says_what_is_true(
    serve: ServeFeed, synthetic_source: Callable[[str], SyntheticSource]
) -> None:
    client = serve(synthetic_source("2026-06-10T12:00:00-04:00"))
    answer = client.get(
        "/api/feed/events.json", params={"first": "2026-04-01", "last": "2026-05-31"}
    )
    content = answer.json()
    assert content["provenance"] == "synthetic"
    expected = events(DEFAULT_SEED, date(2026, 4, 1), date(2026, 5, 31))
    assert [datetime.fromisoformat(e["start"]) for e in content["events"]] == [
        event.start for event in expected
    ]
    assert set(content["events"][0]) == {
        "kind",
        "complaint_types",
        "agencies",
        "boroughs",
        "start",
        "end",
        "factor",
        "daily_factors",
    }
    refused = client.get("/api/feed/events.json", params={"first": "soon", "last": "2026-05-31"})
    assert refused.status_code == 400
    assert "YYYY-MM-DD" in refused.json()["message"]
