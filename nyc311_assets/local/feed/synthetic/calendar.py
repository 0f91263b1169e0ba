"""The source's calendar: when it publishes, how far a publication reaches, and holidays.

Publications are numbered by their New York day, as days since 1970. The one of day D comes at
about 21:40 and shows the city as it was at about 02:10 that morning: complete to the end of D-1,
with a stub of D. Five pulls of the source in April and May 2026 reach to between 02:04 and 02:56.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from nyc311_assets.local.feed.row_ids import mixed
from nyc311_assets.pipeline.cities import NEW_YORK

Int64s = npt.NDArray[np.int64]

EPOCH = date(1970, 1, 1)
SECONDS_PER_DAY = 86_400

_REACH_FROM_SECONDS, _REACH_SPREAD_SECONDS = 6_900, 2_100
_PUBLICATION_SPREAD_SECONDS = 480
_STREAM_REACH, _STREAM_TIME = 1, 2


def day_number(day: date) -> int:
    """Days since 1970."""
    return (day - EPOCH).days


def day_of(number: int) -> date:
    """The day of a number."""
    return EPOCH + timedelta(days=number)


def scattered(seed: int, stream: int, numbers: Int64s) -> npt.NDArray[np.uint64]:
    """Uniform 64-bit numbers that depend only on the seed, the stream and each number."""
    salt = np.uint64((seed * 1_000_003 + stream) % 2**64)
    return mixed(mixed(numbers.astype(np.uint64)) ^ mixed(np.array([salt], dtype=np.uint64)))


def reach_seconds(seed: int, publications: Int64s) -> Int64s:
    """How far into its own day each publication reaches, in seconds after midnight."""
    spread = scattered(seed, _STREAM_REACH, publications) % np.uint64(_REACH_SPREAD_SECONDS)
    return _REACH_FROM_SECONDS + spread.astype(np.int64)


def published_at(seed: int, publication: int) -> datetime:
    """When a publication comes, aware."""
    spread = int(scattered(seed, _STREAM_TIME, np.array([publication]))[0])
    offset = spread % _PUBLICATION_SPREAD_SECONDS - _PUBLICATION_SPREAD_SECONDS // 2
    local = datetime.combine(day_of(publication), NEW_YORK.publication_time, NEW_YORK.time_zone)
    return (local + timedelta(seconds=offset)).astimezone(UTC)


def newest_publication(seed: int, now: datetime) -> int:
    """The last publication that has come by a moment."""
    today = day_number(now.astimezone(NEW_YORK.time_zone).date())
    return today if published_at(seed, today) <= now else today - 1


def first_publication_of(seed: int, seconds: Int64s) -> Int64s:
    """The first publication that shows what happened at each local time (seconds since 1970)."""
    days = seconds // SECONDS_PER_DAY
    return days + (seconds % SECONDS_PER_DAY > reach_seconds(seed, days))


def skipped_hour_starts(day: date) -> int | None:
    """Seconds after midnight at which the clocks go forward on a day, if they do."""
    zone = NEW_YORK.time_zone
    noon, next_noon = (
        datetime.combine(day, datetime.min.time(), zone) + timedelta(hours=h) for h in (0, 12)
    )
    before, after = noon.utcoffset(), next_noon.utcoffset()
    return 7_200 if before is not None and after is not None and after > before else None


def _nth_weekday(year: int, month: int, weekday: int, count: int) -> date:
    first = date(year, month, 1)
    return first + timedelta(days=(weekday - first.weekday()) % 7 + 7 * (count - 1))


@lru_cache(maxsize=64)
def holidays(year: int) -> dict[date, str]:
    """The federal holidays on which city offices are closed, by their day."""
    last_monday_of_may = _nth_weekday(year, 6, 0, 1) - timedelta(days=7)
    return {
        date(year, 1, 1): "New Year",
        _nth_weekday(year, 1, 0, 3): "Martin Luther King",
        _nth_weekday(year, 2, 0, 3): "Presidents",
        last_monday_of_may: "Memorial",
        date(year, 6, 19): "Juneteenth",
        date(year, 7, 4): "Independence",
        _nth_weekday(year, 9, 0, 1): "Labor",
        _nth_weekday(year, 10, 0, 2): "Columbus",
        date(year, 11, 11): "Veterans",
        _nth_weekday(year, 11, 3, 4): "Thanksgiving",
        date(year, 12, 25): "Christmas",
    }
