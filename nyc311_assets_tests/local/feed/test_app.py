"""Headers, metadata and everything else around the rows."""

from __future__ import annotations

import zlib
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from pathlib import Path

import httpx
import orjson
import pytest

from nyc311_assets.local.feed.metadata import columns
from nyc311_assets.local.feed.synthetic.source import SyntheticSource
from nyc311_assets_tests.local.feed.conftest import MakeSource, ServeFeed

DAY = "created_date >= '2026-06-03' AND created_date < '2026-06-04'"


@pytest.fixture
def client(serve: ServeFeed, synthetic_source: Callable[[str], SyntheticSource]) -> httpx.Client:
    return serve(synthetic_source("2026-06-10T12:00:00-04:00"))


def test_columns_are_described_as_at_the_portal(real_data: Path) -> None:
    recorded = orjson.loads((real_data / "soda_api" / "views_76ig-c548_metadata.json").read_bytes())
    names = ("fieldName", "dataTypeName", "name", "position", "id")
    assert [[column[name] for name in names] for column in columns()] == [
        [column[name] for name in names]
        for column in recorded["columns"]
        if not column["fieldName"].startswith(":@computed_region")
    ]


def test_metadata_say_synthetic_and_when_the_rows_were_published(client: httpx.Client) -> None:
    for dataset_id in ("erm2-nwe9", "76ig-c548"):
        view = client.get(f"/api/views/{dataset_id}.json").json()
        assert view["id"] == dataset_id
        assert view["provenance"] == "synthetic"
        assert "synthetic" in view["name"].lower()
        assert "synthetic" in view["description"].lower()
    view = client.get("/api/views/erm2-nwe9.json").json()
    answer = client.get("/resource/erm2-nwe9.json", params={"$limit": "1", "$where": DAY})
    modified = parsedate_to_datetime(answer.headers["last-modified"])
    assert modified.timestamp() == view["rowsUpdatedAt"]
    assert modified == datetime(2026, 6, 10, 1, 40, tzinfo=UTC).replace(
        minute=modified.minute, second=modified.second
    )
    missing = client.get("/api/views/zzzz-zzzz.json")
    assert (missing.status_code, missing.json()["code"]) == (404, "dataset.missing")


def test_metadata_of_files_say_files(source_of: MakeSource, serve: ServeFeed) -> None:
    client = serve(source_of([{"unique_key": "1", "created_date": "2026-07-04T00:00:00.000"}]))
    view = client.get("/api/views/erm2-nwe9.json").json()
    assert view["provenance"] == "files"
    assert "files" in view["name"]


def test_headers_name_what_was_selected(client: httpx.Client) -> None:
    answer = client.get(
        "/resource/erm2-nwe9.json",
        params={"$select": ":id,:updated_at,created_date,latitude,location", "$where": DAY},
    )
    fields = orjson.loads(answer.headers["x-soda2-fields"])
    types = orjson.loads(answer.headers["x-soda2-types"])
    assert dict(zip(fields, types, strict=True)) == {
        ":id": "row_identifier",
        ":updated_at": "fixed_timestamp",
        "created_date": "floating_timestamp",
        "latitude": "number",
        "location": "point",
    }
    assert len(answer.json()) == 1000


def test_a_body_is_gzipped_when_asked_and_otherwise_has_its_length(client: httpx.Client) -> None:
    parameters = {"$where": DAY, "$limit": "2000"}
    plain = client.get(
        "/resource/erm2-nwe9.json", params=parameters, headers={"accept-encoding": "identity"}
    )
    assert "content-encoding" not in plain.headers
    assert int(plain.headers["content-length"]) == len(plain.content)
    with client.stream(
        "GET",
        "/resource/erm2-nwe9.json",
        params=parameters,
        headers={"accept-encoding": "gzip"},
    ) as packed:
        raw = b"".join(packed.iter_raw())
    assert packed.headers["content-encoding"] == "gzip"
    assert len(raw) < len(plain.content) / 3
    assert zlib.decompress(raw, 31) == plain.content


def test_an_unchanged_answer_is_not_sent_again(client: httpx.Client) -> None:
    parameters = {"$where": DAY, "$limit": "5"}
    first = client.get("/resource/erm2-nwe9.json", params=parameters)
    again = client.get(
        "/resource/erm2-nwe9.json",
        params=parameters,
        headers={"if-none-match": first.headers["etag"]},
    )
    assert (again.status_code, again.content) == (304, b"")
    other = client.get("/resource/erm2-nwe9.json", params={**parameters, "$limit": "6"})
    assert other.headers["etag"] != first.headers["etag"]


def test_app_tokens_are_ignored(client: httpx.Client) -> None:
    parameters = {"$where": DAY, "$limit": "5"}
    plain = client.get("/resource/erm2-nwe9.json", params=parameters)
    with_token = client.get(
        "/resource/erm2-nwe9.json",
        params={**parameters, "$$app_token": "abc"},
        headers={"X-App-Token": "abc"},
    )
    assert with_token.content == plain.content


def test_the_older_dataset_of_the_synthetic_source_answers_properly(client: httpx.Client) -> None:
    assert client.get("/resource/76ig-c548.json").text == "[]\n"
    count = client.get("/resource/76ig-c548.json", params={"$select": "count(*)"})
    assert count.json() == [{"count": "0"}]
    lines = client.get("/resource/76ig-c548.csv", params={"$select": "agency"})
    assert lines.text == '"agency"\n'


def test_other_paths_forms_and_methods_are_refused_in_json(client: httpx.Client) -> None:
    form = client.get("/resource/erm2-nwe9.xml")
    assert (form.status_code, "json or .csv" in form.json()["message"]) == (404, True)
    assert client.get("/nothing").status_code == 404
    assert client.post("/resource/erm2-nwe9.json").status_code == 405


def test_parallel_requests_get_what_single_ones_get(client: httpx.Client) -> None:
    def day(number: int) -> bytes:
        where = (
            f"created_date >= '2026-05-{number:02d}' AND created_date < '2026-05-{number + 1:02d}'"
        )
        return client.get(
            "/resource/erm2-nwe9.json",
            params={"$where": where, "$order": "created_date,:id", "$limit": "3000"},
        ).content

    with ThreadPoolExecutor(6) as pool:
        together = list(pool.map(day, range(1, 13)))
    assert together == [day(number) for number in range(1, 13)]
    assert len(set(together)) == 12
