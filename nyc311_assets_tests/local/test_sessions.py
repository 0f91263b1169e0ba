from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

import pytest
from pyspark.sql import SparkSession

from nyc311_assets.local import session_pool
from nyc311_assets.local.session_pool import Session, SessionPool, newest_change
from nyc311_assets.local.sessions import SessionNotEnded, end_session
from nyc311_assets.local.spark import USER_ID
from nyc311_assets.local.spark_remote import session_remote
from nyc311_assets_tests.shared_spark import SharedSpark

# Writes a sign of life every tenth of a second, from within Spark, then appends to a Delta table.
BEATING_JOB = """
import sys, time
from pyspark.sql import SparkSession

beats, table = sys.argv[1:]
spark = SparkSession.builder.getOrCreate()
print("attached", flush=True)

def beat(batches):
    for batch in batches:
        for _ in range(600):
            with open(beats, "a") as file:
                file.write(".")
            time.sleep(0.1)
            yield batch

frame = spark.range(1).repartition(1).mapInPandas(beat, "id LONG")
frame.write.format("delta").save(table)
"""


def beats_stop(beats: Path) -> bool:
    """Tell whether the signs of life stop; allow Spark a moment to interrupt its worker."""
    size, since = -1, time.monotonic()
    deadline = time.monotonic() + 15
    while time.monotonic() < deadline:
        if beats.stat().st_size != size:
            size, since = beats.stat().st_size, time.monotonic()
        elif time.monotonic() - since > 2:
            return True
        time.sleep(0.1)
    return False


def await_beats(beats: Path) -> None:
    deadline = time.monotonic() + 60
    while not beats.exists() or beats.stat().st_size < 3:
        assert time.monotonic() < deadline, "Spark does not run the job"
        time.sleep(0.05)


@pytest.mark.spark
def test_what_a_killed_client_left_running_ends_with_its_session(
    spark_server: SharedSpark, tmp_path: Path
) -> None:
    remote = session_remote(spark_server.remote, str(uuid4()), USER_ID)
    beats, table = tmp_path / "beats", tmp_path / "table"
    with subprocess.Popen(
        [sys.executable, "-c", BEATING_JOB, str(beats), str(table)],
        env=os.environ | {"SPARK_REMOTE": remote},
    ) as client:
        await_beats(beats)
        client.kill()
    seen = beats.stat().st_size
    time.sleep(1)
    assert beats.stat().st_size > seen, "Spark stops by itself: this test shows nothing"
    end_session(remote, timeout_seconds=20)
    assert beats_stop(beats)
    assert not list((table / "_delta_log").glob("*.json"))


@pytest.mark.spark
def test_a_session_that_has_ended_ends_again(spark_server: SharedSpark) -> None:
    remote = session_remote(spark_server.remote, str(uuid4()), USER_ID)
    end_session(remote, timeout_seconds=20)
    end_session(remote, timeout_seconds=20)


@pytest.mark.spark
@pytest.mark.parametrize(
    "change",
    [
        lambda remote: remote.replace("token=", "token=wrong"),
        lambda remote: remote.replace("token=", "ignored="),
        lambda remote: remote.replace("localhost", "127.0.0.1"),
    ],
    ids=["wrong token", "no token", "TLS that the server does not speak"],
)
def test_a_refusal_is_told(spark_server: SharedSpark, change: Callable[[str], str]) -> None:
    remote = change(session_remote(spark_server.remote, str(uuid4()), USER_ID))
    with pytest.raises(SessionNotEnded, match="Spark did not end session"):
        end_session(remote, timeout_seconds=3)


def pool_of(server: SharedSpark, most_tasks: int = 10) -> SessionPool:
    return SessionPool(server.remote, USER_ID, most_tasks=most_tasks, timeout_seconds=20)


@contextmanager
def connected(session: Session) -> Iterator[SparkSession]:
    """A client of a session, which leaves it open as a task does that ends."""
    spark = SparkSession.builder.remote(session.remote).create()
    yield spark
    spark.client.close()


