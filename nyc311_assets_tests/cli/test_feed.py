"""`nyc311 feed`, as a process of its own."""

from __future__ import annotations

import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

NYC311 = Path(sys.executable).with_name("nyc311")
EXPORT = """\
Unique Key,Created Date,Closed Date,Agency,Complaint Type,Borough,Location
54049402,05/01/2022 12:00:03 AM,,NYPD,Noise - Residential,BRONX,"(40.830653, -73.923082)"
54046813,05/01/2022 11:59:09 PM,05/02/2022 12:07:46 AM,HPD,HEAT/HOT WATER,MANHATTAN,
54046814,05/02/2022 12:00:00 AM,,NYPD,Illegal Parking,QUEENS,
"""
DAY = "created_date >= '2022-05-01' AND created_date < '2022-05-02'"


@contextmanager
def feed(*arguments: str) -> Iterator[tuple[subprocess.Popen[str], httpx.Client]]:
    process = subprocess.Popen(
        [NYC311, "feed", "--port", "0", *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout is not None
        said = process.stdout.readline()
        address = re.fullmatch(r"Serving files 311 requests at (http://127\.0\.0\.1:\d+)\n", said)
        assert address, said
        with httpx.Client(base_url=address[1], timeout=60) as client:
            yield process, client
    finally:
        process.kill()
        process.communicate()


def test_a_folder_of_portal_exports_is_served_as_the_portal_would_until_it_is_stopped(
    tmp_path: Path,
) -> None:
    exports = tmp_path / "exports"
    exports.mkdir()
    (exports / "2022-05.csv").write_text(EXPORT, "utf-8")
    (exports / "notes.csv").write_text("a,b\n1,2\n", "utf-8")
    with feed("--rows", str(exports)) as (process, client):
        resource = "/resource/erm2-nwe9.json"
        ordered = client.get(resource, params={"$where": DAY, "$order": "created_date"}).json()
        assert [row["unique_key"] for row in ordered] == ["54049402", "54046813"]
        assert {name: ordered[1][name] for name in ("created_date", "closed_date", "agency")} == {
            "created_date": "2022-05-01T23:59:09.000",
            "closed_date": "2022-05-02T00:07:46.000",
            "agency": "HPD",
        }
        assert "closed_date" not in ordered[0]
        counted = client.get(resource, params={"$select": "count(*) AS n"}).json()
        assert counted == [{"n": "3"}]
        process.send_signal(signal.SIGINT)
        assert process.wait(timeout=20) == 0


@pytest.mark.parametrize(
    ("path", "said"),
    [("nowhere", "nowhere does not exist"), ("other.csv", "has no column unique_key")],
)
def test_rows_that_cannot_be_served_are_wrong_use(tmp_path: Path, path: str, said: str) -> None:
    (tmp_path / "other.csv").write_text("a,b\n1,2\n", "utf-8")
    ended = subprocess.run(
        [NYC311, "feed", "--port", "0", "--rows", str(tmp_path / path)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == 2
    assert said in ended.stderr
    assert "Traceback" not in ended.stderr
