"""Answers kept on disk."""

from __future__ import annotations

import logging
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

from nyc311_assets.pipeline.soda import AnswerCache, DatasetVersion
from nyc311_assets.pipeline.soda.queries import page_query

PORTAL = "https://data.example.org"
VERSION = DatasetVersion(
    "erm2-nwe9",
    "311",
    datetime(2026, 2, 19, tzinfo=UTC),
    ("unique_key",),
    "official",
    {"unique_key": "text"},
)
NEWER = replace(VERSION, rows_updated_at=VERSION.rows_updated_at + timedelta(days=1))
QUERY = page_query("erm2-nwe9", date(2026, 2, 18), VERSION.columns, 50_000)
OTHER_QUERY = page_query("erm2-nwe9", date(2026, 2, 17), VERSION.columns, 50_000)
BODY = '[{"unique_key":"1","descriptor":"Ñ"}]\n'.encode() * 1000


def entries(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file()]


@pytest.fixture
def cache(tmp_path: Path) -> AnswerCache:
    return AnswerCache(tmp_path / "cache", PORTAL)


def test_an_answer_comes_back_as_it_was(cache: AnswerCache) -> None:
    assert cache.get(QUERY, VERSION) is None

    cache.put(QUERY, VERSION, BODY)

    assert cache.get(QUERY, VERSION) == BODY
    (entry,) = entries(cache.folder)
    assert entry.stat().st_size < len(BODY) / 10


def test_an_empty_answer_is_an_answer(cache: AnswerCache) -> None:
    cache.put(QUERY, VERSION, b"")

    assert cache.get(QUERY, VERSION) == b""


def test_another_query_version_or_source_is_another_answer(cache: AnswerCache) -> None:
    cache.put(QUERY, VERSION, BODY)

    assert cache.get(OTHER_QUERY, VERSION) is None
    assert cache.get(QUERY, NEWER) is None
    assert AnswerCache(cache.folder, "https://other.example.org").get(QUERY, VERSION) is None


@pytest.mark.parametrize("keep", [0, 3, 20, 60, -1], ids=lambda keep: f"cut at {keep}")
def test_an_entry_that_is_cut_off_is_not_there_and_is_deleted(
    cache: AnswerCache, caplog: pytest.LogCaptureFixture, keep: int
) -> None:
    cache.put(QUERY, VERSION, BODY)
    (entry,) = entries(cache.folder)
    entry.write_bytes(entry.read_bytes()[:keep])

    assert cache.get(QUERY, VERSION) is None
    assert entries(cache.folder) == []
    assert "is damaged" in caplog.text


@pytest.mark.parametrize("place", [0, 10, 40, 44, 50, -1])
def test_an_entry_with_one_wrong_byte_is_not_there(cache: AnswerCache, place: int) -> None:
    cache.put(QUERY, VERSION, BODY)
    (entry,) = entries(cache.folder)
    damaged = bytearray(entry.read_bytes())
    damaged[place] ^= 0xFF
    entry.write_bytes(damaged)

    assert cache.get(QUERY, VERSION) is None


def test_a_newer_version_evicts_the_older_ones_of_its_dataset_only(cache: AnswerCache) -> None:
    older_dataset = replace(VERSION, dataset_id="76ig-c548")
    cache.put(QUERY, VERSION, BODY)
    cache.put(QUERY, older_dataset, BODY)

    cache.put(QUERY, NEWER, BODY)

    assert cache.get(QUERY, VERSION) is None
    assert cache.get(QUERY, NEWER) == BODY
    assert cache.get(QUERY, older_dataset) == BODY


def test_a_run_that_still_reads_the_older_version_evicts_nothing(cache: AnswerCache) -> None:
    cache.put(QUERY, NEWER, BODY)

    cache.put(QUERY, VERSION, BODY)

    assert cache.get(QUERY, NEWER) == BODY


def test_another_source_evicts_the_one_before_and_nothing_else(cache: AnswerCache) -> None:
    cache.put(QUERY, VERSION, BODY)
    foreign = cache.folder / "notes"
    foreign.mkdir()

    AnswerCache(cache.folder, "https://other.example.org").put(QUERY, VERSION, BODY)

    assert cache.get(QUERY, VERSION) is None
    assert foreign.is_dir()


def test_a_cache_that_cannot_be_written_is_logged_and_stops_nothing(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "file").write_text("in the way")
    cache = AnswerCache(tmp_path / "file" / "cache", PORTAL)

    with caplog.at_level(logging.WARNING):
        cache.put(QUERY, VERSION, BODY)
        assert cache.get(QUERY, VERSION) is None

    assert "Could not read the cache entry" in caplog.text
    assert "Could not keep the answer for dataset erm2-nwe9" in caplog.text
    assert "space and permissions" in caplog.text


def test_no_half_written_file_is_left_behind(
    cache: AnswerCache, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_space(self: Path, target: Path) -> Path:
        raise OSError(28, "No space left on device", str(self), None, str(target))

    monkeypatch.setattr(Path, "replace", no_space)
    cache.put(QUERY, VERSION, BODY)

    assert entries(cache.folder) == []
    assert cache.get(QUERY, VERSION) is None
