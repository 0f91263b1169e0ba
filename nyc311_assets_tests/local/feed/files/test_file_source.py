from __future__ import annotations

import subprocess
import sys
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import orjson
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from nyc311_assets.local.feed.files.errors import RowFileError
from nyc311_assets.local.feed.files.reading import NoRows, api_name
from nyc311_assets.local.feed.files.source import FilePublication, FileSource
from nyc311_assets.local.feed.source import UnknownDataset

CURRENT, OLDER = "erm2-nwe9", "76ig-c548"


def csv_file(path: Path, *lines: str, end: str = "\n") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(end.join([*lines, ""]).encode())
    return path


def held(publication: FilePublication, *names: str) -> list[tuple[Any, ...]]:
    rows = publication.all_rows
    return list(zip(*(rows.column(name).to_pylist() for name in names), strict=True))


def test_headings_in_any_style_name_the_same_columns() -> None:
    for heading in ("Unique Key", "unique_key", "UNIQUE KEY", "\ufeffUnique Key"):
        assert api_name(heading) == "unique_key"
    assert api_name("X Coordinate (State Plane)") == "x_coordinate_state_plane"
    assert api_name("Problem (formerly Complaint Type)") == "complaint_type"
    assert api_name("Problem Detail (formerly Descriptor)") == "descriptor"
    assert api_name("BBL") == "bbl"


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_a_portal_export_is_read_with_any_line_end(tmp_path: Path, end: str) -> None:
    path = csv_file(
        tmp_path / "export.csv",
        "Unique Key,Created Date,Agency,Latitude,X Coordinate (State Plane),Location,Zip Codes",
        '7,07/04/2026 02:05:06 PM,DOT,40.5,"1,006,307","(40.50000000000049, -73.7)",12074',
        f'8,07/04/2026 02:05:07 PM,DOT,,,"{end},  {end}(40.1, -73.2)",',
        end=end,
    )
    publication = FileSource([path]).publication(CURRENT)
    assert sorted(
        held(publication, "unique_key", "latitude", "x_coordinate_state_plane", "location")
    ) == [
        ("7", "40.5", "1006307", '{"type":"Point","coordinates":[-73.7,40.5]}'),
        ("8", None, None, '{"type":"Point","coordinates":[-73.2,40.1]}'),
    ]
    assert not publication.all_rows.has("descriptor")


def test_every_kind_of_file_gives_the_same_rows(tmp_path: Path) -> None:
    rows: list[dict[str, Any]] = [
        {
            "unique_key": "7",
            "created_date": "2026-07-04T14:05:06.000",
            "latitude": "40.5",
            "location": {"type": "Point", "coordinates": [-73.7, 40.5]},
        },
        {"unique_key": "8", "created_date": "2026-07-04T14:05:07.000"},
    ]
    (tmp_path / "page.json").write_bytes(orjson.dumps(rows))
    (tmp_path / "lines.ndjson").write_bytes(b"\n".join(orjson.dumps(row) for row in rows))
    csv_file(
        tmp_path / "page.csv",
        '"unique_key","created_date","latitude","location"',
        '"7","2026-07-04T14:05:06.000","40.5","POINT (-73.7 40.5)"',
        '"8","2026-07-04T14:05:07.000",,',
    )
    typed = {
        "Unique Key": pa.array([7, 8]),
        "created_date": pa.array([datetime(2026, 7, 4, 14, 5, 6), datetime(2026, 7, 4, 14, 5, 7)]),
        "latitude": pa.array([40.5, None]),
        "location": pa.array(["POINT (-73.7 40.5)", None]),
    }
    pq.write_table(pa.table(typed), tmp_path / "rows.parquet")
    names = (":id", "unique_key", "created_date", "latitude", "location")
    found = [
        held(FileSource([path]).publication(CURRENT), *names) for path in sorted(tmp_path.iterdir())
    ]
    assert len(found) == 4
    assert all(rows == found[0] for rows in found)
    assert found[0][0][1:] == (
        "7",
        datetime(2026, 7, 4, 14, 5, 6),
        "40.5",
        '{"type":"Point","coordinates":[-73.7,40.5]}',
    )


