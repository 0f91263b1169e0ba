"""The rules that the values of a request keep, each stated once, in SQL.

`rows.judge` names the rules that a row breaks, `rows.parse` flags what is odd by them, `models`
makes pandera's checks of them, and docs/tables.md lists them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Literal

from nyc311_assets.pipeline.cities import City, load_boundaries

Consequence = Literal["rejected", "flagged", "ruled out"]

UNSPECIFIED = "UNSPECIFIED"
WAYS_TO_BOROUGH = ("source", "community_board", "zip", "coordinates", "none")
_MOST_PAYLOAD_CHARACTERS = 65_536
# Simplified boundaries leave out piers and bridges: about a kilometre.
_MARGIN_DEGREES = 0.01
_UNTIDY = r"r'^ | $|  |[\t\n\r\u00a0]'"


@dataclass(frozen=True, slots=True)
class Rule:
    """What every row keeps.

    Attributes:
        name: What is said of a row that breaks it.
        broken: A SQL condition on the row's columns that holds if it is broken; a null keeps it.
        consequence: rejected: the row goes to silver.rejects. flagged: it is kept, and `flags`
            names the rule. ruled out: typing the row leaves no way to break it.
    """

    name: str
    broken: str
    consequence: Consequence = "rejected"


def value_rules(city: City) -> Mapping[str, tuple[Rule, ...]]:
    """Rules of silver.requests on values, by the column that they are about.

    That a required column is not null is stated by the column itself.
    """
    is_closed = "lower(trim(status)) = 'closed'"
    return {
        "unique_key": (_one_line("unique_key"),),
        "agency": (_one_line("agency"),),
        "complaint_type": (_one_line("complaint_type"),),
        "borough": (
            Rule(
                "borough is unknown", f"borough NOT IN ({_quoted([*city.boroughs, UNSPECIFIED])})"
            ),
        ),
        "borough_found_by": (
            Rule(
                "borough_found_by is none of its ways",
                f"borough_found_by NOT IN ({_quoted(WAYS_TO_BOROUGH)})",
                "ruled out",
            ),
        ),
        "latitude": (Rule("coordinates outside the city", _outside(city), "flagged"),),
        "status": (
            Rule(
                "closed without a closing date", f"{is_closed} AND closed_local IS NULL", "flagged"
            ),
            Rule(
                "closing date but not closed",
                f"NOT {is_closed} AND closed_local IS NOT NULL",
                "flagged",
            ),
        ),
        "closed_local": (Rule("closed before created", "closed_local < created_local", "flagged"),),
        "due_local": (Rule("due before created", "due_local < created_local", "flagged"),),
        "created_at": (
            # A request of the future: clocks differ, but not by a day.
            Rule(
                "created after it was pulled",
                "created_at > ingested_at + INTERVAL 1 DAY",
                "flagged",
            ),
        ),
        "closed_at": (
            Rule(
                "closed after the source's update",
                "closed_at > source_updated_at + INTERVAL 1 DAY",
                "flagged",
            ),
        ),
        "hours_to_close": (Rule("hours_to_close is negative", "hours_to_close < 0", "ruled out"),),
    }


def pulled_date_rule() -> Rule:
    """A row belongs to the day whose query returned it."""
    return Rule("created_date is not in the day that was asked for", "request_date <> pulled_date")


def payload_rule() -> Rule:
    """A row has a bounded length."""
    return Rule(
        f"longer than {_MOST_PAYLOAD_CHARACTERS:,} characters",
        # Counting a payload's characters is dear; the number of its bytes is at hand, and no less.
        f"octet_length(payload) > {_MOST_PAYLOAD_CHARACTERS} "
        f"AND length(payload) > {_MOST_PAYLOAD_CHARACTERS}",
    )


def missing_rule(column: str, name: str) -> Rule:
    """A column that is never null."""
    return Rule(name, f"{column} IS NULL")


def _one_line(column: str) -> Rule:
    return Rule(f"{column} is not tidy on one line", f"{column} RLIKE {_UNTIDY}", "ruled out")


def _outside(city: City) -> str:
    box = load_boundaries(city)
    south, north = box.south - _MARGIN_DEGREES, box.north + _MARGIN_DEGREES
    west, east = box.west - _MARGIN_DEGREES, box.east + _MARGIN_DEGREES
    return (
        f"NOT (latitude BETWEEN {south:.4f} AND {north:.4f} "
        f"AND longitude BETWEEN {west:.4f} AND {east:.4f})"
    )


def _quoted(values: Iterable[str]) -> str:
    return ", ".join("'" + value.replace("'", "\\'") + "'" for value in values)
