from __future__ import annotations

from datetime import datetime

import pyarrow as pa
import pytest

from nyc311_assets.local.feed.files.errors import RowFileError
from nyc311_assets.local.feed.files.timestamps import ZoneSuffix, wall_time


def read(*values: str | None, zone_suffix: ZoneSuffix = "auto") -> list[datetime | None]:
    moments: list[datetime | None] = wall_time(
        pa.array(values, pa.string()), zone_suffix, "f.csv, column created_date"
    ).to_pylist()
    return moments


MOMENT = datetime(2026, 7, 4, 14, 5, 6)


@pytest.mark.parametrize(
    "text",
    [
        "2026-07-04T14:05:06.000",
        "2026-07-04T14:05:06",
        "2026-07-04 14:05:06.000000",
        "07/04/2026 02:05:06 PM",
        " 7/4/2026 2:05:06 pm ",
        "07/04/2026 14:05:06",
    ],
)
def test_iso_and_american_times_are_read(text: str) -> None:
    assert read(text) == [MOMENT]


def test_dates_and_minutes_alone_are_read() -> None:
    assert read("2026-07-04", "07/04/2026", "07/04/2026 14:05", "2026-07-04T14:05") == [
        datetime(2026, 7, 4),
        datetime(2026, 7, 4),
        datetime(2026, 7, 4, 14, 5),
        datetime(2026, 7, 4, 14, 5),
    ]


def test_midnight_and_noon_of_twelve_hour_clocks_are_told_apart() -> None:
    assert read("05/01/2022 12:00:03 AM", "05/01/2022 12:00:03 PM") == [
        datetime(2022, 5, 1, 0, 0, 3),
        datetime(2022, 5, 1, 12, 0, 3),
    ]


def test_z_is_utc_and_bigquerys_utc_is_wall_time() -> None:
    assert read("2026-07-04T18:05:06Z", "2026-07-04 14:05:06 UTC") == [MOMENT, MOMENT]


def test_a_written_zone_can_be_believed_or_not() -> None:
    assert read("2026-07-04 18:05:06 UTC", zone_suffix="utc") == [MOMENT]
    assert read("2026-07-04T14:05:06Z", zone_suffix="local") == [MOMENT]


def test_utc_is_converted_by_the_rule_of_its_season() -> None:
    assert read("2026-01-04T05:00:00Z", "2026-11-01T05:30:00Z", "2026-11-01T06:30:00Z") == [
        datetime(2026, 1, 4),
        datetime(2026, 11, 1, 1, 30),
        datetime(2026, 11, 1, 1, 30),
    ]


def test_forms_may_be_mixed_and_null_stays_null() -> None:
    assert read("2026-07-04T14:05:06.000", None, "07/04/2026 02:05:06 PM") == [MOMENT, None, MOMENT]


@pytest.mark.parametrize("text", ["yesterday", "2026-7-4", "13/32/2026 02:05:06 PM", "1783180800"])
def test_what_is_no_timestamp_is_named(text: str) -> None:
    with pytest.raises(
        RowFileError, match=r"f\.csv, column created_date: 1 values are no timestamps"
    ) as error:
        read("2026-07-04", text)
    assert repr(text) in str(error.value)
