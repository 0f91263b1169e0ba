"""The vocabulary of complaint types holds together."""

from __future__ import annotations

from nyc311_assets.local.feed.synthetic.figures import figures
from nyc311_assets.pipeline.cities import NEW_YORK

TYPES = NEW_YORK.complaint_types
RENAMES = [
    *TYPES.renamed.items(),
    *(rename for renamed in TYPES.renamed_at.values() for rename in renamed.items()),
]


def test_a_rename_leads_to_a_known_name_in_one_step() -> None:
    for older, today in RENAMES:
        assert older != today
        assert today in TYPES.known | TYPES.retired
        assert today not in TYPES.renamed


def test_a_name_is_either_todays_or_retired_or_renamed() -> None:
    assert not TYPES.known & TYPES.retired
    assert not TYPES.renamed.keys() & (TYPES.known | TYPES.retired)


def test_names_stand_on_one_line() -> None:
    for name in TYPES.known | TYPES.retired | {older for older, _ in RENAMES}:
        assert name
        assert name == " ".join(name.split())


def test_the_words_that_two_agencies_share_stay_apart() -> None:
    assert {"ELEVATOR", "Elevator", "PLUMBING", "Plumbing"} <= NEW_YORK.known_types
    assert not {"Elevator", "Plumbing"} & TYPES.renamed.keys()


def test_the_synthetic_feed_speaks_todays_language() -> None:
    assert {unit["type"] for unit in figures()["units"]} <= NEW_YORK.known_types
