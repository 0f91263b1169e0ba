"""What a publication shows of a day's requests."""

from __future__ import annotations

from datetime import date

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from nyc311_assets.local.feed.row_ids import mixed, row_ids
from nyc311_assets.local.feed.rows import FIXED_TIMESTAMP, FLOATING_TIMESTAMP, Coded, Rows
from nyc311_assets.local.feed.synthetic.calendar import (
    SECONDS_PER_DAY,
    day_number,
    first_publication_of,
    published_at,
    reach_seconds,
    scattered,
)
from nyc311_assets.local.feed.synthetic.day import (
    MOST_DAYS_LATE,
    NEVER,
    DayRequests,
    closing_note,
)
from nyc311_assets.local.feed.synthetic.places import AddressBook
from nyc311_assets.local.feed.synthetic.vocabulary import Vocabulary

Int64s = npt.NDArray[np.int64]

# At the city's source some 90,000 rows a day get a new :updated_at, most of them without a visible
# change: here each row of the last three months does on every 13th day, from its own day on. At
# times it is hundreds of thousands: about once a month, half of these rows. And on one day it was
# every row there is.
_STREAM_STAMPS = 51
_STAMPED_DAYS = 90
_DAYS_BETWEEN_TOUCHES = 13
_DAYS_BETWEEN_WAVES = 29
_STAMPED_ALL = day_number(date(2025, 12, 26))
# A day's last row is shown after its end, its lateness and its second copy.
SETTLED_AFTER_DAYS = 1 + MOST_DAYS_LATE + 1


def visible_rows(
    requests: DayRequests,
    publication: int,
    *,
    seed: int,
    words: Vocabulary,
    addresses: AddressBook,
) -> Rows:
    """The rows of a day in the state that a publication shows."""
    shown = np.flatnonzero(requests.first_publication <= publication)
    reach = int(publication * SECONDS_PER_DAY + reach_seconds(seed, np.array([publication]))[0])

    def of(values: Int64s) -> Int64s:
        taken: Int64s = values[shown]
        return taken

    closed, reclassified = of(requests.closed), of(requests.reclassified)
    open_update = of(requests.open_update)
    is_closed, is_updated = closed <= reach, open_update <= reach
    is_reclassified = reclassified <= reach
    row_hash = requests.row_hash[shown]
    stamped = _last_change(
        of(requests.first_publication),
        [(closed, is_closed), (reclassified, is_reclassified), (open_update, is_updated)],
        seed,
    )
    stamped = np.maximum(stamped, _last_stamp(seed, publication, of(requests.created), row_hash))
    # A stamp can only fall on a row that was there.
    stamped = np.maximum(stamped, of(requests.first_publication))
    noted = np.where(is_closed, closing_note(np.where(is_closed, closed, 0)), open_update)
    subject = np.where(is_reclassified, of(requests.later_subject), of(requests.subject))
    outcome = np.where(is_closed, of(requests.closed_outcome), of(requests.open_outcome))
    return Rows(
        len(shown),
        {
            ":id": row_ids(row_hash),
            ":version": row_ids(mixed(row_hash + stamped.astype(np.uint64)), "rv"),
            ":created_at": _moments(seed, of(requests.first_publication)),
            ":updated_at": _moments(seed, stamped),
            "unique_key": pa.array(of(requests.key)).cast(pa.string()),
            "created_date": _wall_times(of(requests.created)),
            "closed_date": _wall_times(of(requests.closed_as_written), is_closed),
            "resolution_action_updated_date": _wall_times(noted, is_closed | is_updated),
        },
        (
            Coded(words.subjects, pa.array(subject.astype(np.int32))),
            Coded(addresses.codebook, pa.array(of(requests.address).astype(np.int32))),
            Coded(words.outcomes, pa.array(outcome.astype(np.int32))),
            Coded(words.channels, pa.array(of(requests.channel).astype(np.int32))),
        ),
    )


def _last_change(
    first: Int64s, changes: list[tuple[Int64s, npt.NDArray[np.bool_]]], seed: int
) -> Int64s:
    """The last publication in which a row came or changed."""
    last = first
    for moment, has_happened in changes:
        shown_by = first_publication_of(seed, np.where(has_happened, moment, 0))
        last = np.maximum(last, np.where(has_happened, shown_by, 0))
    return last


def _last_stamp(
    seed: int, publication: int, created: Int64s, row_hash: npt.NDArray[np.uint64]
) -> Int64s:
    """The last publication that stamped each row anew without a change; 0 for none."""
    if not len(created):
        return created
    day = int(created[0]) // SECONDS_PER_DAY
    last = min(publication, day + _STAMPED_DAYS)
    phase = (row_hash >> np.uint64(8)) % np.uint64(_DAYS_BETWEEN_TOUCHES)
    touched = last - (last - phase.astype(np.int64)) % _DAYS_BETWEEN_TOUCHES
    candidates = np.arange(day + 1, last + 1)
    waves = candidates[
        scattered(seed, _STREAM_STAMPS, candidates) % np.uint64(_DAYS_BETWEEN_WAVES) == 0
    ]
    stamped = np.where(touched > day, touched, 0)
    if len(waves):
        stamped = np.where(row_hash % np.uint64(2) == 0, np.maximum(waves[-1], stamped), stamped)
    if day < _STAMPED_ALL <= publication:
        stamped = np.maximum(stamped, _STAMPED_ALL)
    return stamped


def _moments(seed: int, publications: Int64s) -> pa.Array:
    distinct, positions = np.unique(publications, return_inverse=True)
    moments = [published_at(seed, int(publication)) for publication in distinct]
    return pa.array(moments, FIXED_TIMESTAMP).take(pa.array(positions.astype(np.int32)))


def _wall_times(seconds: Int64s, known: npt.NDArray[np.bool_] | None = None) -> pa.Array:
    if known is None:
        return pa.array(seconds * 1000).cast(FLOATING_TIMESTAMP)
    milliseconds = np.where(known & (seconds != NEVER), seconds, 0) * 1000
    moments = pa.array(milliseconds).cast(FLOATING_TIMESTAMP)
    return pc.if_else(pa.array(known), moments, pa.scalar(None, FLOATING_TIMESTAMP))
