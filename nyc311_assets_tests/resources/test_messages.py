from __future__ import annotations

import json
import logging
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
from dagster_pipes import PipesMessage

from nyc311_assets.jobs.messages import PATH_KEY, VolumeMessageWriter, chunk_name
from nyc311_assets.resources.messages import MessagesUnreadable, VolumeMessageReader
from nyc311_assets.resources.redaction import Redactor
from nyc311_assets.resources.volume import Volume
from nyc311_assets_tests.resources.probe import hardened

NEVER_SECONDS = 3600.0
LOG = logging.getLogger(__name__)


def message(payload: Any, method: Any = "report_custom_message") -> PipesMessage:
    return PipesMessage(__dagster_pipes_version="0.1", method=method, params={"payload": payload})


CLOSED = PipesMessage(__dagster_pipes_version="0.1", method="closed", params={})


@pytest.fixture
def volume(workspace_home: Path) -> Volume:
    return Volume(hardened(workspace_home).client, str(workspace_home / "volumes"), LOG)


def reader_of(volume: Volume, grace_seconds: float = NEVER_SECONDS) -> VolumeMessageReader:
    return VolumeMessageReader(
        volume, interval_seconds=0.02, grace_seconds=grace_seconds, redact=Redactor(["s3cr3t"])
    )


@contextmanager
def reading(
    reader: VolumeMessageReader,
) -> Iterator[tuple[dg.PipesMessageHandler, dict[str, Any]]]:
    """Read with the reader; give the handler and the parameters for the writer."""
    with dg.build_op_context() as context:
        handler = dg.PipesMessageHandler(context, reader)
        with reader.read_messages(handler) as parameters:
            yield handler, dict(parameters)


def wait_for_messages(handler: dg.PipesMessageHandler, count: int) -> None:
    deadline = time.monotonic() + 30
    while len(handler.get_custom_messages()) < count:
        assert time.monotonic() < deadline, f"{len(handler.get_custom_messages())} of {count}"
        time.sleep(0.01)


def test_many_messages_arrive_in_their_order_while_the_job_runs(volume: Volume) -> None:
    with (
        reading(reader_of(volume)) as (handler, parameters),
        VolumeMessageWriter().open(parameters) as channel,
    ):
        for index in range(5_000):
            channel.write_message(message(index))
        wait_for_messages(handler, 5_000)
        closed_while_it_ran = handler.received_closed_message
        channel.write_message(CLOSED)
    assert not closed_while_it_ran
    assert handler.received_closed_message
    assert list(handler.get_custom_messages()) == list(range(5_000))


def test_large_messages_arrive_whole(volume: Volume) -> None:
    large = [character * 3_000_000 for character in "abc"]
    with (
        reading(reader_of(volume)) as (handler, parameters),
        VolumeMessageWriter().open(parameters) as channel,
    ):
        for text in large:
            channel.write_message(message(text))
        channel.write_message(CLOSED)
    assert list(handler.get_custom_messages()) == large


def test_half_a_chunk_is_never_seen(volume: Volume) -> None:
    text = json.dumps(message("whole"))
    with reading(reader_of(volume)) as (handler, parameters):
        folder = Path(parameters[PATH_KEY])
        draft = folder / f".{chunk_name(1)}"
        draft.write_text(text[:20])
        time.sleep(0.1)
        draft.write_text(text + "\n" + json.dumps(CLOSED))
        draft.replace(folder / chunk_name(1))
    assert list(handler.get_custom_messages()) == ["whole"]


def test_reading_ends_with_the_last_message_however_long_the_grace_is(volume: Volume) -> None:
    with (
        reading(reader_of(volume, NEVER_SECONDS)) as (handler, parameters),
        VolumeMessageWriter().open(parameters) as channel,
    ):
        channel.write_message(CLOSED)
    assert handler.received_closed_message


def test_a_job_that_never_closes_is_not_waited_for_beyond_the_grace(volume: Volume) -> None:
    with (
        reading(reader_of(volume, grace_seconds=0.2)) as (handler, parameters),
        VolumeMessageWriter().open(parameters) as channel,
    ):
        channel.write_message(message("the only one"))
    assert list(handler.get_custom_messages()) == ["the only one"]
    assert not handler.received_closed_message


def test_a_chunk_that_shows_within_the_grace_is_read(volume: Volume, tmp_path: Path) -> None:
    late = tmp_path / "late"
    late.write_text(json.dumps(message("late")) + "\n" + json.dumps(CLOSED))
    with reading(reader_of(volume)) as (handler, parameters):
        target = Path(parameters[PATH_KEY]) / chunk_name(1)
        upload = threading.Timer(0.2, late.replace, [target])
        upload.start()
    assert list(handler.get_custom_messages()) == ["late"]


def test_a_chunk_whose_predecessor_is_missing_counts_for_nothing(volume: Volume) -> None:
    with reading(reader_of(volume, grace_seconds=0.1)) as (handler, parameters):
        (Path(parameters[PATH_KEY]) / chunk_name(2)).write_text(json.dumps(CLOSED))
    assert not handler.received_closed_message


@pytest.mark.parametrize("chunk", ["{half a message", '{"method": "unheard of", "params": {}}'])
def test_what_ends_the_reader_is_raised_at_once_and_at_the_end(volume: Volume, chunk: str) -> None:
    reader = reader_of(volume)
    deadline = time.monotonic() + 30
    with (
        pytest.raises(MessagesUnreadable, match="Its results are unknown"),
        reading(reader) as (_, parameters),
    ):
        (Path(parameters[PATH_KEY]) / chunk_name(1)).write_text(chunk)
        with pytest.raises(MessagesUnreadable):
            while time.monotonic() < deadline:
                reader.raise_if_unreadable()
                time.sleep(0.01)


def test_an_exception_of_the_step_is_not_replaced_by_the_reader_s(volume: Volume) -> None:
    reader = reader_of(volume)
    with pytest.raises(LookupError, match="mine"), reading(reader) as (_, parameters):
        (Path(parameters[PATH_KEY]) / chunk_name(1)).write_text("{half a message")
        raise LookupError("mine")


def test_no_folder_is_left(volume: Volume) -> None:
    with (
        reading(reader_of(volume, grace_seconds=0.0)) as (_, parameters),
        VolumeMessageWriter().open(parameters) as channel,
    ):
        folder = Path(parameters[PATH_KEY])
        channel.write_message(message("one"))
    assert folder.parent.name == "pipes"
    assert not folder.exists()


def test_no_folder_is_left_by_a_step_that_failed(volume: Volume) -> None:
    folder = Path()
    with pytest.raises(LookupError), reading(reader_of(volume)) as (_, parameters):
        folder = Path(parameters[PATH_KEY])
        (folder / ".2.json").write_text("a draft of a job that was killed")
        raise LookupError
    assert folder.parent.name == "pipes"
    assert not folder.exists()


def test_a_reader_is_good_for_one_job(volume: Volume) -> None:
    reader = reader_of(volume, grace_seconds=0.0)
    with reading(reader):
        pass
    with pytest.raises(RuntimeError, match="make a new one"), reading(reader):
        pass


def test_secrets_are_blacked_out_before_anybody_sees_them(volume: Volume) -> None:
    with (
        reading(reader_of(volume)) as (handler, parameters),
        VolumeMessageWriter().open(parameters) as channel,
    ):
        channel.write_message(message({"header": "X-App-Token: s3cr3t"}))
        channel.write_message(CLOSED)
    assert list(handler.get_custom_messages()) == [{"header": "X-App-Token: [REDACTED]"}]
