from __future__ import annotations

import json
import threading
import time
from pathlib import Path
from typing import Any

import pytest
from dagster_pipes import PipesMessage

from nyc311_assets.jobs.messages import (
    INTERVAL_KEY,
    PATH_KEY,
    VolumeMessageChannel,
    VolumeMessageWriter,
    chunk_name,
)

NEVER_SECONDS = 3600.0


def message(payload: Any, method: Any = "report_custom_message") -> PipesMessage:
    return PipesMessage(__dagster_pipes_version="0.1", method=method, params={"payload": payload})


def chunks(folder: Path) -> list[list[Any]]:
    """Return what each chunk says, in their order."""
    found: list[list[Any]] = []
    while (path := folder / chunk_name(len(found) + 1)).exists():
        lines = path.read_text().split("\n")
        found.append([json.loads(line)["params"]["payload"] for line in lines])
    return found


def wait_for_chunk(folder: Path, index: int) -> None:
    deadline = time.monotonic() + 30
    while not (folder / chunk_name(index)).exists():
        assert time.monotonic() < deadline, f"no chunk {index} in {sorted(folder.iterdir())}"
        time.sleep(0.005)


def test_messages_keep_their_order_over_any_number_of_chunks(tmp_path: Path) -> None:
    with VolumeMessageWriter().open({PATH_KEY: str(tmp_path), INTERVAL_KEY: 0.001}) as channel:
        for index in range(20_000):
            channel.write_message(message(index))
    assert [payload for chunk in chunks(tmp_path) for payload in chunk] == list(range(20_000))
    assert len(chunks(tmp_path)) > 1


def test_a_lasting_stream_of_messages_shows_while_it_lasts(tmp_path: Path) -> None:
    channel = VolumeMessageChannel(tmp_path, 0.02)
    ended = threading.Event()

    def talk() -> None:
        while not ended.wait(0.002):
            channel.write_message(message("still at it"))

    talker = threading.Thread(target=talk)
    talker.start()
    try:
        wait_for_chunk(tmp_path, 2)
    finally:
        ended.set()
        talker.join()
        channel.close()


def test_the_last_message_is_written_without_waiting_for_more(tmp_path: Path) -> None:
    channel = VolumeMessageChannel(tmp_path, NEVER_SECONDS)
    channel.write_message(message("a result"))
    channel.write_message(message("bye", "closed"))
    wait_for_chunk(tmp_path, 1)
    assert chunks(tmp_path) == [["a result", "bye"]]
    channel.close()
    assert chunks(tmp_path) == [["a result", "bye"]]


def test_what_is_queued_is_written_when_the_channel_closes(tmp_path: Path) -> None:
    channel = VolumeMessageChannel(tmp_path, NEVER_SECONDS)
    channel.write_message(message("a result"))
    channel.close()
    assert chunks(tmp_path) == [["a result"]]


def test_a_chunk_is_whole_as_soon_as_it_is_there(tmp_path: Path) -> None:
    large = "x" * 4_000_000
    channel = VolumeMessageChannel(tmp_path, 0.0)
    for _ in range(8):
        channel.write_message(message(large))
    for index in range(1, 9):
        wait_for_chunk(tmp_path, index)
        assert json.loads((tmp_path / chunk_name(index)).read_text())["params"]["payload"] == large
    channel.close()
    assert len(list(tmp_path.iterdir())) == 8


def test_text_that_looks_like_a_line_end_stays_in_its_message(tmp_path: Path) -> None:
    text = "one\ntwo\u2028three\x85four\r\nfünf"
    with VolumeMessageWriter().open({PATH_KEY: str(tmp_path), INTERVAL_KEY: 0.0}) as channel:
        channel.write_message(message(text))
    assert chunks(tmp_path) == [[text]]


def test_a_message_that_json_does_not_know_fails_where_it_is_reported(tmp_path: Path) -> None:
    channel = VolumeMessageChannel(tmp_path, 0.0)
    with pytest.raises(TypeError, match="not JSON serializable"):
        channel.write_message(message({1, 2}))
    channel.write_message(message("the next one"))
    channel.close()
    assert chunks(tmp_path) == [["the next one"]]


def test_a_chunk_that_cannot_be_written_fails_the_job(tmp_path: Path) -> None:
    channel = VolumeMessageChannel(tmp_path / "removed", 0.0)
    channel.write_message(message("lost"))
    with pytest.raises(FileNotFoundError):
        channel.close()
    with pytest.raises(FileNotFoundError):
        channel.write_message(message("after it"))
