"""The real files, counted by this source and by Python's own csv module."""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pyarrow as pa
import pytest

from nyc311_assets.local.feed.files.source import FileSource
from nyc311_assets_tests.local.feed.conftest import ServeFeed

CURRENT, OLDER = "erm2-nwe9", "76ig-c548"


def records(path: Path) -> Iterator[dict[str, str]]:
    with path.open(newline="", encoding="utf-8") as file:
        yield from csv.DictReader(file)


def counted(source: FileSource, dataset_id: str, *names: str) -> Counter[tuple[str, ...]]:
    rows = source.publication(dataset_id).all_rows
    days = rows.column("created_date").cast(pa.string()).to_pylist()
    columns = [[day[:10] for day in days], *(rows.column(name).to_pylist() for name in names)]
    return Counter(zip(*columns, strict=True))


def test_the_weekly_snapshots_are_counted_right(real_data: Path) -> None:
    folder = real_data / "rows" / "weekly_snapshots_2026"
    newest: dict[str, dict[str, str]] = {}
    for path in sorted(folder.glob("snapshot_*.csv")):
        newest |= {row["unique_key"]: row for row in records(path)}
    expected = Counter(
        (row["created_date"][:10], row["complaint_type"], row["borough"], row["agency"])
        for row in newest.values()
    )
    source = FileSource([folder])
    assert len(source.files) == 5
    assert counted(source, CURRENT, "complaint_type", "borough", "agency") == expected


@pytest.mark.parametrize(
    ("name", "dataset_id", "key", "created", "form"),
    [
        (
            "nyc311_2013-12-25_full_day_old_schema_52col.csv",
            OLDER,
            "Unique Key",
            "Created Date",
            "%m/%d/%Y %I:%M:%S %p",
        ),
        (
            "nyc311_2022-05-01_0000_0206_portal_csv_41col.csv",
            CURRENT,
            "Unique Key",
            "Created Date",
            "%m/%d/%Y %I:%M:%S %p",
        ),
        (
            "nyc311_2023-02-28_half_day_portal_csv_46col.csv",
            CURRENT,
            "Unique Key",
            "Created Date",
            "%m/%d/%Y %I:%M:%S %p",
        ),
        (
            "nyc311_2010_2018_random_sample_8000_bigquery.csv",
            OLDER,
            "unique_key",
            "created_date",
            "%Y-%m-%d %H:%M:%S UTC",
        ),
    ],
)
def test_each_file_keeps_its_times(
    real_data: Path, name: str, dataset_id: str, key: str, created: str, form: str
) -> None:
    path = real_data / "rows" / name
    expected = {
        row[key]: datetime.strptime(row[created], form).replace(tzinfo=UTC) for row in records(path)
    }
    rows = FileSource([path]).publication(dataset_id).all_rows
    found = dict(
        zip(
            rows.column("unique_key").to_pylist(),
            (moment.replace(tzinfo=UTC) for moment in rows.column("created_date").to_pylist()),
            strict=True,
        )
    )
    assert found == expected


def test_the_times_of_2021_come_back_from_utc(real_data: Path) -> None:
    path = real_data / "rows" / "nyc311_2021-09-21_full_day_all_agencies.csv"
    publication = FileSource([path]).publication(CURRENT)
    created = publication.all_rows.column("created_date").to_pylist()
    assert len(created) == 7012
    assert (created[0], created[-1]) == (
        datetime(2021, 9, 21, 0, 0, 4),
        datetime(2021, 9, 21, 23, 59, 55),
    )
    assert publication.all_rows.column("due_date").null_count == 6994


def test_a_snapshot_row_has_only_the_keys_it_came_with(real_data: Path, serve: ServeFeed) -> None:
    path = real_data / "rows" / "weekly_snapshots_2026" / "snapshot_2026-04-13_13c50c4.csv"
    client = serve(FileSource([path]))
    answer = client.get(
        "/resource/erm2-nwe9.json", params={"unique_key": "68643811", "$limit": "5"}
    )
    assert answer.json() == [
        {
            "unique_key": "68643811",
            "created_date": "2026-04-13T02:56:23.000",
            "agency": "DOT",
            "complaint_type": "Street Condition",
            "descriptor": "Pothole",
            "incident_zip": "11229",
            "city": "BROOKLYN",
            "borough": "BROOKLYN",
        }
    ]