def test_the_last_file_gives_the_present_state_of_a_request(tmp_path: Path) -> None:
    first = csv_file(
        tmp_path / "b.csv",
        "unique_key,created_date,status",
        "1,2026-07-04,Open",
        "2,2026-07-05,Open",
    )
    second = csv_file(tmp_path / "a.csv", "unique_key,created_date,status", "1,2026-07-04,Closed")

    def states(paths: Sequence[Path]) -> dict[str, str]:
        return dict(held(FileSource(paths).publication(CURRENT), "unique_key", "status"))

    assert states([first, second]) == {"1": "Closed", "2": "Open"}
    assert states([second, first]) == {"1": "Open", "2": "Open"}
    # A folder and a pattern go by name.
    assert states([tmp_path]) == {"1": "Open", "2": "Open"}
    assert states([tmp_path / "*.csv"]) == {"1": "Open", "2": "Open"}


def test_a_file_was_published_on_the_evening_after_its_newest_row(tmp_path: Path) -> None:
    older = csv_file(tmp_path / "1.csv", "unique_key,created_date", "1,2026-07-04T02:10:00")
    newer = csv_file(tmp_path / "2.csv", "unique_key,created_date", "2,2026-07-05T23:10:00")
    publication = FileSource([older, newer]).publication(CURRENT)
    assert held(publication, "unique_key", ":updated_at") == [
        ("1", datetime(2026, 7, 5, 1, 40, tzinfo=UTC)),
        ("2", datetime(2026, 7, 7, 1, 40, tzinfo=UTC)),
    ]
    assert publication.rows_updated_at == datetime(2026, 7, 7, 1, 40, tzinfo=UTC)


def test_rows_are_in_the_dataset_of_their_year(tmp_path: Path) -> None:
    path = csv_file(
        tmp_path / "rows.csv",
        "unique_key,created_date",
        "1,2019-12-31T23:59:59",
        "2,2020-01-01T00:00:00",
        "3,2020-01-01T10:00:00",
    )
    source = FileSource([path])
    older, current = source.publication(OLDER), source.publication(CURRENT)
    assert older.days == (date(2019, 12, 31), date(2019, 12, 31))
    assert [row[0] for row in held(current, "unique_key")] == ["2", "3"]
    assert current.row_count(date(2020, 1, 1)) == len(current.rows(date(2020, 1, 1))) == 2
    assert current.row_count(date(2020, 1, 2)) == 0
    with pytest.raises(UnknownDataset):
        source.publication("zzzz-zzzz")


def test_a_dataset_without_rows_is_empty(tmp_path: Path) -> None:
    path = csv_file(tmp_path / "rows.csv", "unique_key,created_date", "1,2026-07-04")
    empty = FileSource([path]).publication(OLDER)
    assert (empty.days, empty.row_count(date(2015, 1, 1))) == (None, 0)


def test_row_ids_are_the_same_in_every_process(tmp_path: Path) -> None:
    path = csv_file(
        tmp_path / "rows.csv", "unique_key,created_date", "1,2026-07-04", "2,2026-07-04"
    )
    ids = [row[0] for row in held(FileSource([path]).publication(CURRENT), ":id")]
    script = (
        "from nyc311_assets.local.feed.files.source import FileSource;"
        f"rows = FileSource([{str(path)!r}]).publication('{CURRENT}').all_rows;"
        "print(' '.join(rows.column(':id').to_pylist()))"
    )
    elsewhere = subprocess.run(
        [sys.executable, "-c", script], check=True, capture_output=True, text=True
    )
    assert elsewhere.stdout.split() == ids == sorted(ids)
    assert len(set(ids)) == 2


def test_na_is_null_only_in_files_that_r_wrote(tmp_path: Path) -> None:
    heading = "unique_key,created_date,closed_date,descriptor"
    by_r = csv_file(tmp_path / "r.csv", heading, "1,2026-07-04,NA,NA")
    other = csv_file(tmp_path / "other.csv", heading, "1,2026-07-04,,NA")
    assert held(FileSource([by_r]).publication(CURRENT), "descriptor") == [(None,)]
    assert held(FileSource([other]).publication(CURRENT), "descriptor") == [("NA",)]


