"""The feed answers recorded requests as NYC Open Data did, byte for byte."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import httpx
import orjson
import pytest
import yaml

from nyc311_assets.local.feed.files.source import FileSource
from nyc311_assets_tests.local.feed.conftest import ServeFeed

HOST = "https://data.cityofnewyork.us"
CASSETTES = (
    "nycOpenData_nyc_311_2010_2019_robust_999cdeea.yml",
    "nycOpenData_nyc_311_2010_2019_test_43b874cd.yml",
    "nycOpenData_nyc_311_2010_2019_test_f8351dd9.yml",
    "nycOpenData_nyc_311_robust_f38b2745.yml",
    "nycOpenData_nyc_311_test_1f9c081d.yml",
    "nycOpenData_nyc_311_test_2e61bad6.yml",
    "nycOpenData_nyc_pull_dataset_toggles_ebd8e607.yml",
)
SAME_HEADERS = (
    "content-type",
    "x-soda2-fields",
    "x-soda2-types",
    "x-soda2-data-out-of-date",
    "vary",
    "access-control-allow-origin",
)


def interactions(cassette: Path) -> list[dict[str, Any]]:
    content: dict[str, list[dict[str, Any]]] = yaml.safe_load(cassette.read_text())
    return content["http_interactions"]


def holding(recorded: list[dict[str, Any]], folder: Path) -> FileSource:
    pages = [interaction["response"]["body"]["string"] for interaction in recorded]
    for number, page in enumerate(page for page in pages if len(orjson.loads(page))):
        (folder / f"page{number:03d}.json").write_text(page)
    return FileSource([folder])


@pytest.mark.parametrize("name", CASSETTES)
def test_a_recorded_request_gets_the_recorded_answer(
    name: str, real_data: Path, tmp_path: Path, serve: ServeFeed
) -> None:
    recorded = interactions(real_data / "soda_api" / name)
    client = serve(holding(recorded, tmp_path))
    for interaction in recorded:
        request, response = interaction["request"], interaction["response"]
        answer = client.get(request["uri"].removeprefix(HOST))
        assert answer.status_code == response["status"]
        assert answer.text == response["body"]["string"]
        for header in SAME_HEADERS:
            assert answer.headers[header] == response["headers"][header], header
        modified = {answer.headers[h] for h in response["headers"] if h.endswith("last-modified")}
        assert len(modified) == 1


def test_a_recorded_csv_page_comes_back_line_for_line(real_data: Path, serve: ServeFeed) -> None:
    path = real_data / "soda_api" / "api_csv_76ig-c548_1000rows_2019-12-31_44col.csv"
    client = serve(FileSource([path]))
    answer = client.get(
        "/resource/76ig-c548.csv", params={"$order": "created_date DESC", "$limit": "1000"}
    )
    recorded = path.read_text().split("\n")
    served = answer.text.split("\n")
    assert answer.headers["content-type"] == "text/csv; charset=utf-8"
    assert served[0] == recorded[0]
    # Rows of the same second have no order of their own at the portal.
    assert [line.split(",")[1] for line in served[:-1]] == [
        line.split(",")[1] for line in recorded[:-1]
    ]
    assert sorted(served) == sorted(recorded)


def error_bodies(folder: Path) -> dict[str, Any]:
    content: dict[str, Any] = orjson.loads(
        (folder / "soda_api" / "socrata_error_bodies.json").read_bytes()
    )
    return content


def test_errors_have_the_recorded_envelopes(
    real_data: Path, tmp_path: Path, serve: ServeFeed
) -> None:
    recorded = error_bodies(real_data)
    page = real_data / "soda_api" / CASSETTES[0]
    client = serve(holding(interactions(page), tmp_path))

    def refused(dataset: str = "erm2-nwe9", **clauses: str) -> httpx.Response:
        return client.get(
            f"/resource/{dataset}.json", params={f"${name}": v for name, v in clauses.items()}
        )

    no_column = refused(select="nosuchcolumn")
    expected = recorded["400_no_such_column_2026"]
    assert no_column.status_code == expected["status"]
    expected["body"]["data"]["dataset"] = "erm2-nwe9"
    assert no_column.json() == expected["body"]

    mismatch = refused(where="location like 'x'")
    expected = recorded["400_type_mismatch_2026"]
    assert mismatch.status_code == expected["status"]
    assert mismatch.json()["errorCode"] == expected["body"]["errorCode"]
    point = expected["body"]["message"].replace("is location", "is point")
    assert mismatch.json()["message"] == point

    invalid = refused(where="created_date >")
    expected = recorded["400_invalid_soql"]
    assert invalid.status_code == expected["status"]
    assert invalid.json()["errorCode"] == expected["body"]["errorCode"]
    assert invalid.json()["message"].startswith(expected["body"]["message"])

    missing = refused(dataset="zzzz-zzzz")
    expected = recorded["404_missing_dataset_2026"]
    assert (missing.status_code, missing.json()) == (expected["status"], expected["body"])
