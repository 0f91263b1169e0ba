"""The fingerprint of the rules that a row of silver was made by."""

from __future__ import annotations

from dataclasses import replace
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from nyc311_assets.pipeline.cities import NEW_YORK, City
from nyc311_assets.pipeline.rows import ruleset

CLUES = NEW_YORK.borough_clues


def with_clues(**changes: Any) -> City:
    return replace(NEW_YORK, borough_clues=replace(CLUES, **changes))


CHANGES: dict[str, City] = {
    "a ZIP code": with_clues(zip_codes={**CLUES.zip_codes, "10463": "BRONX"}),
    "a ZIP prefix": with_clues(zip_prefixes={**CLUES.zip_prefixes, "999": "QUEENS"}),
    "a shared board": with_clues(shared_boards=CLUES.shared_boards | {"99 QUEENS"}),
    "the time zone": replace(NEW_YORK, time_zone=ZoneInfo("America/Chicago")),
    "a field": replace(NEW_YORK, fields=NEW_YORK.fields[:-1]),
}


@pytest.mark.parametrize("city", CHANGES.values(), ids=CHANGES)
def test_rows_are_made_anew_when_what_they_were_made_by_has_changed(city: City) -> None:
    assert ruleset(city) != ruleset(NEW_YORK)


def test_the_fingerprint_is_the_same_for_the_same_rules_and_another_for_other_masks() -> None:
    same = with_clues(zip_codes=dict(reversed(list(CLUES.zip_codes.items()))))
    assert ruleset(same) == ruleset(NEW_YORK)
    assert ruleset(NEW_YORK, "masked") != ruleset(NEW_YORK)
