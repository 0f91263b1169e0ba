"""One day's requests, with their whole lives: what depends on the seed and the day alone."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

import numpy as np
import numpy.typing as npt

from nyc311_assets.local.feed.synthetic.calendar import (
    SECONDS_PER_DAY,
    day_number,
    first_publication_of,
    scattered,
    skipped_hour_starts,
)
from nyc311_assets.local.feed.synthetic.places import (
    ENTRIES_PER_ZIP,
    KIND_SIZES,
    KIND_STARTS,
    AddressBook,
)
from nyc311_assets.local.feed.synthetic.vocabulary import DETAILS, Choices, Vocabulary
from nyc311_assets.local.feed.synthetic.volumes import PLACES, Volumes, first_day

Floats = npt.NDArray[np.float64]
Int64s = npt.NDArray[np.int64]

# Measured on the city's source: rows that appear 1 to 5 publications after their day.
LATE_SHARE = 0.0175
MOST_DAYS_LATE = 5
_DAYS_LATE_SHARES = (0.52, 0.22, 0.12, 0.08, 0.06)
# Rare, and seen (request 69174123 was); the share is chosen.
RECLASSIFIED_SHARE = 0.0005
_MOST_DAYS_TO_RECLASSIFY = 20
# Up to 0.24 % of a day's rows, measured on the city's source.
MOST_CLOSED_BEFORE_CREATED_SHARE = 0.0024
_MOST_DAYS_CLOSED_BEFORE = 60
# 82 % of the open and closed rows of two API pages have a resolution_action_updated_date.
_OPEN_UPDATE_SHARE = 0.6
_MOST_SECONDS_TO_OPEN_UPDATE = 2_400
_CLOSING_NOTE_SECONDS = 8

NEVER = np.iinfo(np.int64).max
# Synthetic keys begin where the city's will not be for decades: 100 million.
_FIRST_KEY, _KEYS_PER_DAY = 100_000_000, 60_000
_STREAM_DAY, _STREAM_ROW_IDS = 41, 42
_CLOSING_QUANTILES = 20
_SHORTEST_HOURS = 1 / 3600


@dataclass(frozen=True, slots=True)
class DayRequests:
    """A day's requests in the order of `(created_date, :id)`; times in seconds since 1970.

    Attributes:
        key: unique_key; a request that the source holds twice has two rows of one key.
        row_hash: What `:id` is made of, different in every row.
        created: Local time of creation.
        first_publication: The publication that first shows the row.
        subject: Entry of the vocabulary's subjects.
        later_subject: The entry after it was reclassified.
        reclassified: Local time of that, or NEVER.
        address: Entry of the address book.
        channel: Entry of the vocabulary's channels.
        open_update: Local time at which the agency first wrote something, or NEVER.
        closed: Local time at which it really was closed, or NEVER.
        closed_as_written: The closed_date it then shows; in dirty rows before `created`.
        open_outcome: Entry of the vocabulary's outcomes while open.
        closed_outcome: The entry once closed.
    """

    key: Int64s
    row_hash: npt.NDArray[np.uint64]
    created: Int64s
    first_publication: Int64s
    subject: Int64s
    later_subject: Int64s
    reclassified: Int64s
    address: Int64s
    channel: Int64s
    open_update: Int64s
    closed: Int64s
    closed_as_written: Int64s
    open_outcome: Int64s
    closed_outcome: Int64s


def draw_day(day: date, volumes: Volumes, words: Vocabulary, addresses: AddressBook) -> DayRequests:
    """Draw a day."""
    seed, number = volumes.seed, day_number(day)
    counts = volumes.counts(day)
    requests = int(counts.sum())
    draw = np.random.default_rng([seed, _STREAM_DAY, number])
    leaf = np.repeat(np.arange(counts.size), counts.ravel())
    unit, place = np.divmod(leaf, len(PLACES))
    agency = words.agency_of_unit[unit]
    subject = unit * DETAILS + words.details.pick(unit, draw.random(requests))
    created = number * SECONDS_PER_DAY + _seconds_of_day(draw, volumes, unit, day)
    address = _addresses(draw, words, addresses, unit, place)
    channel = words.channel_choices.pick(agency, draw.random(requests))
    closed = _closing_times(draw, words, unit, created)
    later = words.same_agency[unit] * DETAILS
    reclassified = np.where(
        draw.random(requests) < RECLASSIFIED_SHARE,
        created
        + draw.integers(SECONDS_PER_DAY, _MOST_DAYS_TO_RECLASSIFY * SECONDS_PER_DAY, requests),
        NEVER,
    )
    open_update = np.where(
        draw.random(requests) < _OPEN_UPDATE_SHARE,
        created + draw.integers(0, _MOST_SECONDS_TO_OPEN_UPDATE, requests),
        NEVER,
    )
    written = _written_closing_times(draw, created, closed)
    open_outcome = words.outcome(agency, 3 + words.open_choices.pick(agency, draw.random(requests)))
    closed_outcome = words.outcome(agency, words.closed_choices.pick(agency, draw.random(requests)))
    first = first_publication_of(seed, created) + _days_late(draw, requests)
    place_in_day = draw.permutation(requests)
    days_since_first = number - day_number(first_day())
    key = _FIRST_KEY + days_since_first * _KEYS_PER_DAY + place_in_day
    twice = draw.choice(requests, volumes.duplicates(day, requests), replace=False)
    rows = np.concatenate([np.arange(requests), twice])
    copy = np.concatenate([np.zeros(requests, np.int64), np.ones(len(twice), np.int64)])
    # A second row of a request comes with a later publication than its first.
    first = first[rows] + copy
    row_hash = scattered(seed, _STREAM_ROW_IDS, key[rows] * 2 + copy)
    order = np.lexsort((row_hash, created[rows]))
    rows = rows[order]
    return DayRequests(
        key=key[rows],
        row_hash=row_hash[order],
        created=created[rows],
        first_publication=first[order],
        subject=subject[rows],
        later_subject=later[rows],
        reclassified=reclassified[rows],
        address=address[rows],
        channel=channel[rows],
        open_update=open_update[rows],
        closed=closed[rows],
        closed_as_written=written[rows],
        open_outcome=open_outcome[rows],
        closed_outcome=closed_outcome[rows],
    )


def _seconds_of_day(draw: np.random.Generator, volumes: Volumes, unit: Int64s, day: date) -> Int64s:
    hours = Choices(volumes.hours(day)).pick(unit, draw.random(len(unit)))
    seconds: Int64s = hours * 3600 + draw.integers(0, 3600, len(unit))
    skipped = skipped_hour_starts(day)
    if skipped is not None:
        # That hour was on no clock; its requests came in the next one.
        seconds = np.where(hours * 3600 == skipped, seconds + 3600, seconds)
    return seconds


def _addresses(
    draw: np.random.Generator,
    words: Vocabulary,
    addresses: AddressBook,
    unit: Int64s,
    place: Int64s,
) -> Int64s:
    group = words.zip_group_of_agency[words.agency_of_unit[unit]]
    uniform = draw.random(len(unit))
    zip_number = np.zeros(len(unit), np.int64)
    for number, start in enumerate(addresses.zip_starts):
        for group_number, shares in enumerate(addresses.zip_shares):
            here = np.flatnonzero((place == number) & (group == group_number))
            zip_number[here] = start + np.searchsorted(shares[number], uniform[here], side="right")
    kind = words.kind_choices.pick(words.agency_of_unit[unit], draw.random(len(unit)))
    within = (draw.random(len(unit)) * KIND_SIZES[kind]).astype(np.int64)
    entry = zip_number * ENTRIES_PER_ZIP + KIND_STARTS[kind] + within
    return np.where(place == len(PLACES) - 1, addresses.unspecified, entry)


def _closing_times(
    draw: np.random.Generator, words: Vocabulary, unit: Int64s, created: Int64s
) -> Int64s:
    """By the inverse of each unit's measured distribution, log-linear between quantiles."""
    position = draw.random(len(unit)) * _CLOSING_QUANTILES
    below = position.astype(np.int64)
    share = position - below
    low = words.closing_hours[unit, below]
    high = words.closing_hours[unit, below + 1]
    is_closed = np.isfinite(high)
    low, high = (np.log(np.where(is_closed, h, 0.0) + _SHORTEST_HOURS) for h in (low, high))
    hours = np.exp(low * (1 - share) + high * share) - _SHORTEST_HOURS
    seconds = np.maximum(0, hours * 3600).astype(np.int64)
    return np.where(is_closed, created + seconds, NEVER)


def _written_closing_times(draw: np.random.Generator, created: Int64s, closed: Int64s) -> Int64s:
    share = draw.random() * MOST_CLOSED_BEFORE_CREATED_SHARE
    is_dirty = (draw.random(len(created)) < share) & (closed != NEVER)
    before = draw.integers(60, _MOST_DAYS_CLOSED_BEFORE * SECONDS_PER_DAY, len(created))
    return np.where(is_dirty, created - before, closed)


def _days_late(draw: np.random.Generator, count: int) -> Int64s:
    late = draw.random(count) < LATE_SHARE
    days = 1 + draw.choice(MOST_DAYS_LATE, count, p=_DAYS_LATE_SHARES)
    return np.where(late, days, 0)


def closing_note(closed: Int64s) -> Int64s:
    """When the agency's last note is dated, for closing times: seconds after."""
    return closed + _CLOSING_NOTE_SECONDS