@pytest.mark.spark
def test_the_next_task_has_the_same_session_with_the_servers_settings(
    spark_server: SharedSpark,
) -> None:
    pool = pool_of(spark_server)
    session = pool.take()
    with connected(session) as spark:
        as_set = spark.conf.get("spark.sql.shuffle.partitions")
        spark.conf.set("spark.sql.shuffle.partitions", "7")
        spark.sql("SET spark.sql.ansi.enabled = false")
    pool.give_back(session, is_sound=True)
    again = pool.take()
    assert again is session
    with connected(again) as spark:
        assert spark.conf.get("spark.sql.shuffle.partitions") == as_set
        assert spark.conf.get("spark.sql.ansi.enabled") == "true"
    other = pool.take()
    assert other.remote != session.remote, "two tasks at a time have one session"
    for each in (again, other):
        pool.give_back(each, is_sound=False)


@pytest.mark.spark
@pytest.mark.parametrize(("most_tasks", "is_sound"), [(10, False), (1, True)])
def test_a_session_ends_after_a_task_that_failed_and_after_many(
    spark_server: SharedSpark, most_tasks: int, is_sound: bool
) -> None:
    pool = pool_of(spark_server, most_tasks)
    session = pool.take()
    with connected(session) as spark:
        spark.range(1).count()
    pool.give_back(session, is_sound=is_sound)
    assert pool.take().remote != session.remote
    with (
        pytest.raises(Exception, match=r"SESSION_CLOSED|SESSION_NOT_FOUND"),
        connected(session) as spark,
    ):
        spark.range(1).count()


@pytest.mark.spark
def test_a_task_of_other_code_does_not_get_the_session_of_an_earlier_one(
    spark_server: SharedSpark,
) -> None:
    changed_at = 1.0
    pool = SessionPool(
        spark_server.remote, USER_ID, most_tasks=10, timeout_seconds=20, code=lambda: changed_at
    )
    session = pool.take()
    with connected(session) as spark:
        spark.range(1).count()
    pool.give_back(session, is_sound=True)
    assert pool.take() is session
    pool.give_back(session, is_sound=True)
    changed_at = 2.0
    assert pool.take().remote != session.remote


def test_code_is_as_new_as_its_newest_module() -> None:
    mine = Path(session_pool.__file__).stat().st_mtime
    assert mine <= newest_change() <= time.time()


@pytest.mark.spark
def test_a_session_that_ended_meanwhile_is_not_given_to_a_task(spark_server: SharedSpark) -> None:
    pool = pool_of(spark_server)
    session = pool.take()
    with connected(session) as spark:
        spark.range(1).count()
    pool.give_back(session, is_sound=True)
    end_session(session.remote, timeout_seconds=20)
    assert pool.take().remote != session.remote


@pytest.mark.spark
def test_what_a_task_left_running_ends_with_its_session_although_it_succeeded(
    spark_server: SharedSpark, tmp_path: Path
) -> None:
    pool = pool_of(spark_server)
    session = pool.take()
    beats, table = tmp_path / "beats", tmp_path / "table"
    with subprocess.Popen(
        [sys.executable, "-c", BEATING_JOB, str(beats), str(table)],
        env=os.environ | {"SPARK_REMOTE": session.remote},
    ) as client:
        await_beats(beats)
        client.kill()
    pool.give_back(session, is_sound=True)
    assert beats_stop(beats)
    assert pool.take().remote != session.remote


@pytest.mark.parametrize(
    ("remote", "expected"),
    [
        ("sc://host", "sc://host/;user_id=nyc311;session_id=S"),
        ("sc://host:1/", "sc://host:1/;user_id=nyc311;session_id=S"),
        ("sc://host/;token=a", "sc://host/;token=a;user_id=nyc311;session_id=S"),
        ("sc://host/;user_id=me", "sc://host/;user_id=me;session_id=S"),
    ],
)
def test_a_session_is_named_in_the_connection_string(remote: str, expected: str) -> None:
    assert session_remote(remote, "S", "nyc311") == expected
