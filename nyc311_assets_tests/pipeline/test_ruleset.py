"""The fingerprint of the rules that a row of silver was made by."""

from __future__ import annotations

from dataclasses import replace
from zoneinfo import ZoneInfo

import pytest

from nyc311_assets.pipeline.cities import NEW_YORK, BoroughClues, City
from nyc311_assets.pipeline.rows import ruleset

CLUES = NEW_YORK.borough_clues


def with_clues(clues: BoroughClues) -> City:
    return replace(NEW_YORK, borough_clues=clues)


def clues(**changes: object) -> BoroughClues:
    values: dict[str, object] = {
        name: getattr(CLUES, name)
        for name in ("shared_boards", "zip_prefixes", "zip_codes", "boundaries_file")
    }
    return BoroughClues(**(values | changes))  # type: ignore[arg-type]


CHANGES: dict[str, City] = {
    "a ZIP code": with_clues(clues(zip_codes={**CLUES.zip_codes, "10463": "BRONX"})),
    "a ZIP prefix": with_clues(clues(zip_prefixes={**CLUES.zip_prefixes, "999": "QUEENS"})),
    "a shared board": with_clues(clues(shared_boards=CLUES.shared_boards | {"99 QUEENS"})),
    "the time zone": replace(NEW_YORK, time_zone=ZoneInfo("America/Chicago")),
    "a field": replace(NEW_YORK, fields=NEW_YORK.fields[:-1]),
}


@pytest.mark.parametrize("city", CHANGES.values(), ids=CHANGES)
def test_rows_are_made_anew_when_what_they_were_made_by_has_changed(city: City) -> None:
    assert ruleset(city) != ruleset(NEW_YORK)


def test_the_fingerprint_is_the_same_for_the_same_rules_and_another_for_other_masks() -> None:
    same = with_clues(clues(zip_codes=dict(reversed(list(CLUES.zip_codes.items())))))
    assert ruleset(same) == ruleset(NEW_YORK)
    assert ruleset(NEW_YORK, "masked") != ruleset(NEW_YORK)