def test_text_is_kept_as_it_is(tmp_path: Path) -> None:
    mojibake = "the Departmentâ\x80\x99s  website "
    path = csv_file(
        tmp_path / "rows.csv", "unique_key,created_date,descriptor", f"1,2026-07-04,{mojibake}"
    )
    assert held(FileSource([path]).publication(CURRENT), "descriptor") == [(mojibake,)]


def test_a_windows_file_is_read_in_its_encoding(tmp_path: Path) -> None:
    path = tmp_path / "rows.csv"
    path.write_bytes("unique_key,created_date,descriptor\n1,2026-07-04,café\n".encode("cp1252"))
    assert held(FileSource([path]).publication(CURRENT), "descriptor") == [("café",)]


def test_what_is_no_service_request_is_passed_over_in_a_folder(tmp_path: Path) -> None:
    csv_file(tmp_path / "INDEX.csv", "file,rows", "a.csv,1")
    rows = csv_file(tmp_path / "deeper" / "a.csv", "unique_key,created_date", "1,2026-07-04")
    (tmp_path / "README.md").write_text("notes")
    assert FileSource([tmp_path]).files == [rows]


HEADING = "unique_key,created_date,latitude,location"


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("file,rows\na,1\n", "has no column unique_key and created_date"),
        ("unique_key,Unique Key,created_date\n1,1,2026-07-04\n", "two columns for unique_key"),
        (
            f"{HEADING}\n1,2026-07-04,north,\n",
            "column latitude: 1 values are no numbers, such as 'north'",
        ),
        (
            f"{HEADING}\n1,2026-07-04,,here\n",
            "column location: 1 values are no points, such as 'here'",
        ),
        (f"{HEADING}\n1,,,\n", "1 rows have no created_date"),
        (f"{HEADING}\n1,soon,,\n", "no timestamps in a known form"),
        (f"{HEADING}\n1,2009-07-04,,\n", "1 rows were created before 2010-01-01"),
        (f"{HEADING}\n1,2026-07-04\n", "cannot be read"),
        ("", "has no column"),
    ],
)
def test_a_bad_csv_file_is_refused_by_name_and_reason(
    tmp_path: Path, content: str, message: str
) -> None:
    path = tmp_path / "rows.csv"
    path.write_text(content)
    with pytest.raises(RowFileError, match=message) as error:
        FileSource([path])
    assert "rows.csv" in str(error.value) or "2010-01-01" in str(error.value)


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("page.json", b'{"error": true}', "no API page"),
        ("page.json", b"[{", "cannot be read"),
        ("rows.parquet", b"PAR1", "cannot be read"),
        ("rows.xlsx", b"", "ends in none of .csv"),
    ],
)
def test_a_bad_file_of_another_kind_is_refused(
    tmp_path: Path, name: str, content: bytes, message: str
) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(RowFileError, match=message):
        FileSource([path])


def test_missing_files_are_refused(tmp_path: Path) -> None:
    with pytest.raises(RowFileError, match="does not exist"):
        FileSource([tmp_path / "nowhere.csv"])
    with pytest.raises(RowFileError, match="No file with service requests"):
        FileSource([tmp_path])
    named = csv_file(tmp_path / "INDEX.csv", "file,rows", "a.csv,1")
    with pytest.raises(NoRows):
        FileSource([named])


def test_it_says_what_it_serves(tmp_path: Path) -> None:
    path = csv_file(tmp_path / "rows.csv", "unique_key,created_date", "1,2026-07-04")
    source = FileSource([path])
    description: Mapping[str, Any] = source.description()
    assert (source.provenance, description["files"]) == ("files", [str(path)])
    assert description["rows"] == {OLDER: 0, CURRENT: 1}
    assert "from files" in source.name(CURRENT)
    assert list(source.events(date(2026, 1, 1), date(2026, 12, 31))) == []
