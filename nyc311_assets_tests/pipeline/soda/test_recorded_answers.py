"""NYC Open Data's own answers, as recorded, read by the client."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import yaml

from nyc311_assets.pipeline.cities import NEW_YORK
from nyc311_assets.pipeline.soda import DatasetVersion, RequestRefusedError, SodaClient
from nyc311_assets_tests.pipeline.soda.portal import Portal, Reply

Connect = Callable[..., SodaClient]
_NAMES = tuple(field.name for field in NEW_YORK.fields)
_TYPES = {field.name: field.soda_type for field in NEW_YORK.fields}


@dataclass(frozen=True)
class Recording:
    """One recorded answer: the text of its rows, newest first, and its headers."""

    dataset_id: str
    has_filter: bool
    headers: dict[str, str]
    rows: list[str]


@pytest.fixture
def recordings(real_data: Path) -> list[Recording]:
    found = []
    for cassette in sorted((real_data / "soda_api").glob("*.yml")):
        for interaction in yaml.safe_load(cassette.read_text())["http_interactions"]:
            url = urlsplit(interaction["request"]["uri"])
            answer = interaction["response"]
            body = answer["body"]["string"].strip()[1:-1]
            found.append(
                Recording(
                    dataset_id=url.path.rsplit("/", 1)[-1].removesuffix(".json"),
                    has_filter="$where" in parse_qs(url.query),
                    headers=answer["headers"],
                    rows=body.split("\n,") if body else [],
                )
            )
    return found


def as_a_page(recording: Recording, day: date) -> Reply:
    """The recorded rows of a day with the two system fields in front, as our query asks.

    Everything else stays byte for byte: the answers were recorded without system fields.
    """
    rows = [
        f'{{":id":"row-{place}",":updated_at":"2026-02-19T02:39:36.123Z",{row[1:]}'
        for place, row in enumerate(rows_of(recording, day))
    ]
    headers = {
        name: value
        for name, value in recording.headers.items()
        if name.startswith("x-soda2-") or name in ("content-type", "last-modified", "etag")
    }
    return Reply(("[" + "\n,".join(rows) + "]\n").encode(), headers=headers)


def rows_of(recording: Recording, day: date) -> list[str]:
    rows = [row for row in recording.rows if created(row)[:10] == day.isoformat()]
    return sorted(rows, key=created)


def created(row: str) -> str:
    return str(json.loads(row)["created_date"])


def version_of(dataset_id: str) -> DatasetVersion:
    return DatasetVersion(
        dataset_id, "", datetime.fromtimestamp(1_766_600_348, UTC), _NAMES, "official", _TYPES
    )


def test_recorded_rows_land_byte_for_byte(
    recordings: list[Recording], portal: Portal, connect: Connect
) -> None:
    portal.compresses = True
    client = connect()
    landed = 0
    for recording in recordings:
        for day in sorted({date.fromisoformat(created(row)[:10]) for row in recording.rows}):
            portal.datasets.setdefault(recording.dataset_id, portal.datasets["erm2-nwe9"])
            portal.misbehave(as_a_page(recording, day))

            (page,) = client.pages(recording.dataset_id, day, version_of(recording.dataset_id))

            assert page.rows["payload"].to_pylist() == rows_of(recording, day)
            landed += page.row_count
    assert client.retries == 0
    assert landed == sum(len(recording.rows) for recording in recordings)
    assert landed > 20


def test_a_recorded_empty_answer_is_an_empty_day(
    recordings: list[Recording], portal: Portal, connect: Connect
) -> None:
    empty = [recording for recording in recordings if not recording.rows]
    assert empty
    assert all(recording.has_filter for recording in empty)
    client = connect()
    for recording in empty:
        portal.misbehave(as_a_page(recording, date(2025, 3, 1)))

        (page,) = client.pages("erm2-nwe9", date(2025, 3, 1), version_of("erm2-nwe9"))

        assert page.row_count == 0


def test_every_recorded_column_is_one_that_the_city_declares(recordings: list[Recording]) -> None:
    for recording in recordings:
        names, types = (
            json.loads(recording.headers[f"x-soda2-{what}"]) for what in ("fields", "types")
        )
        assert tuple(names) == _NAMES
        expected = NEW_YORK.expected_types(recording.dataset_id)
        assert dict(zip(names, types, strict=True)) == expected
        for row in recording.rows:
            assert set(json.loads(row)) <= set(_NAMES)


def test_the_recorded_metadata_name_the_columns_of_the_city(
    real_data: Path, portal: Portal, connect: Connect
) -> None:
    body = (real_data / "soda_api" / "views_76ig-c548_metadata.json").read_bytes()
    portal.misbehave(Reply(body, headers={"content-type": "application/json"}), requests="other")

    version = connect().dataset_version("76ig-c548")

    assert version.columns == _NAMES
    assert version.types == NEW_YORK.expected_types("76ig-c548") == _TYPES
    assert version.name == "311 Service Requests from 2010 to 2019"
    assert version.provenance == "official"
    assert version.rows_updated_at == datetime(2025, 12, 24, 18, 19, 8, tzinfo=UTC)
    assert DatasetVersion.from_json(json.loads(json.dumps(version.to_json()))) == version


def test_recorded_error_bodies_are_told_in_one_line(
    real_data: Path, portal: Portal, connect: Connect
) -> None:
    recorded: dict[str, Any] = json.loads(
        (real_data / "soda_api" / "socrata_error_bodies.json").read_text()
    )
    errors = [value for value in recorded.values() if isinstance(value, dict)]
    assert {error["status"] for error in errors} == {400, 404}
    client = connect()
    for error in errors:
        body, status = error["body"], error["status"]
        reply = Reply(json.dumps(body).encode(), status, {"content-type": "application/json"})
        portal.misbehave(reply, requests="other")

        with pytest.raises(RequestRefusedError) as caught:
            client.reach("erm2-nwe9", datetime(2026, 2, 18, 21, 40))

        assert f"answered {status}" in str(caught.value)
        assert (body.get("errorCode") or body["code"]) in str(caught.value)
        assert body["message"] in str(caught.value)
    assert client.retries == 0
